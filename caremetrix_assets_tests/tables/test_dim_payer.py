"""dim_payer on literal drops: classes of insurers, the fixed member SELF_PAY, totals as snapshot columns."""

from datetime import date
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def members(rows: list[Row], dates: list[str] | None = None) -> list[Row]:
    built = build("dim_payer", given={"raw_payers": rows}, dates=dates or ["2025-01-31"])
    return [r for r in sorted(built, key=lambda r: (r["partition_date"], r["valid_from"])) if r["payer_key"] > 0]


def test_classes_come_from_ownership_and_from_the_name_before_release_3_2():
    names = [("a", "Medicare", "GOVERNMENT"), ("b", "Aetna", "PRIVATE"), ("c", "NO_INSURANCE", "NO_INSURANCE")]
    old = [("d", "Medicaid", None), ("e", "Humana", None), ("f", "NO_INSURANCE", None), ("g", "Dual Eligible", None)]
    rows = members([{"id": i, "name": n, "ownership": o} for i, n, o in names + old])
    assert {r["payer_id"]: r["payer_class"] for r in rows} == {
        "a": "government",
        "b": "private",
        "c": "none",
        "d": "government",
        "e": "private",
        "f": "none",
        "g": "government",
        "SELF_PAY": "self_pay",
    }


def test_self_pay_is_a_fixed_member_of_every_snapshot():
    rows = members([], dates=["2025-01-01", "2025-01-02"])
    assert [(r["payer_id"], r["payer_key"], r["member_key"], r["partition_date"].day) for r in rows] == [
        ("SELF_PAY", stable_key("payer", "SELF_PAY", "1900-01-01"), stable_key("payer", "SELF_PAY", "1900-01-01"), 1),
        ("SELF_PAY", stable_key("payer", "SELF_PAY", "1900-01-01"), stable_key("payer", "SELF_PAY", "1900-01-01"), 2),
    ]
    assert (rows[0]["is_current"], rows[0]["valid_from"], rows[0]["valid_to"]) == (True, date(1900, 1, 1), date(9999, 12, 31))


def test_totals_never_make_a_version_and_nan_is_null():
    log = [
        {"id": "a", "name": "Aetna", "amount_covered": "1.10", "member_months": 12, "qols_avg": float("nan")},
        {"id": "a", "name": "Aetna", "amount_covered": "2.20", "member_months": 24, "qols_avg": 0.5, "partition_date": "2025-01-02"},
    ]
    rows = [r for r in members(log, dates=["2025-01-01", "2025-01-31"]) if r["payer_id"] == "a"]
    assert [(r["amount_covered"], r["member_months"], r["quality_of_life_average"], r["valid_from"]) for r in rows] == [
        (Decimal("1.10"), 12, None, date(1900, 1, 1)),
        (Decimal("2.20"), 24, 0.5, date(1900, 1, 1)),
    ]


def test_ownership_filled_by_an_upgrade_makes_no_version_but_a_change_of_it_does():
    log = [
        {"id": "a", "name": "Aetna"},
        {"id": "a", "name": "Aetna", "ownership": "PRIVATE", "partition_date": "2025-01-02"},
        {"id": "a", "name": "Aetna", "ownership": "GOVERNMENT", "partition_date": "2025-01-03"},
    ]
    before = [r for r in members(log, dates=["2025-01-02"]) if r["payer_id"] == "a"]
    assert [(r["ownership"], r["valid_to"], r["is_current"]) for r in before] == [("PRIVATE", date(9999, 12, 31), True)]
    rows = [r for r in members(log) if r["payer_id"] == "a"]
    assert [(r["ownership"], r["payer_class"], r["valid_from"]) for r in rows] == [
        ("PRIVATE", "private", date(1900, 1, 1)),
        ("GOVERNMENT", "government", date(2025, 1, 3)),
    ]


def test_reserved_members():
    rows = [r for r in build("dim_payer") if r["payer_key"] < 0]
    assert [(r["payer_key"], r["payer_class"], r["revenue"]) for r in rows] == [
        (-3, "All", None),
        (-2, "Not applicable", None),
        (-1, "Unknown", None),
    ]
