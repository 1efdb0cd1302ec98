"""dim_insurance on literal coverage spans: kinds, their first span, patients covered on the day."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key

PAYERS = [
    {"id": "medicare", "name": "Medicare", "ownership": "GOVERNMENT"},
    {"id": "aetna", "name": "Aetna", "ownership": "PRIVATE"},
    {"id": "none", "name": "NO_INSURANCE", "ownership": "NO_INSURANCE"},
]


def span(patient: str, start: str, end: str | None, payer: str, ownership: str | None = "Self", **more: object) -> Row:
    times = {"start_date": f"{start} 21:15:00", "end_date": end and f"{end} 21:15:00"}
    return {"patient": patient, "payer": payer, "plan_ownership": ownership, **times, **more}


def kinds(spans: list[Row], dates: list[str] | None = None, payers: list[Row] = PAYERS) -> list[Row]:
    built = build("dim_insurance", given={"raw_payer_transitions": spans, "raw_payers": payers}, dates=dates or ["2025-01-31"])
    return [r for r in built if r["insurance_key"] > 0]


def test_a_kind_is_payer_secondary_payer_and_ownership():
    rows = kinds(
        [
            span("p1", "2020-01-01", "2021-01-01", "aetna"),
            span("p2", "2019-05-05", "2020-05-05", "aetna"),
            span("p2", "2020-05-05", None, "aetna", "Spouse"),
            span("p3", "2020-01-01", None, "medicare", secondary_payer="aetna"),
            span("p4", "2020-01-01", None, "none", None),
        ]
    )
    assert {(r["payer_id"], r["secondary_payer_id"], r["plan_ownership"]): r["first_seen_date"] for r in rows} == {
        ("aetna", None, "Self"): date(2019, 5, 5),
        ("aetna", None, "Spouse"): date(2020, 5, 5),
        ("medicare", "aetna", "Self"): date(2020, 1, 1),
        ("none", None, None): date(2020, 1, 1),
    }
    by_kind = {(r["payer_id"], r["plan_ownership"]): r for r in rows}
    assert by_kind["aetna", "Self"]["insurance_key"] == stable_key("insurance", "aetna", "", "Self")
    assert by_kind["none", None]["insurance_key"] == stable_key("insurance", "none", "", "")
    medicare = by_kind["medicare", "Self"]
    assert (medicare["payer_class"], medicare["has_secondary"]) == ("government", True)
    assert medicare["payer_key"] == stable_key("payer", "medicare", "1900-01-01")
    assert medicare["secondary_payer_key"] == stable_key("payer", "aetna", "1900-01-01")
    assert (by_kind["none", None]["payer_class"], by_kind["none", None]["secondary_payer_key"]) == ("none", -2)


def test_members_are_patients_with_a_span_on_the_day():
    spans = [
        span("p1", "2024-01-10", "2025-01-10", "aetna"),
        span("p1", "2025-01-10", "2026-01-10", "aetna"),
        span("p2", "2025-01-15", "2026-01-15", "aetna"),
        span("p3", "2025-01-20", "2025-01-20", "aetna"),
    ]
    rows = kinds(spans, ["2025-01-09", "2025-01-14", "2025-01-15", "2025-01-20"])
    assert [r["member_count"] for r in rows] == [1, 1, 2, 2]


def test_the_change_log_up_to_the_day_counts():
    spans = [
        span("p1", "2024-01-10", None, "aetna"),
        span("p1", "2024-01-10", "2025-01-05", "aetna", partition_date="2025-01-06", change_type="update"),
        span("p2", "2010-01-01", None, "aetna", partition_date="2025-01-08"),
        span("p2", "2010-01-01", None, "aetna", partition_date="2025-01-09", change_type="delete"),
    ]
    rows = kinds(spans, ["2025-01-05", "2025-01-06", "2025-01-08", "2025-01-09"])
    assert [(r["member_count"], r["first_seen_date"].year) for r in rows] == [(1, 2024), (0, 2024), (1, 2010), (0, 2024)]


def test_a_kind_whose_only_span_was_deleted_stays_a_member():
    spans = [
        span("p1", "2024-01-10", None, "aetna"),
        span("p1", "2024-01-10", None, "aetna", partition_date="2025-01-06", change_type="delete"),
    ]
    assert [(r["member_count"], r["first_seen_date"]) for r in kinds(spans)] == [(0, date(2024, 1, 10))]


def test_a_payer_not_known_yet_is_the_unknown_member():
    payers = [{"id": "late", "name": "Late", "ownership": "PRIVATE", "partition_date": "2025-01-10"}]
    rows = kinds([span("p1", "2024-01-10", None, "late", secondary_payer="late")], ["2025-01-09", "2025-01-10"], payers)
    late = stable_key("payer", "late", "1900-01-01")
    assert [(r["payer_key"], r["secondary_payer_key"], r["payer_class"]) for r in rows] == [(-1, -1, None), (late, late, "private")]


def test_reserved_members():
    rows = build("dim_insurance")
    assert [(r["insurance_key"], r["payer_key"], r["plan_ownership"], r["member_count"]) for r in rows] == [
        (-3, None, "All", None),
        (-2, None, "Not applicable", None),
        (-1, None, "Unknown", None),
    ]
