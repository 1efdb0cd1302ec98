"""mart_patient_growth on literal histories: the waterfall, moves between keys, deaths and what comes after, last year, no feed."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import mart, person, picked, row_of, touch, visit, visits

NAME = "mart_patient_growth"
CHECKS = sorted(load_catalog().table(NAME).checks)
FLOWS = ("opening_active", "new_patients", "reactivated_patients", "lapsed_patients", "deceased_patients", "closing_active")
WORKED = [
    *visits("A", "2024-01-31"),
    *visits("B", "2025-07-10"),
    *visits("C", "2023-01-05", "2025-07-20"),
    *visits("E", "2025-05-01"),
]
PEOPLE = [person("A"), person("B", key=2), person("C", key=3), person("E", died="2025-07-15", key=4)]


def growth(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, **given)


def month(appointments: list[Row], day: str = "2025-07-31", breakdown: str = "total", **keys: object) -> Row:
    return row_of(growth([day], appointments, dim_patient=PEOPLE), period_grain="month", breakdown=breakdown, **keys)


def test_worked_example():
    row = month(WORKED)
    assert picked(row, *FLOWS) == [2, 1, 1, 1, 1, 2]
    # pool: C at the begin and A, who lapses
    assert picked(row, "net_growth", "churn_rate", "inactive_pool", "reactivation_rate") == [0, Decimal("0.5000"), 2, Decimal("0.5000")]
    assert picked(row, "growth_ratio", "quick_ratio", "data_basis") == [Decimal("0.0000"), 1.0, "derived"]


def test_a_visit_on_the_lapse_day_is_in_time_and_one_after_it_reactivates():
    """Seen on 2024-01-31, the 18 months end on 2025-07-31."""
    assert picked(month(visits("A", "2024-01-31", "2025-07-31")), *FLOWS) == [1, 0, 0, 0, 0, 1]
    assert picked(month(visits("A", "2024-01-31", "2025-08-01"), "2025-08-31"), *FLOWS) == [0, 0, 1, 0, 0, 1]
    assert picked(month(visits("A", "2024-01-31", "2025-08-01")), *FLOWS) == [1, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(("died", "flows"), [("2025-07-30", [1, 0, 0, 0, 1, 0]), ("2025-07-31", [1, 0, 0, 1, 0, 0])])
def test_who_dies_on_the_lapse_day_has_lapsed(died: str, flows: list[int]):
    rows = growth(["2025-07-31"], visits("A", "2024-01-31"), dim_patient=[person("A", died=died)])
    assert picked(row_of(rows, period_grain="month", breakdown="total"), *FLOWS) == flows


def test_after_a_death_only_a_first_visit_counts_and_ends_at_once():
    after = [*visits("E", "2025-05-01", "2025-07-20")]
    assert picked(month(after), *FLOWS) == [1, 0, 0, 0, 1, 0]
    assert picked(month(visits("E", "2025-07-20")), *FLOWS) == [0, 1, 0, 0, 1, 0]
    assert picked(month(visits("E", "2025-07-15")), *FLOWS) == [0, 1, 0, 0, 1, 0]


def test_a_patient_moves_when_a_visit_has_other_keys():
    history = [
        visit("a", "2025-06-01", 1, "A", "new", location_key=10, provider_key=21, payer_key=30),
        visit("b", "2025-07-10", 2, "A", location_key=11, provider_key=22, payer_key=30),
    ]
    rows = [r for r in growth(["2025-07-31"], history, dim_patient=PEOPLE) if r["period_grain"] == "month"]
    names = ("opening_active", "transfers_in", "transfers_out", "closing_active")
    assert picked(row_of(rows, breakdown="location", location_key=10), *names) == [1, 0, 1, 0]
    assert picked(row_of(rows, breakdown="location", location_key=11), *names) == [0, 1, 0, 1]
    # two versions of one clinician are one member, and the payer is the same
    assert picked(row_of(rows, breakdown="provider", provider_key=20), *names) == [1, 0, 0, 1]
    assert picked(row_of(rows, breakdown="payer_class", payer_class="private"), *names) == [1, 0, 0, 1]
    assert picked(row_of(rows, breakdown="patient_type", patient_type="new"), *names) == [1, 0, 1, 0]
    assert picked(row_of(rows, breakdown="total"), *names) == [1, 0, 0, 1]
    assert picked(
        row_of(rows, breakdown="detail", location_key=11, provider_key=20, patient_type="established", source_key=-1), *names
    ) == [
        0,
        1,
        0,
        1,
    ]


def test_a_reactivation_is_no_move():
    history = [visit("a", "2023-01-05", 1, "C", "new", location_key=10), visit("b", "2025-07-20", 2, "C", "reactivated", location_key=11)]
    row = month(history, breakdown="location", location_key=11)
    assert picked(row, "reactivated_patients", "transfers_in", "closing_active", "reactivation_rate") == [1, 0, 1, None]
    assert month(history, breakdown="location", location_key=10)["inactive_pool"] == 1


def test_new_patients_of_last_year():
    history = [*visits("A", "2024-07-01"), *visits("B", "2024-07-31"), *visits("C", "2025-07-10"), *visits("E", "2024-08-01")]
    row = month(history)
    assert picked(row, "new_patients", "new_patients_prior_year", "new_patients_yoy_ratio") == [1, 2, Decimal("-0.5000")]
    assert picked(month(history, "2025-07-30"), "new_patients_prior_year", "is_period_complete") == [1, False]


def test_source_is_the_one_known_on_the_day():
    touches = [touch("2025-01-01", 1, 40, "B", entered_at="2025-07-20 00:00:00", is_simulated=True)]
    rows = growth(["2025-07-19", "2025-07-20"], WORKED, dim_patient=PEOPLE, bridge_patient_source=touches)
    found = [
        (str(r["partition_date"]), r["source_key"], r["new_patients"], r["data_basis"])
        for r in rows
        if r["breakdown"] == "acquisition_source" and r["period_grain"] == "month"
    ]
    assert found == [("2025-07-19", -1, 1, "derived"), ("2025-07-20", -1, 0, "derived"), ("2025-07-20", 40, 1, "simulated")]


def test_a_day_without_patients_has_its_total_row():
    rows = [r for r in growth(["2020-01-01"], WORKED) if r["period_grain"] == "day"]
    assert [picked(r, "breakdown", *FLOWS, "churn_rate", "quick_ratio", "new_patients_yoy_ratio") for r in rows] == [
        ["total", 0, 0, 0, 0, 0, 0, None, None, None]
    ]


def test_warmup_lasts_18_months_longer_than_the_missing_history():
    calendar = [{"date_key": 1, "date_day": "2023-12-31", "is_before_history": True}, {"date_key": 2, "date_day": "2024-01-01"}]
    calendar[1]["is_before_history"] = False
    rows = growth(["2025-06-30", "2025-07-01"], WORKED, dim_date=calendar)
    assert [r["is_warmup"] for r in rows if r["period_grain"] == "day" and r["breakdown"] == "total"] == [True, False]


def random_history(seed: int) -> tuple[list[Row], list[Row]]:
    """Twelve patients with visits and deaths at random, some after death, at two places and with two insurers."""
    dice, appointments, people = random.Random(seed), [], []
    for n in range(12):
        name, start = f"r{n}", date(2022, 1, 1)
        days = sorted(start + timedelta(days=dice.randrange(1400)) for _ in range(dice.randrange(1, 7)))
        died = start + timedelta(days=dice.randrange(600, 1500)) if dice.random() < 0.5 else None
        people.append(person(name, died=str(died) if died else None, key=n + 1))
        for seq, day in enumerate(days, start=1):
            keys = {"location_key": dice.choice([10, 11]), "provider_key": dice.choice([21, 25]), "payer_key": dice.choice([30, 31])}
            appointments.append(visit(f"{name}{seq}", str(day), seq, name, dice.choice(["new", "established"]), **keys))
    return appointments, people


@pytest.mark.parametrize("seed", range(3))
def test_every_row_adds_up(seed: int):
    appointments, people = random_history(seed)
    rows = growth(["2024-02-29", "2024-12-31", "2025-06-30", "2025-10-31"], appointments, dim_patient=people)
    for check in ("mart_identity_waterfall", "mart_identity_transfers", "mart_equals_fact"):
        assert offenders(NAME, check, rows, {"fact_appointment": appointments}) == []
    assert sum(r["closing_active"] for r in rows) > 0


def found(check: str, breakdown: str = "total", grain: str = "day", **changes: object) -> list[str] | str:
    rows = growth(["2025-07-30", "2025-07-31"], WORKED, dim_patient=PEOPLE)
    changed = [
        {**r, **changes} if (r["period_grain"], r["breakdown"], str(r["partition_date"])) == (grain, breakdown, "2025-07-31") else r
        for r in rows
    ]
    return offenders(NAME, check, changed, {"fact_appointment": WORKED})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", new_patients=1) == ["day"]
    assert found("mart_identity_waterfall", closing_active=3) == ["day|total"]
    assert found("mart_identity_waterfall", net_growth=3) == ["day|total"]
    assert found("mart_identity_transfers", "location", transfers_in=1) == ["day|location"]
    assert found("mart_identity_transfers", transfers_in=1, transfers_out=1) == ["day|total"]


def test_days_that_do_not_add_up_to_their_month():
    days = [date(2025, 6, 30) + timedelta(days=n) for n in range(1, 32)]
    rows = growth([str(d) for d in days], WORKED, dim_patient=PEOPLE)
    assert offenders(NAME, "days_add_up_to_month", rows) == []
    rows = [{**r, "new_patients": 0} if r["period_grain"] == "day" and str(r["partition_date"]) == "2025-07-10" else r for r in rows]
    assert offenders(NAME, "days_add_up_to_month", rows) == ["month"]
