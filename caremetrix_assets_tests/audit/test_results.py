"""What an audit leaves behind: results, summaries, grades, metrics."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit.environment import Metric
from caremetrix_assets.audit.grades import (
    collect_metrics,
    grade,
    read_grades,
    read_metrics,
    write_grades,
    write_metrics,
)
from caremetrix_assets.audit.model import AuditContext, RuleResult, Staged
from caremetrix_assets.audit.results import drop_result, read_results, result_schema, summaries, write_results
from caremetrix_assets.lake.storage import LocalStorage
from caremetrix_assets_tests.audit.support import D1, D2, OPENING, Lab, contract
from caremetrix_assets_tests.audit.test_marts import CLEAN, MART

GOOD = RuleResult("not_null.a", "marts", "mart_a", "sql", "contract", "blocking", "passed", None, 10, 0, Decimal(0), "", 0.1, D1)
BAD = GOOD._replace(check_name="fk", group="integrity", status="failed", rows_failed=2, sample_keys="a b")
WARNED = GOOD._replace(check_name="drift", group="watch", severity="warn", status="warned", rows_failed=1)
ABSENT = GOOD._replace(check_name="feed", status="not_applicable", reason="no feed", rows_checked=None, rows_failed=None)
ERROR = GOOD._replace(check_name="broken", status="error", reason="could not run (X)", rows_checked=None, rows_failed=None)


def test_results_are_added_and_read_back(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    first = write_results(storage, [GOOD, ABSENT], run_id="run-1", attempt=1, newest=D2, drop_ids={D1: ["d1", "d2"]})
    assert first == "ops/dq_results/2025-02/run-1.1.mart_a.parquet"
    write_results(storage, [BAD], run_id="run-1", attempt=2, newest=D2)
    write_results(storage, [GOOD._replace(table_name="mart_b", partition_date=D2)], run_id="run-1", attempt=2, newest=D2)
    everything = read_results(storage)
    assert everything.schema.equals(result_schema())
    assert everything.num_rows == 4
    assert read_results(storage, table="mart_a").num_rows == 3
    assert read_results(storage, date=D2)["table_name"].to_pylist() == ["mart_b"]
    assert read_results(storage, status="failed", table="mart_a").to_pylist() == [
        {
            "check_name": "fk",
            "layer": "marts",
            "table_name": "mart_a",
            "run_id": "run-1",
            "attempt": 2,
            "check_kind": "sql",
            "severity": "blocking",
            "status": "failed",
            "reason": None,
            "rows_checked": 10,
            "rows_failed": 2,
            "threshold": Decimal("0.0000"),
            "sample_keys": "a b",
            "seconds": 0.1,
            "drop_ids": "",
            "partition_date": D1,
        }
    ]
    (stale,) = read_results(storage, check="feed").to_pylist()
    assert (stale["drop_ids"], stale["reason"], stale["rows_checked"]) == ("d1 d2", "no feed", None)


def test_nothing_to_read_and_nothing_to_write(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    assert write_results(storage, [], run_id="r", attempt=1, newest=D1) is None
    assert read_results(storage).num_rows == 0
    assert read_results(storage).schema.equals(result_schema())


def test_months_before_a_date_are_not_opened(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write("ops/dq_results/2024-12/r.1.mart_a.parquet", b"not parquet")
    write_results(storage, [GOOD], run_id="r", attempt=1, newest=D1)
    assert read_results(storage, date=D1).num_rows == 1


def test_a_drop_has_results_of_its_own() -> None:
    found = drop_result("keys_redrawn", "raw_visit", D1, checked=100, failed=60, keys=["d1"])
    assert (found.layer, found.status, found.severity, found.sample_keys) == ("drop", "failed", "blocking", "d1")
    assert drop_result("schema_drift", "drop", D1, checked=9, failed=1).status == "warned"
    assert drop_result("drop_complete", "drop", D1, checked=9, failed=0).status == "passed"


def test_summaries_have_a_row_per_rule_with_the_worst_status_first() -> None:
    later = BAD._replace(partition_date=D2, rows_failed=1)
    found = summaries([GOOD, ABSENT, BAD, later, GOOD._replace(partition_date=D2), WARNED, ERROR])
    assert found == {
        "contract": [
            {"rule": "broken", "status": "error", "rows_checked": 0, "rows_failed": 0, "dates": "2025-01-31"},
            {"rule": "not_null.a", "status": "passed", "rows_checked": 20, "rows_failed": 0, "dates": ""},
        ],
        "integrity": [{"rule": "fk", "status": "failed", "rows_checked": 20, "rows_failed": 3, "dates": "2025-01-31, 2025-02-01"}],
        "watch": [{"rule": "drift", "status": "warned", "rows_checked": 10, "rows_failed": 1, "dates": "2025-01-31"}],
    }


def _passed(n: int) -> list[RuleResult]:
    return [GOOD._replace(check_name=f"c{i}") for i in range(n)]


@pytest.mark.parametrize(
    ("results", "letter"),
    [
        (_passed(3), "A"),
        ([*_passed(9), WARNED], "B"),
        ([*_passed(8), WARNED], "C"),
        ([*_passed(3), WARNED], "C"),
        ([*_passed(2), WARNED], "D"),
        ([*_passed(9), ABSENT, WARNED], "B"),
        ([*_passed(9), ERROR._replace(severity="warn")], "B"),
        ([*_passed(9), ERROR], "F"),
        ([*_passed(9), BAD], "F"),
        ([ABSENT], None),
    ],
)
def test_letters(results: list[RuleResult], letter: str | None) -> None:
    (found,) = grade(results, "run-1")
    assert found.grade == letter
    assert found.checks_applicable + found.checks_not_applicable == len(results)


def test_grades_replace_those_of_the_same_date(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    write_grades(storage, grade([GOOD, GOOD._replace(partition_date=D2)], "run-1"))
    write_grades(storage, grade([BAD, GOOD._replace(table_name="mart_b")], "run-2"))
    rows = read_grades(storage).to_pylist()
    assert sorted((r["table_name"], r["partition_date"], r["grade"], r["run_id"]) for r in rows) == [
        ("mart_a", D1, "F", "run-2"),
        ("mart_a", D2, "A", "run-1"),
        ("mart_b", D1, "A", "run-2"),
    ]
    assert read_grades(storage, "mart_b").num_rows == 1


def test_metrics_of_staged_dates(tmp_path: Path) -> None:
    table = contract(
        "mart_people", {"person_id": {"type": "id", "required": True}, "note": "text", "partition_date": "date"}, ["person_id"]
    )
    lab = Lab(tmp_path, table, dates=[D1, D2]).stage([{"person_id": "a"}, {"person_id": "b", "note": "x"}])
    found = collect_metrics(lab.con, lab.catalog, table, Staged(lab.dates, lab.files, lab.rows), AuditContext(opening=OPENING))
    assert found == [Metric("mart_people", "", "rows", "", 2.0, D1), Metric("mart_people", "note", "null_share", "", 0.5, D1)]


def test_headline_rates_of_a_summary_mart(tmp_path: Path) -> None:
    rows = [{**r, "period_grain": "rolling_30d"} for r in CLEAN]
    lab = Lab(tmp_path, MART).stage(rows)
    found = collect_metrics(lab.con, lab.catalog, MART, Staged(lab.dates, lab.files, lab.rows), AuditContext(opening=OPENING))
    rates = {(m.metric, m.column_name): m.value for m in found if m.category == "rolling_30d"}
    assert rates == {
        ("share", "kept_share"): 0.75,
        ("sum", "kept_share"): 4.0,
        ("share", "collection_rate"): 4.0,
        ("sum", "collection_rate"): 3.0,
    }


def _metric(day: date, value: float = 1.0) -> Metric:
    return Metric("mart_a", "", "rows", "", value, day)


def test_history_is_the_dates_and_fourteen_before(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    days = [date(2024, m, d) for m in (9, 10, 11, 12) for d in range(1, 11)]
    write_metrics(storage, [_metric(d) for d in [*days, D1]])
    found = read_metrics(storage, "mart_a", D1, D1)["partition_date"].to_pylist()
    assert D1 in found and set(days[-14:]) <= set(found)
    assert date(2024, 10, 1) not in found
    write_metrics(storage, [_metric(days[-1], 7.0)])
    rows = read_metrics(storage, "mart_a", D1, D1).to_pylist()
    assert [r["value"] for r in rows if r["partition_date"] == days[-1]] == [7.0]
    assert read_metrics(storage, "mart_b", D1, D1).num_rows == 0


def test_what_was_kept_is_what_the_next_audit_compares_with(tmp_path: Path) -> None:
    table = contract("mart_people", {"person_id": "id"}, ["person_id"])
    storage: Any = LocalStorage(tmp_path)
    write_metrics(storage, [Metric("mart_people", "", "rows", "", 100.0, OPENING)])
    lab = Lab(tmp_path, table).stage([{"person_id": "a"}])
    lab.con.register("dq_metrics", read_metrics(storage, "mart_people", D1, D1))
    assert lab.run().of("volume_drift").status == "warned"
