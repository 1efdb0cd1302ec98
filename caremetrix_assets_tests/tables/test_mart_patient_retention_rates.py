"""mart_patient_retention_rates on literal histories: windows, deaths, visits that lead to another, keys, no feed."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import mart, person, picked, row_of, touch, visit, visits

NAME = "mart_patient_retention_rates"
CHECKS = sorted(load_catalog().table(NAME).checks)
D = "2026-01-31"
HISTORY = [*visits("A", "2024-06-01", "2025-05-01"), *visits("B", "2024-09-01"), *visits("C", "2024-12-01")]
PEOPLE = [person("A"), person("B", key=2), person("C", died="2025-06-01", key=3)]


def rates(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, **{"dim_patient": PEOPLE, **given})


def total(appointments: list[Row], months: int = 12, **given: list[Row]) -> Row:
    return row_of(rates([D], appointments, **given), breakdown="total", window_months=months)


def test_worked_example():
    row = total(HISTORY)
    assert picked(row, "base_patients", "retention_rate", "churn_rate", "deceased_excluded_patients") == [
        2,
        Decimal("0.5000"),
        Decimal("0.5000"),
        1,
    ]
    assert picked(row, "followed_visits", "returned_visits", "visit_return_rate") == [2, 1, Decimal("0.5000")]
    assert picked(row, "period_start", "period_end", "data_basis") == [row["partition_date"], row["partition_date"], "derived"]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (["2024-01-31"], [0, 0]),
        (["2024-02-01"], [1, 0]),
        (["2025-01-31"], [1, 0]),
        (["2025-02-01"], [0, 0]),
        (["2025-01-31", "2025-02-01"], [1, 1]),
        (["2024-02-01", "2026-01-31"], [1, 1]),
        (["2024-02-01", "2026-02-01"], [1, 0]),
    ],
)
def test_edges_of_the_windows(days: list[str], found: list[int]):
    """Of 12 months up to 2026-01-31: 2024-02-01 to 2025-01-31, then 2025-02-01 to the day."""
    assert picked(total(visits("A", *days)), "base_patients", "retained_patients") == found


@pytest.mark.parametrize(("later", "returned"), [("2024-06-01", 0), ("2024-06-02", 1), ("2025-06-01", 1), ("2025-06-02", 0)])
def test_a_visit_leads_to_another_on_a_later_day_within_the_months(later: str, returned: int):
    row = total(visits("A", "2024-06-01", later))
    assert row["returned_visits"] == returned
    assert row["followed_visits"] == (2 if later < "2025-02" else 1)


def test_a_day_with_two_visits_returns_twice():
    assert picked(total(visits("A", "2024-06-01", "2024-06-01", "2025-03-01")), "followed_visits", "returned_visits") == [2, 2]


def test_every_window_has_its_own_halves():
    rows = [r for r in rates([D], visits("A", "2023-06-01", "2025-12-01")) if r["breakdown"] == "total"]
    assert {r["window_months"]: (r["base_patients"], r["retained_patients"]) for r in rows} == {
        6: (0, 0),
        12: (0, 0),
        18: (1, 1),
        24: (1, 1),
    }


def test_patients_stand_under_their_latest_visit_and_visits_under_their_own():
    history = [
        visit("a", "2024-06-01", 1, "A", "new", location_key=10),
        visit("b", "2024-08-01", 2, "A", location_key=11, provider_key=25),
        visit("c", "2025-08-01", 3, "A", location_key=12),
    ]
    rows = [r for r in rates([D], history) if r["window_months"] == 12]
    names = ("base_patients", "retained_patients", "followed_visits", "returned_visits", "retention_rate")
    assert picked(row_of(rows, breakdown="location", location_key=10), *names) == [0, 0, 1, 1, None]
    assert picked(row_of(rows, breakdown="location", location_key=11), *names) == [1, 1, 1, 1, Decimal("1.0000")]
    assert picked(row_of(rows, breakdown="patient_type", patient_type="new"), "base_patients", "followed_visits") == [0, 1]
    assert picked(row_of(rows, breakdown="age_band", age_band="35-49"), *names) == [1, 1, 2, 2, Decimal("1.0000")]
    assert not [r for r in rows if r["location_key"] == 12]


def test_warmup_lasts_until_both_windows_lie_in_the_history():
    calendar = [{"date_key": 1, "date_day": "2023-12-31", "is_before_history": True}]
    rows = rates(["2025-12-31", "2026-01-01"], HISTORY, dim_date=calendar)
    found = {(str(r["partition_date"]), r["window_months"]): r["is_warmup"] for r in rows if r["breakdown"] == "total"}
    assert found["2025-12-31", 12] is True
    assert found["2026-01-01", 12] is False
    assert (found["2026-01-01", 6], found["2026-01-01", 18]) == (False, True)


def test_a_simulated_source_marks_its_rows():
    rows = rates([D], HISTORY, bridge_patient_source=[touch("2024-01-01", 1, 40, "A", is_simulated=True)])
    assert {r["source_key"]: r["data_basis"] for r in rows if r["breakdown"] == "acquisition_source"} == {40: "simulated", -1: "derived"}


def test_nobody_to_count():
    rows = rates(["2020-01-01"], HISTORY)
    assert [picked(r, "breakdown", "base_patients", "retention_rate", "churn_rate", "visit_return_rate") for r in rows] == [
        ["total", 0, None, None, None]
    ] * 4


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    rows = rates([D], HISTORY)
    changed = [{**r, **changes} if (r["window_months"], r["breakdown"]) == (12, breakdown) else r for r in rows]
    return offenders(NAME, check, changed, {"fact_appointment": HISTORY, "dim_patient": PEOPLE})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", base_patients=3) == ["12"]
    assert found("mart_equals_fact", retained_patients=2) == ["12"]
    assert found("mart_identity_rates_add_up", churn_rate="0.6") == ["total|12"]
    assert found("mart_identity_rates_add_up", "location", returned_visits=9) == ["location|12"]
    assert found("mart_identity_breakdowns_add_up", "age_band", base_patients=3) == ["age_band|12"]
