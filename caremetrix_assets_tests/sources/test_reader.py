"""Files as they come: releases, headers, encodings, damaged lines, parts; what the archive then holds."""

from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest

from caremetrix_assets.catalog.models import SQL_TYPES
from caremetrix_assets_tests.sources.drops import minimal
from caremetrix_assets_tests.sources.feed import feed
from caremetrix_assets_tests.sources.releases import RELEASES, ROWS, csv_text, release_files

CONDITIONS = "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION"


def conditions(*lines, header=CONDITIONS, end="\n"):
    return end.join([header, *lines]) + end


def good(code):
    return f"2025-01-02,,p1,e1,{code},text"


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_reads_without_a_broken_row(lab, release):
    taken = lab.take(release_files(release))
    assert taken.entry.status == "accepted", taken.entry.reason
    report = taken.report["files"]
    assert {name: (f["rows"], f["broken"], f["unknown_columns"]) for name, f in report.items()} == {
        name: (len(ROWS[name]), 0, []) for name in RELEASES[release]
    }
    (visit,) = lab.rows(taken, "procedures")
    assert visit["start"] == datetime(2025, 1, 2, 10) and visit["base_cost"] == Decimal("431.40")
    assert visit["stop"] == (None if release == "2.7" else datetime(2025, 1, 2, 10, 15))
    (span,) = lab.rows(taken, "payer_transitions")
    assert (span["start_date"], span["end_date"]) == (datetime(2025, 1, 1), datetime(2026, 1, 1))
    assert span["plan_ownership"] == "Self"
    assert lab.rows(taken, "patients")[0]["birthdate"] == date(1980, 2, 29)


def test_an_archive_file_has_the_contracts_columns_and_types(lab):
    taken = lab.take({**release_files("3.2"), **feed()})
    for name, file in lab.files.items():
        path = lab.lake.local_path(f"ops/drops/{taken.entry.drop_id}/{name}.parquet")
        with duckdb.connect() as con:
            found = [row[:2] for row in con.execute(f"describe from '{path}'").fetchall()]
        own = [(c.name, SQL_TYPES[c.type]) for c in file.table.source_columns]
        ends = [("source_file", "VARCHAR"), ("source_line", "BIGINT"), ("broken_rule", "VARCHAR"), ("raw_text", "VARCHAR")]
        assert found == [*own, *ends, ("is_superseded", "BOOLEAN")]


def test_headers_bind_by_name_in_any_order_and_case(lab):
    text = csv_text(
        "code,Patient,ENCOUNTER,start,Extra Column,stop", {"code": "7", "Patient": "p1", "ENCOUNTER": "e1", "start": "2025-01-02"}
    )
    taken = lab.take(minimal(conditions=text))
    (row,) = lab.rows(taken, "conditions")
    assert (row["code"], row["patient"], row["start"], row["description"]) == ("7", "p1", date(2025, 1, 2), None)
    report = taken.report["files"]["conditions"]
    assert report["columns"] == ["start", "stop", "patient", "encounter", "code"]
    assert report["unknown_columns"] == ["Extra Column"]
    assert any("Extra Column" in warning for warning in taken.report["warnings"])


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Identifier,BIRTHDATE", "patients.csv: the header lacks the required column ID"),
        ("Id,BIRTHDATE,id", "patients.csv: the header names column ID more than once"),
        ("Id,BIRTHDATE,x,X", "patients.csv: the header has a column name more than once"),
        ("p9,1980-02-29", "patients.csv: the header lacks the required column ID"),
    ],
)
def test_a_wrong_header_rejects_with_file_and_column_and_no_value(lab, header, told):
    reason = lab.rejection(minimal(patients=f"{header}\np1,1980-02-29\n"))
    assert told in reason and "p9" not in reason and "p1" not in reason


def test_a_missing_foreign_key_rejects(lab):
    assert "conditions.csv: the header lacks the required columns PATIENT, ENCOUNTER" in lab.rejection(
        minimal(conditions="START,STOP,CODE\n2025-01-02,,1\n")
    )


@pytest.mark.parametrize("name", ["conditions.csv", "conditions.csv.gz", "csv/conditions.csv"])
@pytest.mark.parametrize(
    "text",
    [
        conditions(good(1), good(2)),
        conditions(good(1), good(2), end="\r\n"),
        conditions(good(1), good(2))[:-1],
        "\ufeff" + conditions(good(1), good(2)),
        conditions(good(1), "", good(2), "", ""),
        conditions(good(1), good(2)).replace("\n", "\r\n", 1),
    ],
    ids=["unix", "windows", "no last line end", "byte order mark", "blank lines", "mixed line ends"],
)
def test_the_same_rows_in_any_dress(lab, name, text):
    taken = lab.take({**minimal(), name: text})
    rows = lab.rows(taken, "conditions")
    assert [(r["code"], r["description"], r["source_file"]) for r in rows] == [("1", "text", name), ("2", "text", name)]
    lines = text.removeprefix("\ufeff").splitlines()
    assert [r["source_line"] for r in rows] == [lines.index(good(1)) + 1, lines.index(good(2)) + 1]


def test_quotes_commas_and_line_ends_in_texts(lab):
    text = conditions('2025-01-02,,p1,e1,1,"said ""ouch"", twice"', '2025-01-02,,p1,e1,2,"two\nlines"', good(3), '2025-01-02,,p1,e1,4,5"4')
    rows = lab.rows(lab.take(minimal(conditions=text)), "conditions")
    assert [(r["source_line"], r["description"]) for r in rows] == [(2, 'said "ouch", twice'), (3, "two\nlines"), (5, "text"), (6, '5"4')]


BAD_LINES = [
    (b"2025-01-02,,p1,e1,9", "ragged_row", "2025-01-02,,p1,e1,9"),
    (b"2025-01-02,,p1,e1,9,a,b", "ragged_row", "2025-01-02,,p1,e1,9,a,b"),
    (b"2025-01-02,,p1,e1,9,\xff", "not_utf8", "2025-01-02,,p1,e1,9,\\xff"),
    (b"2025-01-02,,p1,e1,9,\x00", "nul_byte", "2025-01-02,,p1,e1,9,\\x00"),
    (b'2025-01-02,,p1,e1,9,"x', "unterminated_quote", '2025-01-02,,p1,e1,9,"x'),
    (b"2025-02-30,,p1,e1,9,x", "cannot_type.start", "2025-02-30,,p1,e1,9,x"),
    (b"2025-01-02,,,e1,9,x", "missing.patient", "2025-01-02,,,e1,9,x"),
    (b"2025-01-02,,p1,e1, ,x", "missing.code", "2025-01-02,,p1,e1, ,x"),
]


@pytest.mark.parametrize(("line", "rule", "text"), BAD_LINES, ids=[f"{i}-{b[1]}" for i, b in enumerate(BAD_LINES)])
def test_one_bad_line_is_quarantined_with_its_text_and_the_others_count(lab, line, rule, text):
    content = conditions(good(1)).encode() + line + b"\n" + good(2).encode() + b"\n"
    taken = lab.take(minimal(conditions=content))
    rows = lab.rows(taken, "conditions")
    assert [(r["source_line"], r["broken_rule"], r["raw_text"]) for r in rows] == [(2, None, None), (3, rule, text), (4, None, None)]
    assert taken.report["files"]["conditions"]["rules"] == {rule: 1}
    assert (taken.entry.rows_in, taken.entry.rows_quarantined) == (8, 1)


def test_a_year_beyond_2200_and_other_sentinels_are_null_and_counted(lab):
    files = release_files("3.0")
    files["payer_transitions.csv"] = csv_text(
        RELEASES["3.0"]["payer_transitions"],
        {"PATIENT": "p1", "START_YEAR": "2025-01-01T00:00:00Z", "END_YEAR": "292278994-08-17T07:12:55Z", "PAYER": "y1"},
    )
    files["payers.csv"] = csv_text(RELEASES["3.0"]["payers"], {"Id": "y1", "QOLS_AVG": "NaN"})
    files["patients.csv"] = csv_text(RELEASES["3.0"]["patients"], {"Id": "p1", "ZIP": "00000"})
    files["claims.csv"] = csv_text(
        RELEASES["3.0"]["claims"], {**ROWS["claims"][0], "PRIMARYPATIENTINSURANCEID": "0", "SECONDARYPATIENTINSURANCEID": "0"}
    )
    taken = lab.take(files)
    sentinels = {name: f["sentinels"] for name, f in taken.report["files"].items() if f["sentinels"]}
    assert sentinels == {
        "payer_transitions": {"end_date": 1},
        "payers": {"qols_avg": 1},
        "patients": {"zip": 1},
        "claims": {"primarypatientinsuranceid": 1, "secondarypatientinsuranceid": 1},
        "claims_transactions": {"todate": 2},
    }
    assert lab.rows(taken, "payer_transitions")[0]["end_date"] is None
    assert lab.rows(taken, "payers")[0]["qols_avg"] is None


def test_parts_are_read_in_numeric_order(lab):
    parts = {f"conditions-{k}.csv": conditions(good(k)) for k in (10, 2, 1)}
    rows = lab.rows(lab.take({**minimal(), **parts}), "conditions")
    assert [(r["code"], r["source_file"], r["source_line"]) for r in rows] == [
        ("1", "conditions-1.csv", 2),
        ("2", "conditions-2.csv", 2),
        ("10", "conditions-10.csv", 2),
    ]


def test_a_damaged_part_leaves_the_others_as_they_are(lab):
    parts = {"conditions-1.csv": conditions(good(1)), "conditions-2.csv": conditions("x,y", good(2))}
    rows = lab.rows(lab.take({**minimal(), **parts}), "conditions")
    assert [(r["code"], r["source_line"], r["broken_rule"]) for r in rows] == [("1", 2, None), (None, 2, "ragged_row"), ("2", 3, None)]


def test_parts_that_need_patience_for_different_reasons(lab):
    quoted = '2025-01-02,,p1,e1,2,"two\nlines"'
    parts = {"conditions-1.csv": conditions("", good(1)), "conditions-2.csv": conditions(quoted), "conditions-3.csv": conditions(good(3))}
    rows = lab.rows(lab.take({**minimal(), **parts}), "conditions")
    assert [(r["code"], r["source_line"], r["description"]) for r in rows] == [("1", 3, "text"), ("2", 2, "two\nlines"), ("3", 2, "text")]


def test_parts_may_order_their_columns_differently_but_not_have_others(lab):
    swapped = "STOP,START,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n,2025-01-02,p1,e1,2,text\n"
    rows = lab.rows(lab.take({**minimal(), "conditions-1.csv": conditions(good(1)), "conditions-2.csv": swapped}), "conditions")
    assert [(r["code"], r["start"]) for r in rows] == [("1", date(2025, 1, 2)), ("2", date(2025, 1, 2))]
    other = "START,STOP,PATIENT,ENCOUNTER,SYSTEM,CODE\n2025-01-02,,p1,e1,s,2\n"
    lab.drop("next", {"conditions-1.csv": conditions(good(1)), "conditions-2.csv": other}, kind="delta")
    (taken,) = lab.take_in()
    assert "conditions-2.csv: its header is not that of conditions-1.csv" in (taken.entry.reason or "")


def test_a_file_without_a_byte_and_one_with_a_header_only(lab):
    taken = lab.take(minimal(conditions="", devices="START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,UDI\n"))
    assert lab.rows(taken, "conditions") == [] == lab.rows(taken, "devices")
    assert [taken.report["files"][n]["columns"][:1] for n in ("conditions", "devices")] == [[], ["start"]]
    assert "conditions.csv is empty; read as without rows." in taken.report["warnings"]


def test_a_required_file_without_a_byte_rejects(lab):
    assert "patients.csv is empty" in lab.rejection(minimal(patients=""))


def test_the_last_line_of_a_repeated_key_counts(lab):
    lines = [good(1), good(2), good(1).replace("text", "newer"), good(3)]
    taken = lab.take(minimal(conditions=conditions(*lines)))
    rows = lab.rows(taken, "conditions")
    assert [(r["code"], r["description"], r["is_superseded"]) for r in rows] == [
        ("1", "text", True),
        ("2", "text", False),
        ("1", "newer", False),
        ("3", "text", False),
    ]
    assert taken.entry.rows_superseded == 1 == taken.report["files"]["conditions"]["superseded"]


def test_a_broken_repetition_supersedes_nothing(lab):
    taken = lab.take(minimal(conditions=conditions(good(1), "2025-01-02,20x,p1,e1,1,text")))
    assert [(r["broken_rule"], r["is_superseded"]) for r in lab.rows(taken, "conditions")] == [(None, False), ("cannot_type.stop", False)]


def test_rows_of_a_file_with_ordinals_are_never_superseded(lab):
    supplies = "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION,QUANTITY\n" + "2025-01-02,p1,e1,7,Floss,1\n" * 3
    assert [r["is_superseded"] for r in lab.rows(lab.take(minimal(supplies=supplies)), "supplies")] == [False] * 3
