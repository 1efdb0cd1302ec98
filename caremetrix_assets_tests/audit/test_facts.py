"""Rules of facts and event dimensions against their driving source and the versions they point at."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.audit.rules import rules_of
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import D1, D2, MARKER, OPENING, Case, Lab, Setting, column, contract, prove

RAW = contract(
    "raw_visit",
    {
        "id": "id",
        "part": "int",
        "reasoncode": "text",
        "code": "text",
        "sign2": "text",
        "cost": "money",
        "off": "money",
        "is_simulated": "bool",
        "source_ordinal": "int",
        "change_type": "text",
    },
    ["id"],
    natural_key=("id", "part"),
    source={"file": "visits", "key": ("id", "part")},
)
PERSON = contract(
    "dim_person",
    {"person_key": "key", "valid_from": "date", "valid_to": "date", "is_current": "bool"},
    ["person_key"],
    natural_key=(),
    scd=2,
)
FACT = contract(
    "fact_visit",
    {
        "visit_sk": "text",
        "visit_id": "id",
        "part": "int",
        "date_key": "key",
        "person_key": {"type": "key", "ref": "dim_person.person_key"},
        "source_key": {"type": "key", "optional_key": True},
        "billed_amount": {"type": "money", "equals": "raw_visit.cost"},
        "adjustment_amount": {"type": "money", "equals": "-raw_visit.off"},
        "note": "text",
        "is_simulated": "bool",
    },
    ["visit_sk"],
    driving={"table": "raw_visit", "key": ("id", "part"), "own_key": ("visit_id", "part"), "where": "change_type <> 'delete'"},
)
ROW: dict[str, Any] = {
    "visit_sk": "s1",
    "visit_id": "v1",
    "part": 1,
    "date_key": 20250131,
    "person_key": 7,
    "source_key": -1,
    "billed_amount": Decimal("10.00"),
    "adjustment_amount": Decimal("-2.00"),
    "is_simulated": False,
}
SOURCE: dict[str, Any] = {"id": "v1", "part": 1, "cost": Decimal(10), "off": Decimal(2), "is_simulated": False, "change_type": "insert"}
PERSONS = [
    {"person_key": -1, "valid_from": date(1900, 1, 1), "valid_to": date(9999, 12, 31)},
    {"person_key": 6, "valid_from": date(1900, 1, 1), "valid_to": D1},
    {"person_key": 7, "valid_from": D1, "valid_to": D2},
    {"person_key": 8, "valid_from": D2, "valid_to": date(9999, 12, 31)},
]
GIVEN = {"raw_visit": [SOURCE, {**SOURCE, "id": "gone", "change_type": "delete"}], "dim_person": PERSONS}
NOT_BUILT: dict[str, Any] = {"absent": Setting(missing=["raw_visit"]), "reason": "table not built"}


def _case(rule: str, seeded: dict[str, Any], failed: int = 1, keys: str = "s1", **more: Any) -> Case:
    rows = [{**ROW, "note": MARKER, **seeded}]
    return Case(rule, FACT, Setting([ROW], given=GIVEN), Setting(rows), failed, keys, neighbours=[RAW, PERSON], **more)


EVENT = contract(
    "dim_visit",
    {"visit_key": "key", "visit_id": "id", "reason_code": "text", "visit_code": "text", "sign_code_2": "text"},
    ["visit_key"],
    natural_key=("visit_id",),
    dimension="event",
    driving={"table": "raw_visit", "key": ("id",), "own_key": ("visit_id",)},
)
# the first 15 hexadecimal digits of md5('visit|v1')
VISIT = {"visit_key": 0x6267DEAC51D8BC9, "visit_id": "v1", "reason_code": "0123", "visit_code": "7", "sign_code_2": "02"}
CODES = {"raw_visit": [{**SOURCE, "reasoncode": "0123", "code": "7", "sign2": "02"}]}
CASES = [
    Case(
        "rows_out_equals_rows_in",
        FACT,
        Setting([ROW], given=GIVEN),
        Setting([ROW], given={"raw_visit": [*GIVEN["raw_visit"], {**SOURCE, "id": "v2"}]}),
        1,
        "v2|1",
        neighbours=[RAW, PERSON],
        **NOT_BUILT,
    ),
    _case("money_equals_source.billed_amount", {"billed_amount": Decimal("10.01")}, keys="billed_amount", **NOT_BUILT),
    _case("money_equals_source.adjustment_amount", {"adjustment_amount": Decimal("2.00")}, keys="adjustment_amount", **NOT_BUILT),
    _case("simulated_flag_true", {"is_simulated": True}, **NOT_BUILT),
    _case("version_covers_event.person_key", {"person_key": 8}, absent=Setting(missing=["dim_person"]), reason="table not built"),
    _case(
        "unknown_member_share.person_key",
        {"person_key": -1},
        absent=Setting([{**ROW, "person_key": None}]),
        reason="the column has no value",
    ),
    _case(
        "join_match_rate.person_key",
        {"person_key": -1},
        keys="person_key",
        absent=Setting(given={"dim_person": PERSONS[:1]}),
        reason="parent file not in any drop",
    ),
    Case(
        "code_keeps_text.reason_code",
        EVENT,
        Setting([VISIT], given=CODES),
        Setting([{**VISIT, "reason_code": "123"}]),
        1,
        "v1",
        neighbours=[RAW],
        **NOT_BUILT,
    ),
    Case(
        "code_keeps_text.visit_code",
        EVENT,
        Setting([VISIT], given=CODES),
        Setting([{**VISIT, "visit_code": None}]),
        1,
        "v1",
        neighbours=[RAW],
        **NOT_BUILT,
    ),
    Case(
        "code_keeps_text.sign_code_2",
        EVENT,
        Setting([VISIT], given=CODES),
        Setting([{**VISIT, "sign_code_2": "2"}]),
        1,
        "v1",
        neighbours=[RAW],
        **NOT_BUILT,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def lab_of(tmp_path: Path, raw: list[dict[str, Any]], rows: list[dict[str, Any]], dates: tuple[date, ...] = (D1,), **more: Any) -> Lab:
    lab = Lab(tmp_path, FACT, RAW, PERSON, dates=dates)
    lab.relation("raw_visit", RAW, raw)
    lab.relation("dim_person", PERSON, PERSONS)
    return lab.stage(rows, **more)


def test_a_missing_row_stops_every_date_and_a_doubled_one_its_own(tmp_path: Path) -> None:
    second = {**ROW, "visit_sk": "s2", "date_key": 20250201, "partition_date": D2, "person_key": 8}
    raw = [SOURCE, {**SOURCE, "id": "v2"}]
    results = lab_of(tmp_path, raw, [ROW, second, {**second, "visit_sk": "s3"}], (D1, D2)).run()
    first, other = (results.of("rows_out_equals_rows_in", d) for d in (D1, D2))
    # v1 stands three times, once on D1 and twice on D2; v2 is missing
    assert (first.rows_failed, first.sample_keys) == (2, "v2|1 s1")
    assert (other.rows_failed, other.sample_keys) == (3, "v2|1 s2 s3")


def test_a_row_without_a_driving_row(tmp_path: Path) -> None:
    found = lab_of(tmp_path, [SOURCE], [ROW, {**ROW, "visit_sk": "s2", "visit_id": "v9"}]).run().of("rows_out_equals_rows_in")
    assert (found.rows_failed, found.sample_keys) == (1, "s2")


def test_missing_and_strange_rows_do_not_cancel_out(tmp_path: Path) -> None:
    found = lab_of(tmp_path, [SOURCE, {**SOURCE, "id": "v2"}], [ROW, {**ROW, "visit_sk": "s2", "visit_id": "v9"}]).run()
    assert found.of("rows_out_equals_rows_in").rows_failed == 2


def test_rows_held_back_are_not_missing(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, [SOURCE, {**SOURCE, "id": "v2"}], [ROW])
    lab.relation("fact_visit__held", FACT, [{**ROW, "visit_id": "v2", "partition_date": date(2025, 9, 1)}])
    assert lab.run().of("rows_out_equals_rows_in").status == "passed"


def test_null_parts_of_a_key_match(tmp_path: Path) -> None:
    results = lab_of(tmp_path, [{**SOURCE, "part": None}], [{**ROW, "part": None}]).run()
    assert not results.bad().keys() - {"unknown_member_share.source_key"}


def test_an_empty_partition_can_lack_rows(tmp_path: Path) -> None:
    found = lab_of(tmp_path, [SOURCE], []).run().of("rows_out_equals_rows_in")
    assert (found.status, found.rows_failed) == ("failed", 1)


def test_unchanged_partitions_count_as_rows_of_the_fact(tmp_path: Path) -> None:
    old = {**ROW, "visit_sk": "s0", "visit_id": "v0", "partition_date": OPENING}
    lab = lab_of(tmp_path, [SOURCE, {**SOURCE, "id": "v0"}], [ROW], everything=[ROW, old])
    assert lab.run().of("rows_out_equals_rows_in").status == "passed"


def test_a_key_part_may_be_an_expression(tmp_path: Path) -> None:
    table = FACT.model_copy(update={"driving": (FACT.driving[0].model_copy(update={"key": ("md5(id)",), "own_key": ("visit_sk",)}),)})
    lab = Lab(tmp_path, table, RAW, PERSON)
    lab.relation("raw_visit", RAW, [SOURCE])
    lab.relation("dim_person", PERSON, PERSONS)
    # md5('v1')
    lab.stage([{**ROW, "visit_sk": "6654c734ccab8f440ff0825eb443dc7f"}])
    assert lab.run().of("rows_out_equals_rows_in").status == "passed"


@pytest.mark.parametrize(
    ("key", "day", "failed"), [(6, 20250130, 0), (6, 20250131, 1), (7, 20250131, 0), (7, 20250201, 1), (-1, 20250131, 0)]
)
def test_a_version_is_valid_from_its_first_day_to_before_its_last(tmp_path: Path, key: int, day: int, failed: int) -> None:
    lab = lab_of(tmp_path, [SOURCE], [{**ROW, "person_key": key, "date_key": day}])
    assert lab.run().of("version_covers_event.person_key").rows_failed == failed


def test_rows_folded_into_the_opening_partition_keep_their_own_day(tmp_path: Path) -> None:
    row = {**ROW, "person_key": 6, "date_key": 20101231, "partition_date": OPENING}
    assert lab_of(tmp_path, [SOURCE], [row], (OPENING,)).run().of("version_covers_event.person_key", OPENING).status == "passed"


@pytest.mark.parametrize(("unknown", "status"), [(5, "passed"), (6, "warned")])
def test_threshold_of_unknown_members(tmp_path: Path, unknown: int, status: str) -> None:
    rows = [{**ROW, "visit_sk": f"s{i}", "visit_id": f"v{i}", "person_key": -1 if i < unknown else 7} for i in range(100)]
    results = lab_of(tmp_path, [], rows).run()
    found = results.of("unknown_member_share.person_key")
    assert (found.status, found.rows_failed) == (status, unknown)
    assert (found.sample_keys == "") is (status == "passed")
    assert not [r for r in results if r.check_name == "unknown_member_share.source_key"]


@pytest.mark.parametrize(("day", "partition", "failed"), [(D1, D1, 0), (D2, D1, 1), (D1, D2, 1), (date(2010, 1, 1), OPENING, 0)])
def test_the_source_says_the_day_of_a_row_without_one(tmp_path: Path, day: date, partition: date, failed: int) -> None:
    raw = RAW.model_copy(update={"columns": (*RAW.columns, column("day", "date"))})
    driving = {"table": "raw_visit", "key": ("id",), "own_key": ("visit_id",), "date": "cast(day as date)"}
    lab = Lab(tmp_path, contract("fact_v", {"v_sk": "text", "visit_id": "id"}, ["v_sk"], driving=driving), raw, dates=(partition,))
    lab.relation("raw_visit", raw, [{"id": "v1", "day": day}])
    found = lab.stage([{"v_sk": "a", "visit_id": "v1"}]).run().of("only_this_day", partition)
    assert (found.rows_checked, found.rows_failed) == (1, failed)


def test_every_row_that_has_a_day_of_its_own_is_held_to_it() -> None:
    """But for the book of bookings, whose day is none of the booking's."""
    catalog = load_catalog()
    dated = [t for t in catalog.tables.values() if t.by_event_date]
    free = {t.name for t in dated if not any(r.check == "only_this_day" for r in rules_of(catalog, t))}
    assert free == {"fact_booking"}


def _of_two(tmp_path: Path, rows: list[dict[str, Any]], calls: list[dict[str, Any]]) -> Lab:
    """A fact that has the rows of two files: visits with a cost, and calls with a fee."""
    call = contract("raw_call", {"id": "id", "fee": "money", "is_simulated": "bool"}, ["id"], source={"file": "calls", "key": ("id",)})
    kinds = {"own_key": ("event_sk",)}
    columns = {
        "event_sk": "text",
        "cost_amount": {"type": "money", "equals": "raw_visit.cost"},
        "fee_amount": {"type": "money", "equals": "-raw_call.fee"},
        "is_simulated": "bool",
    }
    driving = [{"table": "raw_visit", "key": ("'v' || id",), **kinds}, {"table": "raw_call", "key": ("'c' || id",), **kinds}]
    lab = Lab(tmp_path, contract("fact_event", columns, ["event_sk"], driving=driving), RAW, call)
    lab.relation("raw_visit", RAW, [{**SOURCE, "id": "1"}])
    lab.relation("raw_call", call, calls)
    return lab.stage(rows)


def test_a_fact_of_two_sources_has_the_rows_of_both(tmp_path: Path) -> None:
    visit = {"event_sk": "v1", "cost_amount": Decimal(10), "is_simulated": False}
    call = {"event_sk": "c1", "fee_amount": Decimal(-3), "is_simulated": True}
    source = {"id": "1", "fee": Decimal(3), "is_simulated": True}
    checks = ("rows_out_equals_rows_in", "money_equals_source.cost_amount", "money_equals_source.fee_amount", "simulated_flag_true")

    def statuses(rows: list[dict[str, Any]], calls: list[dict[str, Any]]) -> list[str]:
        found = _of_two(tmp_path, rows, calls).run()
        return [found.of(check).status for check in checks]

    assert statuses([visit, call], [source]) == ["passed"] * 4
    assert statuses([visit], [source]) == ["failed", "passed", "passed", "passed"]
    assert statuses([visit, call, {**call, "event_sk": "c2"}], [source])[0] == "failed"
    assert statuses([visit, {**call, "fee_amount": Decimal(3)}], [source]) == ["passed", "passed", "failed", "passed"]
    assert statuses([{**visit, "cost_amount": Decimal(9)}, call], [source]) == ["passed", "failed", "passed", "passed"]
    assert statuses([visit, {**call, "is_simulated": False}], [source]) == ["passed", "passed", "passed", "failed"]
