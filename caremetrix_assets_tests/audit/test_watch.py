"""Rules that compare a partition with earlier ones."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit.rules_watch import RATE_STEP, ROW_STEP, is_drifting, is_jump
from caremetrix_assets_tests.audit.support import D1, D2, MARKER, OPENING, Case, Lab, Setting, contract, prove
from caremetrix_assets_tests.audit.test_marts import MART as SUMMARY
from caremetrix_assets_tests.audit.test_marts import _row

MART = contract("mart_people", {"person_id": "id", "note": "text", "kind": {"type": "text", "values": ("new", "old")}}, ["person_id"])


def _rows(n: int, **more: Any) -> list[dict[str, Any]]:
    return [{"person_id": f"p{i}", "note": MARKER, "kind": "old" if i else "new", **more} for i in range(n)]


def _history(
    values: list[float], metric: str = "rows", column: str = "", category: str = "", table: str = "mart_people"
) -> list[dict[str, Any]]:
    """Values of the days before D1, the last of them the day before."""
    days = [D1 - timedelta(days=len(values) - i) for i in range(len(values))]
    return [
        {"table_name": table, "column_name": column, "metric": metric, "category": category, "value": float(v), "partition_date": d}
        for v, d in zip(values, days, strict=True)
    ]


NULLS = [0.0] * 7
ALTERNATING = [99.0, 101.0] * 7
SHARES: dict[str, Any] = {"metric": "share", "column": "kept_share", "category": "rolling_30d", "table": "mart_visits"}
SUMMARY_ROW = _row("rolling_30d", visits=40, kept_visits=20, kept_share=Decimal("0.5"), minutes=None, minutes_per_visit=None)
# the other rate is right too: 12 dollars over 20 visits
SUMMARY_ROW = {**SUMMARY_ROW, "collection_rate": Decimal("0.6")}
CASES = [
    Case(
        "volume_drift",
        MART,
        Setting(_rows(100), given={"dq_metrics": _history(ALTERNATING)}),
        Setting(_rows(130)),
        1,
        "mart_people",
        Setting(given={"dq_metrics": []}),
        "first partition",
    ),
    Case(
        "null_share_stable",
        MART,
        Setting(_rows(100), given={"dq_metrics": _history(NULLS, "null_share", "note")}),
        Setting([*_rows(89), *({**r, "person_id": f"q{i}", "note": None} for i, r in enumerate(_rows(11)))]),
        1,
        "note",
        Setting(given={"dq_metrics": _history(NULLS[1:], "null_share", "note")}),
        "under 7 earlier partitions",
    ),
    Case(
        "category_seen.kind",
        MART,
        Setting(_rows(1000)),
        Setting(_rows(1000, kind="old")),
        1,
        "new",
        Setting(_rows(999)),
        "under 1,000 rows",
    ),
    Case(
        "mart_drift",
        SUMMARY,
        Setting([SUMMARY_ROW], given={"dq_metrics": _history([0.49, 0.51] * 7, **SHARES)}),
        Setting([{**SUMMARY_ROW, "kept_visits": 24, "kept_share": Decimal("0.6"), "collection_rate": Decimal("0.5"), "note": MARKER}]),
        1,
        "kept_share",
        Setting([{**SUMMARY_ROW, "visits": 29, "kept_share": Decimal("0.6897"), "collection_rate": Decimal("0.6")}]),
        "denominator below 30",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def test_three_standard_deviations() -> None:
    # mean 100, deviation 1
    assert not is_drifting(102.99, ALTERNATING, ROW_STEP)
    assert is_drifting(103, ALTERNATING, ROW_STEP)
    assert not is_drifting(102, [100.0] * 14, ROW_STEP)
    assert is_drifting(103, [100.0] * 14, ROW_STEP)
    assert is_drifting(0.5003, [0.5] * 7, RATE_STEP)


@pytest.mark.parametrize(("rows", "status"), [(49, "warned"), (50, "passed"), (200, "passed"), (201, "warned")])
def test_few_earlier_partitions_are_compared_with_the_last(tmp_path: Path, rows: int, status: str) -> None:
    lab = Lab(tmp_path, MART)
    lab.plain("dq_metrics", _history([1000.0, 100.0]))
    assert lab.stage(_rows(rows)).run().of("volume_drift").status == status


@pytest.mark.parametrize(
    ("rows", "before", "jumps"),
    [
        (5, 2, False),  # 3 rows more; 7 events vary by 3 x 2.6
        (8, 0, False),
        (9, 0, True),  # 9 rows more; 9 events vary by 3 x 3
        (22, 10, False),
        (304, 18, True),
        (150, 100, False),  # within half and double, however unlikely
    ],
)
def test_a_jump_is_more_than_chance_makes_of_so_many_events(rows: int, before: int, jumps: bool) -> None:
    assert is_jump(rows, before) is jumps
    assert is_jump(before, rows) is jumps


@pytest.mark.parametrize(("rows", "status"), [(9, "passed"), (10, "warned")])
def test_rows_vary_by_the_root_of_their_number(tmp_path: Path, rows: int, status: str) -> None:
    fact = contract("fact_x", {"x_sk": "text"}, ["x_sk"])
    lab = Lab(tmp_path, fact)
    lab.plain("dq_metrics", _history([4.0] * 14, table="fact_x"))  # 4 + 3 x 2 = 10
    assert lab.stage([{"x_sk": f"x{i}"} for i in range(rows)]).run().of("volume_drift").status == status


def test_dates_of_one_run_are_each_others_history(tmp_path: Path) -> None:
    rows = [*_rows(10), *_rows(30, partition_date=D2)]
    results = Lab(tmp_path, MART, dates=[D1, D2]).stage(rows).run()
    assert [results.of("volume_drift", d).status for d in (D1, D2)] == ["not_applicable", "warned"]


def test_the_opening_partition_is_no_measure_of_a_day(tmp_path: Path) -> None:
    fact = contract("fact_x", {"x_sk": "text"}, ["x_sk"])
    rows = [{"x_sk": f"o{i}", "partition_date": OPENING} for i in range(50)] + [{"x_sk": "a", "partition_date": D1}]
    results = Lab(tmp_path, fact, dates=[OPENING, D1]).stage(rows).run()
    assert [results.of("volume_drift", d).reason for d in (OPENING, D1)] == ["first partition", "first partition"]


def test_drops_of_another_kind_are_not_compared(tmp_path: Path) -> None:
    raw = contract("raw_x", {"id": "id"}, ["id"], natural_key=("id",), source={"file": "x", "key": ("id",)})
    lab = Lab(tmp_path, raw)
    lab.plain("drop_ledger", [{"drop_id": "d1", "drop_date": D1, "kind": "delta"}])
    lab.plain("dq_metrics", _history([1000.0, 1000.0], category="full", table="raw_x"))
    found = lab.stage([{"id": "a"}]).run().of("volume_drift")
    assert (found.status, found.reason) == ("not_applicable", "other drop kind")


@pytest.mark.parametrize(("nulls", "status"), [(10, "passed"), (11, "warned")])
def test_threshold_of_null_shares(tmp_path: Path, nulls: int, status: str) -> None:
    lab = Lab(tmp_path, MART)
    lab.plain("dq_metrics", _history(NULLS, "null_share", "note"))
    rows = [{**r, "note": None} if i < nulls else r for i, r in enumerate(_rows(100))]
    assert lab.stage(rows).run().of("null_share_stable").status == status


def test_few_rows_have_no_stable_null_share(tmp_path: Path) -> None:
    assert Lab(tmp_path, MART).stage(_rows(99)).run().of("null_share_stable").reason == "under 100 rows"


@pytest.mark.parametrize(("has_feed", "absent"), [(False, "b"), (True, "b c")])
def test_waived_categories_are_not_asked_for(tmp_path: Path, has_feed: bool, absent: str) -> None:
    kind = {"type": "text", "values": ["a", "b", "c", "d"], "waived": ["d"], "waived_without_feed": ["c"]}
    fact = contract("fact_visit", {"visit_sk": "text", "kind": kind}, ["visit_sk"])
    lab = Lab(tmp_path, fact)
    lab.plain("drop_ledger", [{"drop_id": "d1", "has_feed": has_feed}])
    found = lab.stage([{"visit_sk": str(n), "kind": "a"} for n in range(1000)]).run().of("category_seen.kind")
    assert (found.status, found.sample_keys) == ("warned", absent)


@pytest.mark.parametrize(("last", "status"), [(date(2024, 1, 31), "warned"), (date(2024, 2, 1), "passed")])
def test_categories_are_looked_for_in_the_last_12_months(tmp_path: Path, last: date, status: str) -> None:
    columns = {"x_sk": "text", "date_key": "key", "kind": {"type": "text", "values": ("a", "b")}}
    fact = contract("fact_x", columns, ["x_sk"])
    now = [{"x_sk": f"x{i}", "date_key": 20250131, "kind": "a"} for i in range(1000)]
    old = {"x_sk": "old", "date_key": int(f"{last:%Y%m%d}"), "kind": "b", "partition_date": OPENING}
    assert Lab(tmp_path, fact).stage(now, everything=[*now, old]).run().of("category_seen.kind").status == status
