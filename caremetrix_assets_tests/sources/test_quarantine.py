"""Quarantine: what stands in it, with text, line and rule; waiting rows beside broken ones; broken rows read once more."""

import duckdb
import pyarrow as pa
import pytest

from caremetrix_assets.catalog.models import Column
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.quarantine import list_quarantine, quarantine_key, read_quarantine, write_quarantine
from caremetrix_assets.sources.retry import retry_all, retry_broken
from caremetrix_assets_tests.sources.drops import minimal, read
from caremetrix_assets_tests.sources.releases import R33, csv_text, release_files
from caremetrix_assets_tests.sources.test_units import HEADER, many, whole

BAD = "someday,,p1,e1,s,9,text"
CONDITIONS = "\n".join([R33["conditions"], *(f'2025-01-02,,p1,e1,s,{k},"a, b"' for k in range(198)), BAD]) + "\n"


def stored(lab, taken, file):
    return read(lab.lake.local_path(quarantine_key(file, taken.entry.drop_id)))


def waiting(*lines, name="conditions.csv"):
    return pa.table({"source_file": [name] * len(lines), "source_line": list(lines), "rule": ["waiting.patient"] * len(lines)})


def test_broken_rows_stand_there_with_text_line_and_rule(lab):
    taken = lab.take(minimal(conditions=CONDITIONS))
    assert stored(lab, taken, "conditions") == [
        {
            "drop_id": taken.entry.drop_id,
            "source_file": "conditions.csv",
            "source_line": 200,
            "kind": "broken",
            "rule": "cannot_type.start",
            "raw_text": BAD,
        }
    ]
    (line,) = list_quarantine(lab.lake)
    assert (line.file, line.kind, line.rule, line.rows, line.first_line) == ("conditions", "broken", "cannot_type.start", 1, 200)
    assert line == list_quarantine(lab.lake, "conditions")[0] and list_quarantine(lab.lake, "devices") == []


def test_a_file_without_such_rows_has_no_object(lab):
    lab.take(minimal())
    assert lab.lake.list("quarantine/") == []


@pytest.mark.parametrize("kind", ["table", "relation"])
def test_waiting_rows_stand_beside_broken_ones_and_leave_again(lab, kind):
    taken = lab.take(minimal(conditions=CONDITIONS))
    with duckdb.connect() as con:
        given = waiting(3, 2) if kind == "table" else con.from_arrow(waiting(3, 2))
        assert write_quarantine(lab.lake, lab.files["conditions"], taken.entry.drop_id, given) == 3
    rows = stored(lab, taken, "conditions")
    assert [(r["source_line"], r["kind"], r["rule"]) for r in rows] == [
        (2, "waiting", "waiting.patient"),
        (3, "waiting", "waiting.patient"),
        (200, "broken", "cannot_type.start"),
    ]
    assert rows[0]["raw_text"] == '2025-01-02,,p1,e1,s,0,"a, b"'
    assert read_quarantine(lab.lake, "conditions", [taken.entry.drop_id]).num_rows == 3
    assert write_quarantine(lab.lake, lab.files["conditions"], taken.entry.drop_id) == 1


def test_the_last_waiting_row_takes_the_object_with_it(lab):
    taken = lab.take(minimal(conditions=CONDITIONS.replace(BAD + "\n", "")))
    file = lab.files["conditions"]
    assert write_quarantine(lab.lake, file, taken.entry.drop_id, waiting(2)) == 1
    assert write_quarantine(lab.lake, file, taken.entry.drop_id) == 0 and lab.lake.list("quarantine/") == []


def lenient(file: RawFile, column: str, **changes) -> RawFile:
    """The contract with one column mended."""
    columns = tuple(Column(**{**c.model_dump(), **changes}) if c.name == column else c for c in file.table.columns)
    return RawFile(file.table.model_copy(update={"columns": columns}), file.source)


def test_a_mended_contract_takes_rows_back(lab):
    taken = lab.take(minimal(conditions=CONDITIONS))
    drop_id, file = taken.entry.drop_id, lenient(lab.files["conditions"], "start", null_if=("someday",), required=False)
    assert retry_broken(lab.lake, drop_id, lab.files["conditions"], lab.options) == 0
    before = lab.rows(taken, "conditions")
    write_quarantine(lab.lake, file, drop_id, waiting(5))
    assert retry_broken(lab.lake, drop_id, file, lab.options) == 1
    after = lab.rows(taken, "conditions")
    assert after[:-1] == before[:-1]
    assert (after[-1]["start"], after[-1]["code"], after[-1]["broken_rule"], after[-1]["raw_text"]) == (None, "9", None, None)
    assert (after[-1]["source_file"], after[-1]["source_line"]) == ("conditions.csv", 200)
    assert [(r["source_line"], r["kind"]) for r in stored(lab, taken, "conditions")] == [(5, "waiting")]
    assert retry_broken(lab.lake, drop_id, file, lab.options) == 0
    assert retry_all(lab.lake, lab.catalog, lab.ledger, lab.options) == {}


def test_every_row_taken_back_is_its_own(lab):
    text = (
        CONDITIONS + "someday,,p1,e1,s,8,text\n2025-02-30,,p1,e1,s,6,text\n" + "".join(f"2025-01-02,,p1,e1,s,9{k},x\n" for k in range(200))
    )
    taken = lab.take(minimal(conditions=text))
    file = lenient(lab.files["conditions"], "start", null_if=("someday",), required=False)
    assert retry_broken(lab.lake, taken.entry.drop_id, file, lab.options) == 2
    rows = lab.rows(taken, "conditions")[198:201]
    assert [(r["source_line"], r["code"], r["broken_rule"]) for r in rows] == [
        (200, "9", None),
        (201, "8", None),
        (202, "6", "cannot_type.start"),
    ]
    assert rows[2]["raw_text"] == "2025-02-30,,p1,e1,s,6,text"


def test_a_row_taken_back_supersedes_and_is_superseded_by_line(lab):
    lines = [R33["conditions"], *(f"2025-01-02,,p1,e1,s,{k},text" for k in range(200)), "2025-01-02,never,p1,e1,s,7,newer"]
    taken = lab.take(minimal(conditions="\n".join(lines) + "\n"))
    assert taken.entry.rows_superseded == 0
    assert retry_broken(lab.lake, taken.entry.drop_id, lenient(lab.files["conditions"], "stop", null_if=("never",)), lab.options) == 1
    assert [r["source_line"] for r in lab.rows(taken, "conditions") if r["is_superseded"]] == [9]


def test_a_claim_comes_back_whole(lab):
    rows = whole("c1", 8)
    rows[1] = {**rows[1], "FROMDATE": "yesterday"}
    text = csv_text(HEADER, *many(rows)).splitlines()
    taken = lab.take({**minimal(), "claims_transactions.csv": "\n".join(text) + "\n"})
    file = lenient(lab.files["claims_transactions"], "fromdate", null_if=("yesterday",), required=False)
    assert retry_broken(lab.lake, taken.entry.drop_id, file, lab.options) == 5
    places = [(r["line_ordinal"], r["transfer_from_ordinal"], r["broken_rule"]) for r in lab.rows(taken, "claims_transactions")[:5]]
    assert places == [(1, None, None), (2, None, None), (3, None, None), (4, 3, None), (5, None, None)]


def test_a_claim_with_a_line_that_is_no_record_stays(lab):
    """Of a release whose claims need not balance: what is left of the claim would pass for a whole one."""
    base = {f"{n}.csv": release_files("3.0")[f"{n}.csv"] for n in ("patients", "encounters", "organizations", "providers", "payers")}
    text = csv_text(HEADER, *many(whole("c1", 8)[:2])).splitlines()
    text[2] += ",more"
    taken = lab.take({**base, "claims_transactions.csv": "\n".join(text) + "\n"})
    assert taken.entry.rows_quarantined == 2
    assert retry_broken(lab.lake, taken.entry.drop_id, lab.files["claims_transactions"], lab.options) == 0
