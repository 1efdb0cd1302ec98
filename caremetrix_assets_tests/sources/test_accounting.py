"""Whatever a file holds, every record is exactly one of good, broken or superseded, in file order and on its line."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from hypothesis import given, settings
from hypothesis import strategies as st

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.sources.contracts import raw_files
from caremetrix_assets.sources.finish import mark, write_marked
from caremetrix_assets.sources.header import bind
from caremetrix_assets.sources.reader import Part, connect, read_file
from caremetrix_assets.sources.records import count_records, records
from caremetrix_assets.sources.scan import scan
from caremetrix_assets_tests.sources.drops import read

FILE = raw_files(load_catalog())["conditions"]
HEADER = ["START", "STOP", "PATIENT", "ENCOUNTER", "CODE", "DESCRIPTION"]
DAYS = st.sampled_from([b"2025-01-02", b"2025-01-03", b"", b"x", b"9999-01-01"])
IDS = st.sampled_from([b"p1", b"p2", b" ", b""])
TEXTS = st.sampled_from([b"text", b'"a, b"', b'"two\nlines"', b'"open', b'5"4', b"\xc3\xa9", b"\xff", b"\x00", b"a,b", b""])
ROW = st.tuples(DAYS, DAYS, IDS, IDS, st.sampled_from([b"1", b"2"]), TEXTS).map(b",".join)
LINE = st.one_of(ROW, ROW, ROW, st.sampled_from([b"", b"  ", b",,,,,", b"1,2", b'"']))
END = st.sampled_from([b"\n", b"\r\n"])


@cache
def database():
    """One DuckDB for all examples; each works on a cursor of its own."""
    return connect(Path(gettempdir()), 1, "300MB")


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(st.tuples(LINE, END), max_size=12), packed=st.booleans(), last=st.booleans())
def test_rows_are_good_broken_or_superseded(lines, packed, last):
    data = ",".join(HEADER).encode() + b"\n" + b"".join(line + end for line, end in lines)
    data = data if last else data.rstrip(b"\r\n")
    with TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "x.csv").write_bytes(data)
        found = scan(work / "x.csv", "conditions.csv", work / "plain")
        with database().cursor() as con:
            part = Part("conditions.csv", found, bind(FILE, HEADER, "conditions.csv"))
            typed = read_file(con, FILE, [part], work / "out.parquet")
            marked = mark(con, typed)
            rows = read(write_marked(con, typed, [part], work / "marked.parquet"))
        expected = [(r.line, r.rule) for r in records(work / "x.csv", len(HEADER))]
    assert [r["source_line"] for r in rows] == [line for line, _ in expected]
    assert len(rows) == typed.rows == count_records_of(found, expected)
    broken = [r for r in rows if r["broken_rule"]]
    superseded = [r for r in rows if r["is_superseded"]]
    assert (len(broken), len(superseded)) == (marked.broken, marked.superseded)
    assert not [r for r in broken if r["is_superseded"] or not isinstance(r["raw_text"], str)]
    assert [rule for _, rule in expected if rule] == [r["broken_rule"] for r in broken if "." not in r["broken_rule"]]
    good = [tuple(r[k] for k in FILE.source.key) for r in rows if not r["broken_rule"] and not r["is_superseded"]]
    assert len(good) == len(set(good)) and all(r["raw_text"] is None for r in rows if not r["broken_rule"])
    assert len(rows) == len(good) + len(broken) + len(superseded)


def count_records_of(found, expected):
    """The count that a manifest would state agrees with the records."""
    return count_records(found) if found.path.exists() else len(expected)
