"""Rules of marts: headers, rates, breakdowns, windows, honesty, small cells."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets_tests.audit.support import D1, MARKER, Case, Lab, Setting, contract, prove

HEADER: dict[str, Any] = {
    "period_grain": "text",
    "period_start": "date",
    "period_end": "date",
    "is_period_complete": "bool",
    "is_warmup": "bool",
    "breakdown": "text",
    "location_key": "key",
    "provider_key": "key",
    "patient_type": "text",
    "source_key": "key",
}
KEY = ["period_grain", "breakdown", "location_key", "provider_key", "patient_type", "source_key"]
MART = contract(
    "mart_visits",
    {
        **HEADER,
        "visits": {"type": "int", "additive": True},
        "kept_visits": {"type": "int", "additive": True},
        "kept_share": {"type": "rate", "parts": ("kept_visits", "visits")},
        "minutes": {"type": "number", "additive": True},
        "minutes_per_visit": {"type": "number", "parts": ("minutes", "visits")},
        "fee_amount": {"type": "money", "additive": True},
        "collection_rate": {"type": "rate", "parts": ("fee_amount", "kept_visits"), "max": 99_999},
        "patients": "int",
        "is_small_cell": "bool",
        "note": "text",
        "data_basis": "text",
    },
    KEY,
)
STARTS = {
    "day": D1,
    "month": date(2025, 1, 1),
    "rolling_30d": date(2025, 1, 2),
    "rolling_90d": date(2024, 11, 3),
    "rolling_12m": date(2024, 2, 1),
}
TOTAL: dict[str, Any] = {"breakdown": "total", "location_key": -3, "provider_key": -3, "patient_type": "all", "source_key": -3}
FIGURES: dict[str, Any] = {
    "visits": 4,
    "kept_visits": 3,
    "kept_share": Decimal("0.75"),
    "minutes": 50.0,
    "minutes_per_visit": 12.5,
    "fee_amount": Decimal("12.00"),
    "collection_rate": Decimal(4),
    "patients": 11,
    "is_small_cell": False,
    "data_basis": "derived",
}


def _row(grain: str = "month", **more: Any) -> dict[str, Any]:
    shared = {"period_start": STARTS[grain], "period_end": D1, "is_period_complete": True, "is_warmup": False}
    return {"period_grain": grain, **shared, **TOTAL, **FIGURES, **more}


def _place(key: int, visits: int, grain: str = "month", **more: Any) -> dict[str, Any]:
    figures = {
        "visits": visits,
        "kept_visits": visits - 1,
        "kept_share": Decimal(visits - 1) / visits if visits else None,
        "minutes": 12.5 * visits,
        "fee_amount": 4 * (visits - 1),
    }
    rounded = {n: round(v, 4) if n == "kept_share" and v is not None else v for n, v in figures.items()}
    return _row(grain, breakdown="location", location_key=key, **{**rounded, **more})


ROW = _row()
# 1 + 3 visits, 1 + 2 kept, 12.5 + 37.5 minutes, 4 + 8 dollars
PLACES = [_place(7, 1, kept_visits=1, kept_share=Decimal(1), fee_amount=4), _place(8, 3)]
CLEAN = [ROW, *PLACES]
TYPE_KEY = "total|-3|-3|all|-3"


def _case(rule: str, seeded: list[dict[str, Any]], failed: int = 1, keys: str = f"month|{TYPE_KEY}", **more: Any) -> Case:
    marked = [{**seeded[0], "note": MARKER}, *seeded[1:]]
    return Case(rule, MART, Setting(CLEAN), Setting(marked), failed, keys, **more)


GRAINS = [_row("day"), _row("rolling_30d"), _row("rolling_90d"), _row("rolling_12m")]
CASES = [
    _case("mart_not_empty", [_place(7, 4)], keys="month", absent=None),
    _case("header_valid", [{**ROW, "period_start": date(2025, 1, 2)}]),
    _case("rate_equals_parts.kept_share", [{**ROW, "kept_share": Decimal("0.7502")}]),
    _case("rate_equals_parts.minutes_per_visit", [{**ROW, "minutes_per_visit": 12.500002}]),
    _case(
        "numerator_within_denominator.kept_share",
        [{**ROW, "kept_visits": 5, "kept_share": Decimal("1.25"), "collection_rate": Decimal("2.4")}],
        absent=Setting([{**ROW, "visits": None, "kept_share": None, "minutes_per_visit": None}]),
        reason="the column has no value",
    ),
    _case(
        "breakdown_sums_to_total.visits",
        [{**ROW, "visits": 5}, *PLACES],
        keys="month|location",
        absent=Setting([{**r, "visits": None, "kept_share": None, "minutes_per_visit": None} for r in CLEAN]),
        reason="null in the breakdown",
    ),
    Case(
        "windows_monotone",
        MART,
        Setting(GRAINS),
        Setting([{**GRAINS[0], "visits": 5, "note": MARKER}, *GRAINS[1:]]),
        1,
        TYPE_KEY,
        Setting([ROW]),
        "grain not offered",
    ),
    _case("data_basis_honest", [{**ROW, "data_basis": "not_available"}]),
    Case(
        "small_cell_marked",
        MART,
        Setting([{**ROW, "patients": 10, "is_small_cell": True}]),
        Setting([{**ROW, "patients": 10, "is_small_cell": False, "note": MARKER}]),
        1,
        f"month|{TYPE_KEY}",
        Setting([ROW]),
        "no small cell",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def _run(tmp_path: Path, rows: list[dict[str, Any]], day: date = D1) -> Any:
    return Lab(tmp_path, MART, dates=[day]).stage(rows).run()


def test_an_empty_mart(tmp_path: Path) -> None:
    found = _run(tmp_path, []).of("mart_not_empty")
    assert (found.status, found.rows_failed, found.sample_keys) == ("failed", 1, "mart_visits")


def test_a_mart_that_may_be_empty_says_why(tmp_path: Path) -> None:
    allowed = MART.model_copy(update={"key": ("visits",), "columns": tuple(c for c in MART.columns if c.name != "breakdown")})
    allowed = allowed.model_copy(update={"empty_when": "select 'no visit so far'"})
    found = Lab(tmp_path, allowed, dates=[D1]).stage([]).run().of("mart_not_empty")
    assert (found.status, found.reason) == ("not_applicable", "no visit so far")
    other_day = allowed.model_copy(update={"empty_when": "select 'no visit so far', date '1999-01-01'"})
    assert Lab(tmp_path, other_day, dates=[D1]).stage([]).run().of("mart_not_empty").status == "failed"


@pytest.mark.parametrize(
    ("day", "grain", "start", "complete", "status"),
    [
        (date(2025, 2, 28), "rolling_12m", date(2024, 2, 29), True, "passed"),
        (date(2024, 2, 29), "rolling_12m", date(2023, 3, 1), True, "passed"),
        (date(2025, 3, 31), "rolling_12m", date(2024, 4, 1), True, "passed"),
        (date(2025, 3, 31), "rolling_12m", date(2024, 3, 31), True, "failed"),
        (date(2025, 2, 28), "month", date(2025, 2, 1), True, "passed"),
        (date(2024, 2, 28), "month", date(2024, 2, 1), False, "passed"),
        (date(2024, 2, 28), "month", date(2024, 2, 1), True, "failed"),
        (date(2024, 2, 28), "day", date(2024, 2, 28), False, "failed"),
        (date(2024, 2, 28), "week", date(2024, 2, 22), True, "failed"),
    ],
)
def test_periods(tmp_path: Path, day: date, grain: str, start: date, complete: bool, status: str) -> None:
    row = {**ROW, "period_grain": grain, "period_start": start, "period_end": day, "is_period_complete": complete, "partition_date": day}
    assert _run(tmp_path, [row], day).of("header_valid", day).status == status


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"breakdown": "location", "location_key": 7}, "passed"),
        ({"breakdown": "location", "location_key": -1}, "passed"),
        ({"breakdown": "location"}, "failed"),
        ({"breakdown": "location", "location_key": 7, "provider_key": 7}, "failed"),
        ({"breakdown": "total", "location_key": 7}, "failed"),
        ({"breakdown": "patient_type", "patient_type": "new"}, "passed"),
        ({"breakdown": "detail", "location_key": 7, "provider_key": 7, "patient_type": "new", "source_key": -1}, "passed"),
        ({"breakdown": "detail", "location_key": 7, "provider_key": 7, "patient_type": "all", "source_key": -1}, "failed"),
        ({"breakdown": "payer"}, "passed"),
        ({"breakdown": None}, "failed"),
    ],
)
def test_keys_fit_the_breakdown(tmp_path: Path, keys: dict[str, Any], status: str) -> None:
    assert _run(tmp_path, [ROW, {**ROW, **keys}]).of("header_valid").status == status


@pytest.mark.parametrize(
    ("n", "d", "rate", "status"),
    [
        (1, 3, "0.3333", "passed"),
        (1, 32, "0.0313", "passed"),
        (1, 32, "0.0312", "passed"),
        (1, 3, "0.3334", "failed"),
        (0, 0, "0", "failed"),
        (0, 0, None, "passed"),
        (1, 3, None, "passed"),
        (None, 3, "0", "failed"),
        (-1, 8, "-0.1250", "passed"),
    ],
)
def test_rates_are_their_parts(tmp_path: Path, n: int | None, d: int, rate: str | None, status: str) -> None:
    value = Decimal(rate) if rate else None
    row = {**ROW, "visits": d, "kept_visits": n, "kept_share": value, "minutes_per_visit": None}
    assert _run(tmp_path, [row]).of("rate_equals_parts.kept_share").status == status


def test_a_rate_that_may_pass_one_has_no_such_rule(tmp_path: Path) -> None:
    assert not [r for r in _run(tmp_path, CLEAN) if r.check_name == "numerator_within_denominator.collection_rate"]


def test_a_breakdown_without_rows_is_zero_once_the_mart_has_it(tmp_path: Path) -> None:
    other = _row("day", visits=0, kept_visits=0, kept_share=None, minutes=0.0, minutes_per_visit=None, fee_amount=0)
    assert _run(tmp_path, [*CLEAN, {**other, "collection_rate": None}]).of("breakdown_sums_to_total.visits").status == "passed"
    found = _run(tmp_path, [*CLEAN, _row("day")]).of("breakdown_sums_to_total.visits")
    assert (found.rows_failed, found.sample_keys) == (1, "day|location")


def test_a_breakdown_that_a_mart_does_not_have_is_not_missed(tmp_path: Path) -> None:
    assert _run(tmp_path, [ROW]).of("breakdown_sums_to_total.visits").status == "passed"


def test_money_adds_up_to_the_cent_and_minutes_to_a_thousandth(tmp_path: Path) -> None:
    cents = _run(tmp_path, [{**ROW, "fee_amount": Decimal("12.01")}, *PLACES])
    assert cents.of("breakdown_sums_to_total.fee_amount").status == "failed"
    near = _run(tmp_path, [{**ROW, "minutes": 50.0005}, *PLACES])
    assert near.of("breakdown_sums_to_total.minutes").status == "passed"


def test_keys_that_are_real_in_every_row_have_totals_of_their_own(tmp_path: Path) -> None:
    columns = {**HEADER, "reason": "text", "denials": {"type": "int", "additive": True}}
    mart = contract("mart_denials", columns, [*KEY, "reason"])
    head = {n: v for n, v in ROW.items() if n in HEADER}
    place = {**head, "breakdown": "location", "location_key": 7}
    rows = [{**head, "reason": "a", "denials": 1}, {**head, "reason": "b", "denials": 2}]
    rows += [{**place, "reason": "a", "denials": 2}, {**place, "reason": "b", "denials": 1}]
    assert Lab(tmp_path, mart).stage(rows).run().of("breakdown_sums_to_total.denials").rows_failed == 2


@pytest.mark.parametrize(
    ("long", "failed"), [([_row("rolling_30d")], 0), ([], 1), ([_row("rolling_30d", visits=None)], 0), ([_row("rolling_30d", visits=3)], 1)]
)
def test_a_longer_window_without_a_row_counts_nothing(tmp_path: Path, long: list[dict[str, Any]], failed: int) -> None:
    offered = _place(9, 1, "rolling_30d")
    assert _run(tmp_path, [_row("day"), offered, *long]).of("windows_monotone").rows_failed == failed


def test_a_row_without_measures_may_be_not_available(tmp_path: Path) -> None:
    row = {**ROW, **dict.fromkeys(FIGURES), "data_basis": "not_available"}
    assert _run(tmp_path, [row]).of("data_basis_honest").status == "passed"


@pytest.mark.parametrize(("patients", "marked", "status"), [(10, None, "failed"), (10, True, "passed"), (11, False, "not_applicable")])
def test_small_cells(tmp_path: Path, patients: int, marked: bool | None, status: str) -> None:
    assert _run(tmp_path, [{**ROW, "patients": patients, "is_small_cell": marked}]).of("small_cell_marked").status == status


@pytest.mark.parametrize(("measures", "status"), [(True, "failed"), (False, "passed")])
def test_a_number_that_describes_the_row_is_no_measure(tmp_path: Path, measures: bool, status: str) -> None:
    columns = {**HEADER, "visits": "int", "target": {"type": "int", "measure": measures}, "data_basis": "text"}
    row = {n: v for n, v in ROW.items() if n in HEADER} | {"target": 5, "data_basis": "not_available"}
    assert Lab(tmp_path, contract("mart_visits", columns, KEY)).stage([row]).run().of("data_basis_honest").status == status


def test_a_column_may_be_additive_in_some_breakdowns(tmp_path: Path) -> None:
    columns = {**HEADER, "minutes": {"type": "int", "additive": ("location",)}, "visits": {"type": "int", "additive": True}}
    head = {n: v for n, v in ROW.items() if n in HEADER} | {"minutes": 30, "visits": 2, "period_grain": "day"}
    types = [{**head, "breakdown": "patient_type", "patient_type": "new", "minutes": None, "period_grain": "month"}]
    places = [{**head, "breakdown": "location", "location_key": 7, "minutes": 20}]
    found = Lab(tmp_path, contract("mart_visits", columns, KEY)).stage([head, *types, *places]).run()
    assert found.of("breakdown_sums_to_total.minutes").sample_keys == "day|location"
    assert found.of("breakdown_sums_to_total.visits").sample_keys == "day|patient_type"
