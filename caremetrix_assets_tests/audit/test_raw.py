"""Rules of raw tables: the change log, its parents, categories and ages, and the counts of files."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit.model import FileCounts
from caremetrix_assets_tests.audit.support import D1, D2, MARKER, OPENING, Case, Lab, Setting, contract, prove

FOOTER: dict[str, Any] = {
    "source_ordinal": "int",
    "change_type": "text",
    "drop_id": "text",
    "drop_date": "date",
    "drop_sequence": "int",
    "is_simulated": "bool",
}
PATIENT = contract("raw_patient", {"id": "id", **FOOTER}, ["id"], natural_key=("id",), source={"file": "patients", "key": ("id",)})
VISIT = contract(
    "raw_visit",
    {
        "id": "id",
        "patient": {"type": "id", "parent": "raw_patient"},
        "race": "text",
        "start": "ts",
        "cost": "money",
        "seen": {"type": "int", "counts": False},
        "note": {"type": "text", "counts": False},
        **FOOTER,
    },
    ["drop_sequence", "drop_id", "id", "source_ordinal"],
    natural_key=("id",),
    source={"file": "visits", "key": ("id",)},
)
ROW: dict[str, Any] = {
    "id": "v1",
    "patient": "p1",
    "race": "white",
    "start": datetime(2025, 1, 30, 9),
    "cost": 10,
    "note": MARKER,
    "source_ordinal": 0,
    "change_type": "insert",
    "drop_id": "d1",
    "drop_date": D1,
    "drop_sequence": 0,
    "is_simulated": False,
}
OLD = {**ROW, "id": "v0", "drop_id": "d0", "drop_date": OPENING, "partition_date": OPENING}
GIVEN = {"raw_patient": [{"id": "p1"}]}
FULL = FileCounts("drop-1-with-a-long-id", "full", rows=1000, accepted=980, broken=5, waiting=10, superseded=5, headers=20, keys_before=100)
FULL = FULL._replace(compared=("id", "patient", "race", "start", "cost"))


def _sent(*rows: dict[str, Any]) -> Callable[[Lab], None]:
    """What the full drop of the day had."""
    return lambda lab: lab.relation("raw_visit__brought", VISIT, [{**row, "source_ordinal": None} for row in rows])


def _visits(rule: str, seeded: Setting, failed: int, keys: str, absent: Setting | None = None, **more: Any) -> Case:
    clean = Setting([ROW], everything=[OLD, ROW], given=GIVEN, context={"files": {D1: [FULL]}}, prepare=_sent(ROW))
    return Case(rule, VISIT, clean, seeded, failed, keys, absent or Setting(rows=()), neighbours=[PATIENT], **more)


def _counts(rule: str, bad: FileCounts, failed: int, keys: str, reason: str = "no file of this date", **absent: Any) -> Case:
    without = Setting(context={"files": absent.get("files", {})})
    return _visits(rule, Setting(context={"files": {D1: [FULL, bad]}}), failed, keys, without, reason=reason)


AGAIN = {**ROW, "change_type": "update", "seen": 5}
WEEKS = [{**OLD, "id": f"w{week}-{i}", "start": datetime(2025, 1, 1) - timedelta(days=7 * week)} for week in range(53) for i in range(110)]
CASES = [
    _visits("raw_key_unique", Setting(everything=[ROW, ROW]), 1, "v1"),
    _visits(
        "raw_fk_resolves.patient",
        Setting([ROW, {**ROW, "id": "v2", "patient": "p9"}]),
        1,
        "v2",
        Setting(given={"raw_patient": []}),
        reason="parent file not in any drop",
    ),  # fmt: skip
    _visits(
        "replayed_state_equals_drop",
        Setting([{**ROW, "race": "other"}], everything=[OLD, {**ROW, "race": "other"}], prepare=_sent(ROW)),
        1,
        "v1",
        Setting(context={"files": {D1: [FULL._replace(kind="delta")]}}, prepare=_sent(ROW)),
        reason="delta drop",
    ),
    _visits(
        "change_log_minimal",
        Setting([AGAIN], everything=[{**ROW, "drop_id": "d0", "drop_date": OPENING, "partition_date": OPENING}, AGAIN]),
        1,
        "v1",
    ),
    _visits(
        "new_category_value.race",
        Setting([ROW, {**ROW, "id": "v2", "race": MARKER}], everything=[OLD, ROW, {**ROW, "id": "v2", "race": MARKER}]),
        1,
        "v2",
        Setting(everything=[ROW]),
        reason="first drop",
    ),
    _visits("formula_cell", Setting([ROW, {**ROW, "id": "v2", "note": f"=HYPERLINK({MARKER})"}]), 1, "v2"),
    Case(
        "newest_event_age",
        VISIT,
        Setting([ROW], everything=[*WEEKS, ROW], given=GIVEN),
        Setting([{**ROW, "start": datetime(2025, 1, 5)}], everything=[*WEEKS, {**ROW, "start": datetime(2025, 1, 5)}]),
        1,
        "raw_visit",
        Setting(everything=[ROW]),
        "under 100 rows a week",
        neighbours=[PATIENT],
    ),
    _counts("rows_accounted", FULL._replace(accepted=979), 1, "drop-1-with-"),
    _counts("quarantine_share", FULL._replace(broken=11, accepted=974), 1, "drop-1-with-"),
    _counts("waiting_share", FULL._replace(waiting=11, accepted=979), 21, "drop-1-with-"),
    _counts("schema_drift", FULL._replace(headers_off=2), 2, "drop-1-with-"),
    _counts("vanished_keys", FULL._replace(vanished=11), 11, "drop-1-with-", "delta drop", files={D1: [FULL._replace(kind="delta")]}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def _lab(tmp_path: Path, rows: list[dict[str, Any]], everything: list[dict[str, Any]] | None = None) -> Lab:
    lab = Lab(tmp_path, VISIT, PATIENT)
    lab.relation("raw_patient", PATIENT, GIVEN["raw_patient"])
    return lab.stage(rows, everything=everything)


BEFORE = {**ROW, "drop_id": "d0", "drop_date": OPENING, "partition_date": OPENING}


@pytest.mark.parametrize(
    ("change", "failed"),
    [({"cost": 11}, 0), ({"cost": None}, 0), ({"seen": 3}, 1), ({"change_type": "delete"}, 0), ({"patient": "p1"}, 1), ({"id": "v2"}, 0)],
)
def test_an_update_differs_in_a_column_that_counts(tmp_path: Path, change: dict[str, Any], failed: int) -> None:
    row = {**AGAIN, **change}
    assert _lab(tmp_path, [row], [BEFORE, row]).run().of("change_log_minimal").rows_failed in (failed, None)


def test_an_insert_after_a_delete_is_no_repetition(tmp_path: Path) -> None:
    gone = {**BEFORE, "drop_id": "d01", "change_type": "delete", "drop_sequence": 1}
    assert _lab(tmp_path, [ROW], [BEFORE, gone, ROW]).run().of("change_log_minimal").status == "passed"


UNIT = contract(
    "raw_ledger",
    {"claim": "id", "line": "int", "amount": "money", **FOOTER},
    ["drop_sequence", "drop_id", "claim", "line"],
    natural_key=("claim", "line"),
    source={"file": "ledger", "key": ("claim", "line"), "unit": "claim"},
)


def _unit(drop: str, day: date, amounts: list[int], kind: str = "update") -> list[dict[str, Any]]:
    shared = {**{k: ROW[k] for k in FOOTER}, "drop_id": drop, "drop_date": day, "partition_date": day, "change_type": kind}
    return [{"claim": "c1", "line": i + 1, "amount": a, **shared} for i, a in enumerate(amounts)]


@pytest.mark.parametrize(("amounts", "failed"), [([5, 6], 1), ([5, 7], 0), ([5, 6, 0], 0)])
def test_a_unit_is_written_whole_when_one_of_its_rows_differs(tmp_path: Path, amounts: list[int], failed: int) -> None:
    first, second = _unit("d0", OPENING, [5, 6], "insert"), _unit("d1", D1, amounts)
    found = Lab(tmp_path, UNIT).stage(second, everything=[*first, *second]).run().of("change_log_minimal")
    assert (found.rows_failed, found.sample_keys) == (failed, "c1" if failed else "")


def test_a_unit_that_lost_a_row_is_no_repetition(tmp_path: Path) -> None:
    first = _unit("d0", OPENING, [5, 6, 7], "insert")
    gone = {**_unit("d1", D1, [0, 0, 7], "delete")[2]}
    second = [*_unit("d1", D1, [5, 6]), gone]
    assert Lab(tmp_path, UNIT).stage(second, everything=[*first, *second]).run().of("change_log_minimal").rows_failed == 0


def test_deleted_rows_need_no_parent(tmp_path: Path) -> None:
    assert _lab(tmp_path, [{**ROW, "patient": "p9", "change_type": "delete"}]).run().of("raw_fk_resolves.patient").rows_failed == 0


def test_the_log_of_a_parent_counts_when_it_is_there(tmp_path: Path) -> None:
    lab = _lab(tmp_path, [{**ROW, "patient": "p2"}])
    lab.relation("raw_patient__log", PATIENT, [{"id": "p1"}, {"id": "p2"}, {"id": "p2", "change_type": "delete"}])
    assert lab.run().of("raw_fk_resolves.patient").status == "passed"


def test_categories_of_the_first_date_of_a_run_are_not_new(tmp_path: Path) -> None:
    lab = Lab(tmp_path, VISIT, PATIENT, dates=[OPENING, D2])
    lab.relation("raw_patient", PATIENT, GIVEN["raw_patient"])
    results = lab.stage([OLD, {**ROW, "race": "other", "partition_date": D2, "drop_date": D2}]).run()
    assert results.of("new_category_value.race", OPENING).reason == "first drop"
    assert results.of("new_category_value.race", D2).rows_failed == 1


def _replayed(tmp_path: Path, log: list[dict[str, Any]], *sent: dict[str, Any], files: Sequence[FileCounts] = (FULL,)) -> tuple[str, str]:
    """Status of the drop against the log's state as of its day, and the keys that differ or why it is not asked."""
    lab = Lab(tmp_path, VISIT, PATIENT, dates=(D1, D2))
    lab.stage(log)
    _sent(*sent)(lab)
    found = lab.run(files={D1: list(files)}).of("replayed_state_equals_drop")
    return found.status, found.reason or found.sample_keys


def test_a_full_drop_is_in_the_state_of_its_day(tmp_path: Path) -> None:
    second = {**ROW, "id": "v2", "race": None}
    later = {**second, "race": "other", "change_type": "update", "drop_id": "d2", "drop_date": D2, "partition_date": D2}
    # rows that the drop lacks are kept, and what comes a day later is another day's state
    assert _replayed(tmp_path, [OLD, ROW, second, later], ROW, second) == ("passed", "")
    assert _replayed(tmp_path, [ROW, second, later], {**ROW, "seen": 99, "note": None}, second) == ("passed", "")
    assert _replayed(tmp_path, [ROW, second, later], ROW, {**second, "race": "other"}) == ("failed", "v2")
    assert _replayed(tmp_path, [ROW], ROW, second) == ("failed", "v2")
    gone = {**ROW, "change_type": "delete", "drop_sequence": 1}
    assert _replayed(tmp_path, [ROW, gone, second], ROW, second) == ("failed", "v1")


def test_a_row_that_a_full_drop_has_twice_is_twice_in_the_state(tmp_path: Path) -> None:
    again = {**ROW, "id": "v1", "source_ordinal": 1}
    assert _replayed(tmp_path, [ROW, again, OLD], ROW, again) == ("passed", "")
    assert _replayed(tmp_path, [ROW, OLD], ROW, again) == ("failed", "v1")


def test_only_a_full_drop_alone_on_its_day_is_compared(tmp_path: Path) -> None:
    assert _replayed(tmp_path, [ROW], files=(FULL, FULL)) == ("not_applicable", "other drop of the date")
    assert _replayed(tmp_path, [ROW], files=()) == ("not_applicable", "no file of this date")


@pytest.mark.parametrize(
    ("rows", "broken", "strict", "failed"),
    [
        (99, 1, False, 0),
        (99, 2, False, 1),
        (100, 1, False, 0),
        (100, 2, False, 1),
        (1000, 10, False, 0),
        (1000, 11, False, 1),
        (5, 1, True, 1),
    ],
)
def test_quarantine_limit(tmp_path: Path, rows: int, broken: int, strict: bool, failed: int) -> None:
    assert VISIT.source is not None
    table = VISIT.model_copy(update={"source": VISIT.source.model_copy(update={"strict": strict})})
    lab = Lab(tmp_path, table, PATIENT)
    counts = FileCounts("d", "full", rows=rows, accepted=rows - broken, broken=broken)
    assert lab.stage([ROW]).run(files={D1: [counts]}).of("quarantine_share").rows_failed == failed


@pytest.mark.parametrize(("waiting", "status"), [(10, "passed"), (11, "warned")])
def test_threshold_of_waiting_rows(tmp_path: Path, waiting: int, status: str) -> None:
    counts = FileCounts("d", "full", rows=1000, accepted=1000 - waiting, waiting=waiting)
    assert _lab(tmp_path, [ROW]).run(files={D1: [counts]}).of("waiting_share").status == status


@pytest.mark.parametrize(("vanished", "status"), [(5, "passed"), (6, "warned")])
def test_threshold_of_vanished_keys(tmp_path: Path, vanished: int, status: str) -> None:
    assert _lab(tmp_path, [ROW]).run(files={D1: [FULL._replace(vanished=vanished)]}).of("vanished_keys").status == status


@pytest.mark.parametrize(("days", "status"), [(7, "passed"), (8, "warned")])
def test_age_of_the_newest_event(tmp_path: Path, days: int, status: str) -> None:
    row = {**ROW, "start": datetime(2025, 1, 31) - timedelta(days=days)}
    assert _lab(tmp_path, [row], [*WEEKS, row]).run().of("newest_event_age").status == status


def test_files_are_judged_even_when_nothing_in_them_was_new(tmp_path: Path) -> None:
    results = _lab(tmp_path, [], [OLD]).run(files={D1: [FULL._replace(accepted=0)]})
    assert results.of("rows_accounted").status == "failed"


def test_measured_values_are_no_part_of_the_keys_shown(tmp_path: Path) -> None:
    table = contract(
        "raw_result",
        {"date": "ts", "patient": "id", "value": "text", **FOOTER},
        ["drop_id", "date", "patient", "value"],
        natural_key=("date", "patient", "value"),
        source={"file": "results", "key": ("date", "patient", "value"), "ordinal": True},
    )
    row = {**{k: ROW[k] for k in FOOTER}, "date": datetime(2025, 1, 31, 8), "patient": "p1", "value": MARKER}
    results = Lab(tmp_path, table).stage([row, row]).run()
    assert results.of("grain_unique").sample_keys == "2025-01-31T08:00:00Z|p1|0"
    assert not results.says(MARKER)


FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "+SUM(A1)", "-2+cmd", "@SUM(A1)", "\t=1", "\r=1", "=", "-A1", "+1;x"]
HARMLESS = ["-1.5", "+3", "-", "1-2", "-1e-5", "-1,000.50", "+1 (555) 123-4567", "a=b", " =1", "2025-01-02", "<5", "100%"]


def test_what_a_spreadsheet_would_run(tmp_path: Path) -> None:
    rows = [{**ROW, "id": f"v{n:02}", "note": text} for n, text in enumerate([*FORMULAS, *HARMLESS])]
    found = Lab(tmp_path, VISIT, PATIENT)
    found.relation("raw_patient", PATIENT, [{"id": "p1"}])
    result = found.stage(rows).run().of("formula_cell")
    assert (result.rows_checked, result.rows_failed, result.severity) == (len(rows), len(FORMULAS), "warn")
    assert result.sample_keys == "v00 v01 v02 v03 v04"
