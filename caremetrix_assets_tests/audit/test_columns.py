"""Rules about single columns and the grain, as SQL; that Great Expectations finds the same is ``test_gx``."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit.rules_columns import bounds, is_count
from caremetrix_assets_tests.audit.support import D1, D2, MARKER, Case, Lab, Setting, column, contract, prove

SK = "0123456789abcdef0123456789abcdef"
MART = contract(
    "mart_things",
    {
        "thing_id": {"type": "id", "required": True},
        "note": "text",
        "kind": {"type": "text", "values": ("new", "old")},
        "thing_sk": {"type": "text", "pattern": "sk"},
        "visits": "int",
        "days_left": "int",
        "paid_share": "rate",
        "score": "number",
        "amount": {"type": "money", "required": True},
        "seen_at": "ts",
        "due_date": "date",
        "coverage_end_date": "date",
        "is_open": "bool",
    },
    ["thing_id"],
)
GOOD: dict[str, Any] = {
    "thing_id": "t1",
    "note": "a note",
    "kind": "new",
    "thing_sk": SK,
    "visits": 0,
    "days_left": -3,
    "paid_share": Decimal(1),
    "score": 0.5,
    "amount": Decimal("-1.50"),
    "seen_at": datetime(2025, 1, 31, 8),
    "due_date": date(2100, 12, 31),
    "coverage_end_date": date(9999, 12, 31),
    "is_open": True,
}
BAD = {**GOOD, "thing_id": "t2", "note": MARKER}


def _column(rule: str, value: Any, **more: Any) -> Case:
    name = rule.partition(".")[2]
    null = Setting(rows=[{**GOOD, name: None}])
    absent = {"absent": null, "reason": "the column has no value"} if rule.split(".")[0] != "not_null" else {}
    return Case(rule, MART, Setting([GOOD]), Setting([GOOD, {**BAD, name: value}]), 1, "t2", **{**absent, **more})


PATIENTS = contract(
    "raw_people",
    {
        "id": {"type": "id", "required": True},
        "zip": {"type": "text", "null_if": ("00000",)},
        "todate": {"type": "ts", "null_if": ("1970-01-01T00:00:00Z",)},
        "born": "date",
        "source_ordinal": "int",
        "change_type": "text",
        "drop_id": "text",
        "drop_date": "date",
        "drop_sequence": "int",
    },
    ["drop_sequence", "drop_id", "id", "source_ordinal"],
    natural_key=("id",),
    source={"file": "people", "key": ("id",)},
)
PERSON = {"id": "p1", "zip": "02081", "source_ordinal": 0, "change_type": "insert", "drop_id": "d1", "drop_date": D1, "drop_sequence": 0}
DIM = contract(
    "dim_thing",
    {"thing_key": "key", "thing_id": "id", "size": {"type": "int", "required": True}},
    ["thing_key"],
    natural_key=("thing_id",),
    scd=1,
)


def _member(key: int, name: str, size: int | None = 1) -> dict[str, Any]:
    return {"thing_key": key, "thing_id": name, "size": size}


# stable_key('thing|a') and of b: the first 15 hexadecimal digits of the md5
MEMBERS = [
    _member(-1, "Unknown", None),
    _member(-2, "Not applicable", None),
    _member(-3, "All", None),
    _member(int("6cc1a8a9ba3cd0c"[:15], 16), "a"),
]
CASES = [
    _column("not_null.amount", None),
    _column("allowed_values.kind", "none of these"),
    _column("id_pattern.thing_sk", SK[:-1] + "x"),
    _column("id_pattern.note", ""),
    _column("value_in_range.visits", -1),
    _column("value_in_range.paid_share", Decimal("1.0001")),
    _column("value_in_range.score", float("nan")),
    _column("value_in_range.seen_at", datetime(2101, 1, 1)),
    _column("value_in_range.due_date", date(1849, 12, 31)),
    _column("value_in_range.coverage_end_date", date(9999, 12, 30)),
    Case("grain_unique", MART, Setting([GOOD]), Setting([GOOD, BAD, BAD]), 2, "t2"),
    Case(
        "sentinel_removed.zip",
        PATIENTS,
        Setting([PERSON]),
        Setting([PERSON, {**PERSON, "id": "p2", "zip": "00000"}]),
        1,
        "p2",
        Setting([{**PERSON, "zip": None}]),
        "the column has no value",
    ),
    Case(
        "sentinel_removed.todate",
        PATIENTS,
        Setting([{**PERSON, "todate": datetime(2025, 1, 1)}]),
        Setting(
            [
                {**PERSON, "todate": datetime(1970, 1, 1)},
                {**PERSON, "id": "p2", "todate": datetime(2201, 1, 1)},
                {**PERSON, "id": "p3", "todate": datetime(1970, 1, 1, 1)},
            ]
        ),
        2,
        "p1 p2",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def _types(lab: Lab) -> None:
    lab.con.execute("create or replace table mart_things as select * replace (cast(visits as varchar) as visits) from mart_things")


TYPE_CASE = Case(
    "column_type.visits",
    MART,
    Setting([GOOD]),
    Setting([GOOD], prepare=_types),
    1,
    "visits",
    Setting([{**GOOD, "visits": None}]),
    "the column has no value",
)


def test_column_type(tmp_path: Path) -> None:
    prove(TYPE_CASE, tmp_path)


@pytest.mark.parametrize("text", ["", " ", "\t\n", "null", "NaN", "None"])
def test_empty_texts_and_words(tmp_path: Path, text: str) -> None:
    found = Lab(tmp_path, MART).stage([{**GOOD, "note": text}]).run().of("id_pattern.note")
    assert (found.status, found.rows_failed) == ("failed", 1)


@pytest.mark.parametrize("text", ["none", "Null", "nan", " null", "0", "-", "Nonesuch", " x"])
def test_texts_that_are_fine(tmp_path: Path, text: str) -> None:
    assert Lab(tmp_path, MART).stage([{**GOOD, "note": text}]).run().of("id_pattern.note").status == "passed"


def test_text_with_leading_zeros_and_comma_is_untouched(tmp_path: Path) -> None:
    assert not Lab(tmp_path, MART).stage([{**GOOD, "note": "02081 High school diploma or GED, 555-1000 Or 555-2000"}]).run().bad()


def test_keys_are_the_five_lowest_and_each_date_has_its_own(tmp_path: Path) -> None:
    rows = [{**GOOD, "thing_id": f"k{i}", "amount": None, "partition_date": D2} for i in range(9, 0, -1)]
    results = Lab(tmp_path, MART, dates=[D1, D2]).stage([GOOD, *rows]).run()
    assert results.of("not_null.amount", D1).status == "passed"
    found = results.of("not_null.amount", D2)
    assert (found.rows_checked, found.rows_failed, found.sample_keys) == (9, 9, "k1 k2 k3 k4 k5")


def test_the_same_key_on_two_dates_of_a_snapshot_is_fine(tmp_path: Path) -> None:
    lab = Lab(tmp_path, MART, dates=[D1, D2]).stage([GOOD, {**GOOD, "partition_date": D2}])
    assert lab.run().of("grain_unique", D2).status == "passed"


@pytest.mark.parametrize(("key", "failed"), [(["fact_sk"], 2), (["partition_date", "fact_sk"], 0)])
def test_a_fact_repeats_a_key_on_another_date_only_where_the_date_is_part_of_it(tmp_path: Path, key: list[str], failed: int) -> None:
    fact = contract("fact_thing", {"fact_sk": {"type": "text", "pattern": "sk"}, "event_date": "date"}, key)
    rows = [{"fact_sk": "a" * 32, "event_date": D1, "partition_date": day} for day in (D1, D2)]
    lab = Lab(tmp_path, fact, dates=[D1, D2]).stage(rows)
    lab.relation("fact_thing__all", fact, rows)
    results = lab.run()
    assert sum(results.of("grain_unique", day).rows_failed or 0 for day in (D1, D2)) == failed


def test_two_null_keys_are_the_same_key(tmp_path: Path) -> None:
    found = Lab(tmp_path, MART).stage([{**GOOD, "thing_id": None}, {**GOOD, "thing_id": None}]).run().of("grain_unique")
    assert (found.status, found.rows_failed) == ("failed", 2)


def test_reserved_members_need_no_values(tmp_path: Path) -> None:
    results = Lab(tmp_path, DIM).stage(MEMBERS).run()
    assert results.of("not_null.size").rows_checked == 1
    assert results.of("not_null.size").status == "passed"


def test_natural_key_unique(tmp_path: Path) -> None:
    twice = [*MEMBERS, _member(5, "b"), _member(6, "b")]
    found = Lab(tmp_path, DIM).stage(twice).run().of("natural_key_unique")
    assert (found.status, found.rows_checked, found.rows_failed, found.sample_keys) == ("failed", 6, 2, "b")


COUNTS = ("visits", "visits_30d", "procedure_count", "visits_prior_12m")
OTHER_NUMBERS = ("net_visits", "days_left", "uninsured_days_12m", "wait_minutes", "rank")


def test_plain_counts() -> None:
    assert [n for n in (*COUNTS, *OTHER_NUMBERS) if is_count(n)] == [*COUNTS]


def test_bounds_of_the_contract_win() -> None:
    assert bounds(column("visits", "int", min=-5)) == (Decimal(-5), None)
    assert bounds(column("open_share", "rate", max=2)) == (Decimal(0), Decimal(2))
    assert bounds(column("due_date", "date", min=date(2020, 1, 1))) == (date(2020, 1, 1), date(2100, 12, 31))
    assert bounds(column("amount", "money")) == (None, None)
