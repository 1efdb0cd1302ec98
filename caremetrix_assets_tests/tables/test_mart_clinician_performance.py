"""mart_clinician_performance on literal activities: sums, patients, peers, ranks, the commonest codes; its checks on a changed row."""

from decimal import Decimal
from typing import Any

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders

NAME = "mart_clinician_performance"
ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31", "is_current": True}
PROVIDERS = [
    {"provider_key": 11, "member_key": 10, "provider_id": "d1", "organization_id": "o1", "speciality": "GP", **ALWAYS},
    {"provider_key": 20, "member_key": 20, "provider_id": "d2", "organization_id": "o1", "speciality": "GP", **ALWAYS},
    {"provider_key": 30, "member_key": 30, "provider_id": "d3", "organization_id": "o2", "speciality": "GP", **ALWAYS},
]
DIMENSIONS = {
    "dim_provider": PROVIDERS,
    "dim_organization": [{"organization_id": "o1", "organization_key": 7, "member_key": 5, "is_current": True}],
    "dim_encounter": [{"encounter_id": "death", "is_death_certification": True}, {"encounter_id": "e", "is_death_certification": False}],
    "dim_medication": [
        {"medication_key": 61, "medication_code": "m1", "is_opioid": True},
        {"medication_key": 62, "medication_code": "m2", "is_opioid": False},
    ],
    "dim_procedure": [{"procedure_key": 51, "procedure_code": "b"}, {"procedure_key": 52, "procedure_code": "a"}],
}


def activity(kind: str, day: str, provider: int = 11, patient: str = "p1", **more: object) -> Row:
    counts = {"visit_count": int(kind == "encounter"), "procedure_count": int(kind == "procedure")}
    keys = {"procedure_key": -2, "medication_key": -2, "provider_key": provider, "patient_id": patient, "encounter_id": "e"}
    return {
        "activity_type": kind,
        "date_key": int(day.replace("-", "")),
        **counts,
        "medication_count": int(kind == "medication"),
        **keys,
        **more,
    }


def visit(day: str, provider: int = 11, patient: str = "p1", minutes: float | None = 20.0, **more: object) -> Row:
    return activity("encounter", day, provider, patient, duration_minutes=minutes, **more)


def procedure(day: str, cost: str, key: int = 51, **more: Any) -> Row:
    return activity("procedure", day, procedure_key=key, procedure_cost_amount=cost, duration_minutes=5.0, **more)


def order(day: str, cost: str, key: int = 62, **more: Any) -> Row:
    return activity("medication", day, medication_key=key, medication_unit_cost_amount=cost, **more)


def worked_example(provider: int = 11, cost: str = "2000.00") -> list[Row]:
    """10 visits of 20 minutes on 5 days, 15 procedures, 4 orders of 200.00."""
    visits = [visit(f"2025-03-0{1 + n // 2}", provider, f"p{n}") for n in range(10)]
    first = [procedure("2025-03-01", cost, provider=provider, patient="p0")]
    more = [procedure("2025-03-01", "0.00", provider=provider, patient="p0") for _ in range(14)]
    return [*visits, *first, *more, *(order("2025-03-02", "200.00", provider=provider, patient="p2") for _ in range(4))]


def mart(rows: list[Row], dates: list[str] | None = None) -> list[Row]:
    return build(NAME, given={"fact_clinician": rows, **DIMENSIONS}, dates=dates or ["2025-03-31"])


def row_of(rows: list[Row], provider: int = 10, grain: str = "month") -> Row:
    (found,) = [r for r in rows if r["provider_key"] == provider and r["period_grain"] == grain]
    return found


def picked(row: Row, *names: str) -> list[Any]:
    return [row[n] for n in names]


def test_worked_example():
    row = row_of(mart(worked_example()))
    assert picked(row, "visits", "procedures", "medication_orders", "days_worked", "visits_per_day_worked") == [10, 15, 4, 5, 2.0]
    assert picked(row, "procedures_per_visit", "medications_per_visit", "visit_minutes", "visit_minutes_p50") == [1.5, 0.4, 200.0, 20.0]
    money = ("procedure_cost_amount", "medication_cost_amount", "cost_amount", "cost_per_visit_amount")
    assert picked(row, *money) == [Decimal(v) for v in ("2000.00", "800.00", "2800.00", "280.00")]
    assert picked(row, "provider_id", "organization_key", "speciality", "data_basis") == ["d1", 5, "GP", "derived"]


def test_worked_example_of_peers():
    """Peers at 200.00, 280.00 and 350.00 a visit: the middle is 280.00; three peers are too few to compare."""
    rows = mart([*worked_example(), *worked_example(20, "1200.00"), *worked_example(30, "2700.00")])
    costs = ("cost_per_visit_amount", "peer_cost_per_visit_amount_p50", "cost_vs_peers", "peer_providers", "is_comparable")
    assert picked(row_of(rows), *costs) == [Decimal("280.00"), Decimal("280.00"), 1.0, 3, False]
    assert picked(row_of(rows, 30), "cost_per_visit_amount", "cost_vs_peers") == [Decimal("350.00"), 1.25]
    assert picked(row_of(rows), "peer_visits_per_day_p50", "peer_procedures_per_visit_p50", "peer_visit_minutes_p50") == [2.0, 1.5, 20.0]


def test_who_has_below_10_visits_is_no_peer_but_has_peers():
    rows = mart([*worked_example(), visit("2025-03-05", 20, minutes=30.0)])
    assert picked(row_of(rows, 20), "peer_providers", "minutes_vs_peers", "visits_rank", "cost_vs_peers") == [1, 1.5, 2, 0.0]
    alone = row_of(mart([visit("2025-03-05", 20)]), 20)
    assert picked(alone, "peer_providers", "peer_visit_minutes_p50", "minutes_vs_peers", "visits_rank") == [0, None, None, 1]


def test_five_peers_are_comparable():
    people = [{**PROVIDERS[0], "provider_key": k, "member_key": k, "provider_id": f"d{k}"} for k in range(1, 6)]
    rows = [r for k in range(1, 6) for r in worked_example(k)]
    found = build(NAME, given={**DIMENSIONS, "fact_clinician": rows, "dim_provider": people}, dates=["2025-03-31"])
    assert [picked(r, "peer_providers", "is_comparable") for r in found if r["period_grain"] == "month"] == [[5, True]] * 5


def test_patients_who_came_again_and_who_are_shared():
    """p1 came on two days; p2 twice on one day; p3 has an order only; p1 is also another clinician's, p3 an unknown one's."""
    rows = mart(
        [
            visit("2025-03-01"),
            visit("2025-03-02"),
            visit("2025-03-01", patient="p2"),
            visit("2025-03-01", patient="p2"),
            order("2025-03-03", "1.00", patient="p3"),
            order("2025-03-03", "1.00", patient="p1", provider=20),
            order("2025-03-03", "1.00", patient="p3", provider=-1),
        ]
    )
    mine = row_of(rows)
    assert picked(mine, "patients", "patients_seen_again", "seen_again_share") == [3, 1, Decimal("0.3333")]
    assert picked(mine, "patients_shared", "shared_share", "days_worked", "visits") == [1, Decimal("0.3333"), 2, 4]
    assert picked(row_of(rows, -1), "patients", "patients_shared", "provider_id", "organization_key") == [1, 1, None, -1]
    assert picked(row_of(rows, 20), "visits", "visits_per_day_worked", "procedures_per_visit", "cost_per_visit_amount") == [
        0,
        None,
        None,
        None,
    ]


def test_commonest_codes_by_rows_then_cost_then_code():
    by_cost = [procedure("2025-03-01", "5.00", 51), procedure("2025-03-01", "4.00", 52)]
    assert picked(row_of(mart(by_cost)), "top_procedure_key", "distinct_procedures", "top_medication_key") == [51, 2, -2]
    by_code = [procedure("2025-03-01", "5.00", 51), procedure("2025-03-01", "5.00", 52)]
    assert row_of(mart(by_code))["top_procedure_key"] == 52
    orders = [order("2025-03-01", "1.00", 61), order("2025-03-01", "1.00", 61), order("2025-03-01", "9.00", 62)]
    names = ("top_medication_key", "distinct_medications", "opioid_orders", "opioid_order_share")
    assert picked(row_of(mart(orders)), *names) == [61, 2, 2, Decimal("0.6667")]


def test_periods_hold_what_is_dated_in_them():
    rows = mart([visit("2025-02-28"), visit("2025-03-02"), visit("2025-04-01"), visit("2024-03-31", patient="p9")], ["2025-03-31"])
    found = {r["period_grain"]: r["visits"] for r in rows}
    assert found == {"month": 1, "rolling_30d": 1, "rolling_90d": 2, "rolling_12m": 2}
    assert {r["is_period_complete"] for r in rows} == {True}


def test_death_certifications_and_unknown_lengths():
    rows = mart([visit("2025-03-01", encounter_id="death"), visit("2025-03-02", minutes=None), visit("2025-03-02", minutes=10.016667)])
    assert picked(row_of(rows), "visits", "visit_minutes", "visit_minutes_p50") == [2, 10.016667, 10.016667]


def test_speciality_is_that_of_the_day():
    versions = [
        {**PROVIDERS[0], "valid_to": "2025-03-10", "is_current": False, "provider_key": 10},
        {**PROVIDERS[0], "valid_from": "2025-03-10", "speciality": "DENTAL"},
    ]
    given = {**DIMENSIONS, "fact_clinician": [visit("2025-03-01", 10)], "dim_provider": versions}
    rows = build(NAME, given=given, dates=["2025-03-09", "2025-03-10"])
    assert [(str(r["partition_date"]), r["speciality"]) for r in rows if r["period_grain"] == "month"] == [
        ("2025-03-09", "GP"),
        ("2025-03-10", "DENTAL"),
    ]


def found(check: str, **changes: object) -> list[str] | str:
    activities = [*worked_example(), visit("2025-03-05", 20)]
    rows = [{**r, **changes} if (r["provider_key"], r["period_grain"]) == (10, "month") else r for r in mart(activities)]
    return offenders(NAME, check, rows, {"fact_clinician": activities, **DIMENSIONS})


@pytest.mark.parametrize("check", sorted(load_catalog().table(NAME).checks))
def test_a_built_partition_passes(check: str):
    assert found(check) == []


@pytest.mark.parametrize("changes", [{"visits": 9}, {"procedures": 1}, {"medication_orders": 5}, {"procedure_cost_amount": "1.00"}])
def test_sums_of_the_fact(changes: Row):
    assert found("mart_equals_fact", **changes) == ["month"]


def test_identities():
    assert found("mart_identity_cost_of_parts", cost_amount="2800.01") == ["month|10"]
    assert found("mart_identity_patients_within", patients_shared=11) == ["month|10"]
    assert found("mart_identity_days_within", days_worked=11) == ["month|10"]
    assert found("mart_identity_days_within", days_worked=32, visits=40) == ["month|10"]
    assert found("mart_identity_first_of_speciality", visits_rank=3) == ["month|GP"]
