"""Rules of dimensions: reserved members, hashes, versions, completeness."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets_tests.audit.support import D1, D2, MARKER, OPENING, Case, Lab, Setting, contract, prove

FIRST, OPEN = date(1900, 1, 1), date(9999, 12, 31)
RAW = contract(
    "raw_site",
    {
        "id": "id",
        "zip": "text",
        "change_type": "text",
        "source_ordinal": "int",
        "drop_id": "text",
        "drop_date": "date",
        "drop_sequence": "int",
    },
    ["id"],
    natural_key=("id",),
    source={"file": "sites", "key": ("id",)},
)
SITE = contract(
    "dim_site",
    {
        "site_key": "key",
        "member_key": "key",
        "site_id": "id",
        "city": {"type": "text", "scd": "tracked"},
        "zip": "text",
        "visits": {"type": "int", "scd": "snapshot"},
        "is_current": "bool",
        "valid_from": "date",
        "valid_to": "date",
    },
    ["site_key"],
    natural_key=("site_id",),
    scd=2,
    driving={"table": "raw_site", "key": ("id",), "own_key": ("site_id",)},
    upstream=("raw_site",),
)


def _hash(text: str) -> int:
    return int(hashlib.md5(text.encode()).hexdigest()[:15], 16)


def _reserved(number: int, label: str) -> dict[str, Any]:
    shared = {"site_id": label, "city": label, "zip": label, "is_current": True, "valid_from": FIRST, "valid_to": OPEN}
    return {"site_key": number, "member_key": number, **shared}


def _version(name: str, city: str, start: date = FIRST, end: date = OPEN, **more: Any) -> dict[str, Any]:
    row = {
        "site_key": _hash(f"site|{name}|{start}"),
        "member_key": _hash(f"site|{name}|1900-01-01"),
        "site_id": name,
        "city": city,
        "zip": "02081",
        "visits": 1,
        "is_current": end == OPEN,
        "valid_from": start,
        "valid_to": end,
    }
    return {**row, **more}


RESERVED = [_reserved(-1, "Unknown"), _reserved(-2, "Not applicable"), _reserved(-3, "All")]
CHANGE = date(2025, 1, 15)
A1, A2 = _version("a", "Boston", FIRST, CHANGE), _version("a", "Salem", CHANGE)
CLEAN = [*RESERVED, A1, A2]
GIVEN: dict[str, Any] = {
    "raw_site": [{"id": "a", "zip": "02081"}],
    "drop_ledger": [{"drop_id": f"d{i}", "drop_date": OPENING, "drop_sequence": i} for i in (1, 2)],
}


def _case(rule: str, rows: list[dict[str, Any]], failed: int, keys: str, **more: Any) -> Case:
    return Case(rule, SITE, Setting(CLEAN, given=GIVEN), Setting(rows), failed, keys, neighbours=[RAW], **more)


CASES = [
    _case("natural_key_unique", [*CLEAN, {**A2, "city": MARKER}], 2, "a"),
    _case("key_is_stable_hash", [*RESERVED, A1, {**A2, "site_key": 5, "city": MARKER}], 1, "a"),
    _case("scd2_no_gap_no_overlap", [*RESERVED, {**A1, "valid_to": date(2025, 1, 14)}, A2], 1, "a"),
    _case("scd2_one_current", [*RESERVED, A1, {**A2, "is_current": False}], 1, "a"),
    _case("scd2_real_change", [*RESERVED, A1, {**A2, "city": "Boston", "visits": 9}], 1, "a"),
    _case(
        "scd2_version_budget",
        [*RESERVED, *(_version("a", str(i), date(2025, 1, i), date(2025, 1, i + 1)) for i in range(1, 5))],
        1,
        "a",
        absent=Setting(missing=["drop_ledger"]),
        reason="table not built",
    ),
    _case(
        "code_keeps_text.zip",
        [*RESERVED, A1, {**A2, "zip": "2081"}],
        1,
        "a",
        absent=Setting(missing=["raw_site"]),
        reason="table not built",
    ),
    Case(
        "reserved_members_present",
        SITE,
        Setting(CLEAN, given=GIVEN),
        Setting([RESERVED[0], {**RESERVED[1], "city": "n/a"}, A1, A2]),
        2,
        "-1 -2 -3",
        None,
        neighbours=[RAW],
    ),
    _case(
        "dimension_complete",
        [*CLEAN, _version("b", MARKER)],
        1,
        "b",
        absent=Setting(missing=["raw_site"]),
        reason="table not built",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, tmp_path: Path) -> None:
    prove(case, tmp_path)


def _bad(tmp_path: Path, rows: list[dict[str, Any]], **given: Any) -> dict[str, tuple[str, int | None, str]]:
    lab = Lab(tmp_path, SITE, RAW)
    lab.relation("raw_site", RAW, given.get("raw_site", GIVEN["raw_site"]))
    lab.plain("drop_ledger", GIVEN["drop_ledger"])
    return lab.stage(rows).run().bad()


@pytest.mark.parametrize(
    ("rows", "failed"),
    [
        ([*RESERVED[1:], A1, A2], 1),
        ([*CLEAN, RESERVED[0]], 1),
        ([RESERVED[0], {**RESERVED[1], "city": "n/a"}, A1, A2], 2),
        ([*RESERVED[:2], {**RESERVED[2], "visits": 0}, A1, A2], 1),
        ([*RESERVED[:2], {**RESERVED[2], "valid_to": CHANGE}, A1, A2], 1),
        ([*RESERVED[:2], {**RESERVED[2], "member_key": 4}, A1, A2], 1),
        ([], 3),
    ],
)
def test_reserved_members(tmp_path: Path, rows: list[dict[str, Any]], failed: int) -> None:
    assert _bad(tmp_path, rows)["reserved_members_present"] == ("failed", failed, "-1 -2 -3")


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([_version("a", "x", OPENING)], "scd2_no_gap_no_overlap"),
        ([_version("a", "x", FIRST, CHANGE, is_current=True)], "scd2_no_gap_no_overlap"),
        ([A1, {**A2, "valid_from": date(2025, 1, 14)}], "scd2_no_gap_no_overlap"),
        ([A1, _version("a", "x", CHANGE, CHANGE), A2], "scd2_no_gap_no_overlap"),
        ([A1, {**A2, "is_current": True}, _version("a", "x", D1, OPEN)], "scd2_one_current"),
        ([A1, _version("a", "y", CHANGE, D1), _version("a", "y", D1)], "scd2_real_change"),
        ([A1, {**A2, "member_key": A2["site_key"]}], "key_is_stable_hash"),
    ],
)
def test_broken_versions(tmp_path: Path, versions: list[dict[str, Any]], expected: str) -> None:
    assert expected in _bad(tmp_path, [*RESERVED, *versions])


def test_back_and_forth_is_three_versions(tmp_path: Path) -> None:
    again = [A1, _version("a", "Salem", CHANGE, D1), _version("a", "Boston", D1)]
    assert not _bad(tmp_path, [*RESERVED, *again])


def test_a_value_that_becomes_null_is_a_change(tmp_path: Path) -> None:
    assert not _bad(tmp_path, [*RESERVED, A1, {**A2, "city": None}])


def test_members_that_are_missing_and_members_of_later_drops(tmp_path: Path) -> None:
    raw = [{"id": "a", "zip": "02081"}, {"id": "b"}, {"id": "c", "partition_date": D2}]
    assert _bad(tmp_path, CLEAN, raw_site=raw) == {"dimension_complete": ("failed", 1, "b")}


def test_fixed_members_come_from_no_drop(tmp_path: Path) -> None:
    assert not _bad(tmp_path, [*CLEAN, _version("SELF_PAY", "x", zip=None)])


def test_every_raw_spelling_of_a_zip_is_its_text(tmp_path: Path) -> None:
    raw = [{"id": "a", "zip": "02081"}, {"id": "a", "zip": "02082", "partition_date": D1}]
    assert not _bad(tmp_path, [*RESERVED, A1, {**A2, "zip": "02082"}], raw_site=raw)


EVENT = contract(
    "dim_visit", {"visit_key": "key", "visit_id": "id", "minutes": "number"}, ["visit_key"], natural_key=("visit_id",), dimension="event"
)


def _event(name: str, **more: Any) -> dict[str, Any]:
    return {"visit_key": _hash(f"visit|{name}"), "visit_id": name, "minutes": 5.0, **more}


def test_event_dimensions_have_reserved_members_once(tmp_path: Path) -> None:
    members = [{"visit_key": n, "visit_id": t} for n, t in ((-1, "Unknown"), (-2, "Not applicable"), (-3, "All"))]
    opening = [{**m, "partition_date": OPENING} for m in members]
    lab = Lab(tmp_path, EVENT, dates=[OPENING, D1])
    assert not lab.stage([*opening, _event("v1", partition_date=D1)]).run().bad()
    again = lab.stage([*opening, members[0] | {"partition_date": D1}, _event("v1", partition_date=D1)]).run()
    assert again.of("reserved_members_present", D1).rows_failed == 1
    assert again.of("reserved_members_present", OPENING).status == "passed"


def test_event_keys_are_unique_over_all_partitions(tmp_path: Path) -> None:
    rows = [_event("v1", partition_date=D1)]
    found = Lab(tmp_path, EVENT, dates=[D1]).stage(rows, everything=[*rows, _event("v1", partition_date=OPENING)]).run()
    assert found.of("natural_key_unique").rows_failed == 1
    assert found.of("grain_unique").sample_keys == "v1"


def test_parts_of_a_key_are_spelled_by_type(tmp_path: Path) -> None:
    columns = {"x_key": "key", "code": "text", "day": "date", "line": "int"}
    table = contract("dim_x", columns, ["x_key"], natural_key=("code", "day", "line"), scd=1)
    rows: list[dict[str, Any]] = [
        {"x_key": _hash("x|c|2025-01-31|7"), "code": "c", "day": D1, "line": 7},
        {"x_key": _hash("x||2025-01-31|8"), "code": None, "day": D1, "line": 8},
    ]
    assert Lab(tmp_path, table).stage(rows).run().of("key_is_stable_hash").status == "passed"


def test_a_calendar_is_its_own_key(tmp_path: Path) -> None:
    table = contract("dim_date", {"date_key": "key", "date_day": "date"}, ["date_key"], natural_key=("date_key",), scd=1)
    results = Lab(tmp_path, table).stage([{"date_key": 20991231, "date_day": date(2099, 12, 31)}]).run()
    assert not [r for r in results if r.check_name in ("key_is_stable_hash", "value_in_range.date_key", "only_this_day")]
