"""mart_patient_cohort on literal histories: cells, the last complete month, survival, deaths, keys, no feed."""

from datetime import date
from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import charge, mart, person, picked, row_of, touch, visit, visits

NAME = "mart_patient_cohort"
CHECKS = sorted(load_catalog().table(NAME).checks)
WORKED = [*visits("A", "2025-01-05", "2025-03-10"), *visits("B", "2025-01-20")]


def cohort(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, **given)


def cells(day: str, appointments: list[Row], **given: list[Row]) -> dict[int, Row]:
    return {r["months_since"]: r for r in cohort([day], appointments, **given) if r["breakdown"] == "total"}


def test_worked_example():
    found = cells("2025-04-15", WORKED)
    assert sorted(found) == [0, 1, 2]
    names = ("cohort_patients", "active_in_month_patients", "active_in_month_rate", "returned_patients", "retained_12m_patients")
    assert picked(found[2], *names, "at_risk_patients", "cumulative_visits") == [2, 1, Decimal("0.5000"), 1, 2, 2, 3]
    assert [picked(found[n], "active_in_month_patients", "returned_patients", "cumulative_visits") for n in (0, 1)] == [
        [2, 0, 2],
        [0, 0, 2],
    ]
    assert picked(found[0], "cohort_month", "survival_estimate", "data_basis") == [date(2025, 1, 1), 1.0, "derived"]


def test_a_month_counts_from_its_last_day_on():
    assert sorted(cells("2025-03-30", WORKED)) == [0, 1]
    assert sorted(cells("2025-03-31", WORKED)) == [0, 1, 2]
    assert cells("2025-01-30", WORKED) == {}


def test_days_of_a_month_say_the_same():
    rows = cohort(["2025-03-31", "2025-04-29", "2025-04-30"], WORKED)
    by_day = {d: [{**r, "partition_date": None} for r in rows if str(r["partition_date"]) == d] for d in ("2025-03-31", "2025-04-29")}
    assert by_day["2025-03-31"] == by_day["2025-04-29"]
    assert len([r for r in rows if str(r["partition_date"]) == "2025-04-30" and r["breakdown"] == "total"]) == 4


def test_sixty_cohorts_of_at_most_sixty_months():
    rows = cohort(["2025-12-31"], [*visits("old", "2020-12-31"), *visits("first", "2021-01-01")])
    total = [r for r in rows if r["breakdown"] == "total"]
    assert {r["cohort_month"] for r in total} == {date(2021, 1, 1)}
    assert [r["months_since"] for r in total] == list(range(60))


def test_charges_count_from_the_cohorts_first_month():
    charges = [charge("2024-12-31", "9.00", "A"), charge("2025-01-01", "10.00", "A"), charge("2025-02-28", "5.50", "B")]
    charges += [charge("2025-03-01", "0.01", "A"), charge("2025-04-01", "7.00", "A")]
    found = cells("2025-04-15", WORKED, fact_claim_line=charges)
    names = ("cumulative_production_amount", "cumulative_production_per_patient")
    assert [picked(found[n], *names) for n in range(3)] == [[Decimal("10.00"), 5.0], [Decimal("15.50"), 7.75], [Decimal("15.51"), 7.755]]


def test_survival_until_the_first_lapse():
    """Won in January 2023: A and B last seen then lapse in July 2024, C in October; D dies in March and is at risk no more."""
    history = [*visits("A", "2023-01-10", "2024-07-11"), *visits("B", "2023-01-20"), *visits("C", "2023-01-30", "2023-04-15")]
    history += visits("D", "2023-01-31")
    people = [person("A", key=1), person("B", key=2), person("C", key=3), person("D", died="2023-03-01", key=4)]
    found = cells("2024-10-31", history, dim_patient=people)
    names = ("lapse_at_risk_patients", "first_lapsed_patients", "survival_estimate", "at_risk_patients")
    assert picked(found[1], *names) == [4, 0, 1.0, 4]
    assert picked(found[2], *names) == [4, 0, 1.0, 3]
    assert picked(found[17], *names) == [3, 0, 1.0, 3]
    # A is back a day after lapsing; a first lapse stays one
    assert picked(found[18], *names) == [3, 2, 0.333333, 3]
    assert picked(found[20], *names) == [1, 0, 0.333333, 3]
    assert picked(found[21], *names) == [1, 1, 0.0, 3]
    assert picked(found[21], "returned_patients", "cumulative_visits", "retained_12m_patients") == [2, 6, 1]


def test_survival_is_a_product_of_exact_factors():
    """Eight patients, one lapsing in each of three months: 7/8, 6/7 of it, 5/6 of it."""
    history = [v for n in range(3) for v in visits(f"p{n}", "2023-01-10", *([f"2023-0{n + 1}-11"] if n else []))]
    history += [v for n in range(5) for v in visits(f"s{n}", "2023-01-10", "2024-05-01")]
    found = cells("2024-10-31", history)
    assert [found[n]["survival_estimate"] for n in (17, 18, 19, 20)] == [1.0, 0.875, 0.75, 0.625]


def test_seen_within_a_year():
    found = cells("2026-03-31", visits("A", "2025-01-31", "2025-02-28"))
    assert [found[n]["retained_12m_patients"] for n in (0, 12, 13, 14)] == [1, 1, 0, 0]
    dead = cells("2025-03-31", visits("A", "2025-01-31"), dim_patient=[person("A", died="2025-02-28")])
    assert [picked(dead[n], "at_risk_patients", "retained_12m_patients", "retained_12m_rate") for n in (0, 1)] == [
        [1, 1, Decimal("1.0000")],
        [0, 0, None],
    ]


def test_breakdowns_have_the_keys_of_the_first_visit():
    history = [
        visit("a", "2025-01-05", 1, "A", "new", location_key=10, provider_key=22, payer_key=31),
        visit("b", "2025-02-05", 2, "A", location_key=11, provider_key=25, payer_key=30),
    ]
    touches = [touch("2025-01-01", 1, 40, "A", is_simulated=True)]
    rows = cohort(["2025-02-28"], history, dim_patient=[person("A", "2007-01-06")], bridge_patient_source=touches)
    found = [
        picked(r, "breakdown", "location_key", "provider_key", "source_key", "age_band", "payer_class", "data_basis") for r in rows[:6]
    ]
    assert sorted(found) == [
        ["acquisition_source", -3, -3, 40, "all", "all", "simulated"],
        ["age_band", -3, -3, -3, "5-17", "all", "derived"],
        ["location", 10, -3, -3, "all", "all", "derived"],
        ["payer_class", -3, -3, -3, "all", "government", "derived"],
        ["provider", -3, 20, -3, "all", "all", "derived"],
        ["total", -3, -3, -3, "all", "all", "derived"],
    ]
    assert row_of(rows, breakdown="location", location_key=10, months_since=1)["cumulative_visits"] == 2


def found(check: str, **changes: object) -> list[str] | str:
    charges = [charge("2025-01-05", "20.00", "A"), charge("2025-04-01", "7.00", "B")]
    rows = cohort(["2025-03-31"], WORKED, fact_claim_line=charges)
    changed = [{**r, **changes} if (r["months_since"], r["breakdown"]) == (0, "total") else r for r in rows]
    day: Row = {"partition_date": "2025-03-31"}
    month: Row = {
        "breakdown": "total",
        "period_grain": "month",
        "is_period_complete": True,
        "period_start": "2025-03-01",
        "new_patients": 0,
    }
    neighbours = {
        "mart_new_patients": [
            {**day, "patient_id": p, "acquisition_date": d} for p, d in zip("AB", ("2025-01-05", "2025-01-20"), strict=True)
        ],
        "mart_new_patients_summary": [{**day, **month}],
        "fact_appointment": WORKED,
        "fact_claim_line": charges,
    }
    return offenders(NAME, check, changed, neighbours)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", cohort_patients=3) == ["2025-01-01"]
    assert found("mart_equals_fact", cumulative_visits=4) == ["2025-01-01"]
    assert found("mart_equals_fact", cumulative_production_amount="20.01") == ["2025-01-01"]
    assert found("mart_identity_month_of_the_first_visit", active_in_month_patients=1) == ["2025-01-01|total"]
    assert found("mart_identity_cohorts_of_new_patients", cohort_patients=3) == ["2025-01-01"]
    assert found("mart_identity_month_of_summary", cohort_month="2025-03-01") == ["2025-03-01"]
    assert found("mart_identity_along_a_cohort", cumulative_visits=3) == ["2025-01-01|1|total"]
    assert found("mart_identity_along_a_cohort", survival_estimate=0.9) == ["2025-01-01|1|total"]
