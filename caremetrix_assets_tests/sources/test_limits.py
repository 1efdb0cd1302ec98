"""Files and fields without end: one clear sentence, little memory, nothing left on the disk."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from caremetrix_assets.errors import InputError
from caremetrix_assets.settings import load_settings
from caremetrix_assets.sources.examine import ReadOptions
from caremetrix_assets.sources.intake import take_in
from caremetrix_assets.sources.quarantine import read_quarantine
from caremetrix_assets.sources.records import SHOWN_BYTES, header_line, records
from caremetrix_assets.sources.scan import CHUNK, Limits, scan
from caremetrix_assets_tests.sources.drops import TODAY, Lab, minimal
from caremetrix_assets_tests.sources.releases import R33

GOOD = "2025-01-02,,p1,e1,s,1,text"


def peak_mb(work: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("length", "too_long"), [(99, False), (100, False), (101, True)])
@pytest.mark.parametrize("chunk", [7, 64, CHUNK])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_the_longest_line_is_found_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, too_long: bool, chunk: int, place: str
) -> None:
    monkeypatch.setattr("caremetrix_assets.sources.scan.CHUNK", chunk)
    lines = ["a,b", "1,2", "3,4"]
    lines["first middle last".split().index(place)] = "x" * length
    path = tmp_path / "x.csv"
    path.write_text("\n".join(lines) + ("" if place == "last" else "\n"))
    found = scan(path, "x.csv", tmp_path / "plain", Limits(record=100))
    assert (found.has_long_line, found.may_be_read_fast) == (too_long, not too_long)


def test_a_record_that_is_too_long_is_one_broken_row(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n" + "9," + "y" * 5_000 + "\n3,4\n" + '5,"' + ("z" * 90 + "\n") * 20 + '"\n6,7\n')
    found = [(r.line, r.rule, r.fields) for r in records(path, 2, max_record=1_000)]
    assert found[:3] == [(2, None, ["1", "2"]), (3, "too_long", []), (4, None, ["3", "4"])]
    assert found[3][:2] == (5, "unterminated_quote"), "a quoted field over many lines counts as one record"
    assert found[-1] == (26, None, ["6", "7"])
    assert [len(r.text) for r in records(path, 2, max_record=1_000) if r.rule == "too_long"] == [SHOWN_BYTES]


def test_a_huge_field_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with open(path, "wb") as file:
        file.write(b"a,b\n1,")
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b"\n3,4\n")
    assert peak_mb(lambda: scan(path, "x.csv", tmp_path / "plain")) < 20
    assert peak_mb(lambda: [r.rule for r in records(path, 2)]) < 20
    with open(path, "rb") as source:
        source.seek(4)
        with pytest.raises(InputError, match="longer than 65536 bytes"):
            header_line(source, "x.csv")


def test_a_packed_file_is_not_unpacked_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"0" * (40 * 2**20)))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="x.csv.gz holds more than 0.01 GB.*CAREMETRIX_MAX_FILE_GB"):
        scan(path, path.name, tmp_path / "plain", Limits(file=0.01 * 2**30))
    assert (tmp_path / "plain").stat().st_size < 0.01 * 2**30 + CHUNK


def test_a_drop_with_such_files(lab: Lab) -> None:
    long = "2025-01-02,,p1,e1,s,2," + "x" * 300_000
    lab.drop("one", minimal(conditions="\n".join([R33["conditions"], GOOD, long]) + "\n"), day="2025-01-30")
    lab.drop("two", minimal(conditions="\n".join([R33["conditions"], *[GOOD] * 5_000]) + "\n"))
    settings = load_settings(max_file_gb="0.0001", max_record_kb="50")
    options = ReadOptions.of(settings, lab.root / "work")
    assert (options.limits.file, options.limits.record) == (0.0001 * 2**30, 51_200)
    (one, two) = take_in(
        lab.inbox, lab.lake, lab.catalog, lab.ledger, TODAY, ReadOptions(lab.root / "work", limits=Limits(400_000, 51_200))
    )
    assert (one.entry.status, one.entry.rows_in, one.entry.rows_quarantined) == ("accepted", 7, 1)
    (row,) = read_quarantine(lab.lake, "conditions", [one.entry.drop_id]).to_pylist()
    assert (row["source_line"], row["rule"], row["raw_text"]) == (3, "too_long", long[:SHOWN_BYTES])
    assert two.entry.status == "accepted"
    lab.drop("three", minimal(conditions="\n".join([R33["conditions"], *[GOOD] * 20_000]) + "\n"), sequence=1)
    (three,) = take_in(lab.inbox, lab.lake, lab.catalog, lab.ledger, TODAY, options)
    assert three.entry.status == "rejected" and "the limit for a file" in (three.entry.reason or "")
    assert list((lab.root / "work").iterdir()) == []
