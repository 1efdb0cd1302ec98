"""The column expectations through Great Expectations: the same statuses, counts and keys as their SQL twins."""

import random
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit import gx
from caremetrix_assets_tests.audit.support import D1, D2, MARKER, Lab, Results, contract
from caremetrix_assets_tests.audit.test_columns import CASES, DIM, GOOD, MART, MEMBERS, PATIENTS, PERSON, TYPE_CASE
from caremetrix_assets_tests.audit.test_marts import CASES as MART_CASES

SHAPES = (
    "not_null",
    "allowed_values",
    "id_pattern",
    "value_in_range",
    "grain_unique",
    "natural_key_unique",
    "sentinel_removed",
    "column_type",
)
TWINS = [c for c in [*CASES, TYPE_CASE, *MART_CASES] if c.rule.split(".")[0] in (*SHAPES, "small_cell_marked")]


def _facts(results: Results) -> dict[tuple[str, date], tuple[Any, ...]]:
    """What must be equal; how an engine says that it could not run is its own."""
    return {
        (r.check_name, r.partition_date): (r.status, r.reason if r.status != "error" else "", r.rows_checked, r.rows_failed, r.sample_keys)
        for r in results
    }


def _twins(lab: Lab) -> tuple[Results, Results]:
    sql, expectations = lab.run(gx_row_limit=0), lab.run(gx_row_limit=100_000)
    assert {r.check_kind for r in sql} == {"sql"}
    assert "gx" in {r.check_kind for r in expectations}
    return sql, expectations


@pytest.mark.parametrize("case", TWINS, ids=str)
@pytest.mark.parametrize("setting", ["seeded", "absent"])
def test_every_case_gives_the_same(case: Any, setting: str, tmp_path: Path) -> None:
    chosen = getattr(case, setting)
    sql = case.run(tmp_path, chosen)
    with_limit = type(chosen)(
        chosen.rows, chosen.everything, chosen.given, chosen.missing, {**chosen.context, "gx_row_limit": 10_000}, chosen.prepare
    )
    expectations = case.run(tmp_path, with_limit)
    assert _facts(expectations) == _facts(sql)
    if setting != "absent" or expectations.of(case.rule).reason != "the partition has no row":
        assert expectations.of(case.rule).check_kind == "gx"
    assert not expectations.says(MARKER)


WRONG: dict[str, list[Any]] = {
    "thing_id": [None, "", "null", "t1"],
    "note": ["", " \t", "NaN", "None", None, "a\nb", "null\n", "\n"],
    "kind": ["", "New", None, "none"],
    "thing_sk": ["x", "0" * 32, "0" * 32 + "\n", "ABCDEF" * 5 + "AB", None],
    "visits": [-1, None, 2_147_483_647],
    "paid_share": [Decimal("-0.0001"), Decimal("1.0001"), None, Decimal(0)],
    "score": [float("nan"), float("inf"), float("-inf"), None, 1e308],
    "amount": [None, Decimal("-99999999999.99")],
    "seen_at": [datetime(1849, 12, 31, 23, 59), datetime(2100, 12, 31, 23, 59, 59, 999999), datetime(2101, 1, 1), None],
    "due_date": [date(9999, 12, 31), date(1850, 1, 1), None],
    "coverage_end_date": [date(9999, 12, 31), date(2200, 1, 1), None],
    "is_open": [None, False],
}


@pytest.mark.parametrize("seed", range(6))
def test_random_frames_give_the_same(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    rows = []
    for i in range(60):
        row = {**GOOD, "thing_id": f"t{i:02d}", "partition_date": draw.choice([D1, D2])}
        for name in draw.sample(sorted(WRONG), draw.choice([0, 0, 1, 3])):
            row[name] = draw.choice(WRONG[name])
        rows.append(row)
    sql, expectations = _twins(Lab(tmp_path, MART, dates=[D1, D2]).stage(rows))
    assert _facts(expectations) == _facts(sql)
    assert len(sql.bad()) > 5


def test_a_clean_frame_and_a_frame_of_nulls(tmp_path: Path) -> None:
    for row in (GOOD, {"thing_id": "t", "amount": 1}, {}):
        sql, expectations = _twins(Lab(tmp_path, MART).stage([row]))
        assert _facts(expectations) == _facts(sql)


def test_dimensions_and_raw_tables_give_the_same(tmp_path: Path) -> None:
    odd = [
        *MEMBERS,
        {"thing_key": 5, "thing_id": "b"},
        {"thing_key": 5, "thing_id": "b", "size": -4},
        {"thing_key": None, "thing_id": None},
    ]
    gone = {**PERSON, "id": "p3", "change_type": "delete", "zip": "00000", "born": date(2500, 1, 1)}
    for lab in (Lab(tmp_path, DIM).stage(odd), Lab(tmp_path, PATIENTS).stage([PERSON, gone, {**PERSON, "id": None}])):
        sql, expectations = _twins(lab)
        assert _facts(expectations) == _facts(sql)
        assert sql.bad()


@pytest.mark.parametrize("cast", ["varchar", "double", "boolean", "date"])
def test_types_of_another_kind_give_the_same(tmp_path: Path, cast: str) -> None:
    value = "date '2025-01-01'" if cast == "date" else f"cast(visits as {cast})"
    lab = Lab(tmp_path, MART).stage([{**GOOD, "visits": 1}])
    lab.con.execute(f"create or replace table mart_things as select * replace ({value} as visits) from mart_things")
    sql, expectations = _twins(lab)
    for results in (sql, expectations):
        found = results.of("column_type.visits")
        assert (found.status, found.rows_checked, found.rows_failed, found.sample_keys) == ("failed", 1, 1, "visits")


def test_day_and_time_are_different_types(tmp_path: Path) -> None:
    lab = Lab(tmp_path, MART).stage([GOOD])
    swapped = "due_date::timestamp as due_date, seen_at::date as seen_at"
    lab.con.execute(f"create or replace table mart_things as select * replace ({swapped}) from mart_things")
    for results in _twins(lab):
        assert {r.check_name for r in results if r.check_name.startswith("column_type") and r.status == "failed"} == {
            "column_type.due_date",
            "column_type.seen_at",
        }


@pytest.mark.parametrize(("limit", "kind"), [(1, "sql"), (2, "gx")])
def test_the_limit_is_of_all_rows_of_the_step(tmp_path: Path, limit: int, kind: str) -> None:
    lab = Lab(tmp_path, MART, dates=[D1, D2]).stage([GOOD, {**GOOD, "partition_date": D2}])
    assert lab.run(gx_row_limit=limit).of("not_null.amount").check_kind == kind


def test_bounds_that_binary_numbers_cannot_hold_stay_with_sql(tmp_path: Path) -> None:
    table = contract("mart_x", {"x_id": "id", "fee_amount": {"type": "money", "min": Decimal("0.01")}}, ["x_id"])
    found = Lab(tmp_path, table).stage([{"x_id": "a", "fee_amount": Decimal("0.01")}]).run(gx_row_limit=9).of("value_in_range.fee_amount")
    assert (found.check_kind, found.status) == ("sql", "passed")


def test_an_expectation_that_breaks_is_an_error_not_bad_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gx, "_expectation", lambda e, i: 1 / 0)
    found = Lab(tmp_path, MART).stage([GOOD]).run(gx_row_limit=9).of("not_null.amount")
    assert (found.status, found.reason, found.check_kind) == ("error", "could not run (ZeroDivisionError)", "gx")


def test_values_that_cannot_be_compared_are_an_error(tmp_path: Path) -> None:
    lab = Lab(tmp_path, MART).stage([GOOD])
    lab.con.execute(f"create or replace table mart_things as select * replace ('{MARKER}' as visits) from mart_things")
    results = lab.run(gx_row_limit=9)
    found = results.of("value_in_range.visits")
    assert (found.status, found.check_kind) == ("error", "gx")
    assert results.of("column_type.visits").status == "failed"
    assert not results.says(MARKER)


def test_warming_up_is_done_once_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    gx.warm_up().join()
    assert gx._batch_definition() is gx._batch_definition()
    assert capfd.readouterr() == ("", "")


def test_columns_share_their_expectations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"text_{i}" for i in range(30)]
    table = contract("mart_wide", {n: {"type": "text", "required": True} for n in names}, names[:1])
    made: list[Any] = []
    real = gx._expectation

    def counted(e: Any, i: int) -> Any:
        made.append(e.kind)
        return real(e, i)

    monkeypatch.setattr(gx, "_expectation", counted)
    lab = Lab(tmp_path, table).stage([dict.fromkeys(names, "x"), {**dict.fromkeys(names, "y"), "text_7": ""}])
    results = lab.run(gx_row_limit=9)
    assert sorted(made) == ["not_null", "not_regex", "of_type", "of_type", "unique"]
    assert set(results.bad()) == {"id_pattern.text_7"}
    assert len([r for r in results if r.check_kind == "gx"]) == 93
