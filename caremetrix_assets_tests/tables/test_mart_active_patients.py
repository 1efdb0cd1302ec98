"""mart_active_patients on literal histories: who is active, panels, windows, insurance, the next appointment, no feed."""

from datetime import date
from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import booked, charge, mart, person, picked, touch, visit, visits

NAME = "mart_active_patients"
CHECKS = sorted(load_catalog().table(NAME).checks)


def active(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, **given)


def test_worked_example():
    history = [*visits("out", "2024-08-28"), *visits("in", "2024-08-29")]
    (row,) = active(["2026-02-28"], history)
    assert picked(row, "patient_id", "visits_18m", "visits_12m") == ["in", 1, 0]


def test_a_patient_lapses_on_the_first_where_the_month_is_short():
    """Seen on 31 August 2025, the 18 months end on 1 March 2027."""
    rows = active(["2027-02-27", "2027-02-28", "2027-03-01"], visits("p1", "2025-08-31"))
    assert [str(r["partition_date"]) for r in rows] == ["2027-02-27", "2027-02-28"]


def test_the_dead_are_not_active_from_the_day_of_death():
    rows = active(["2025-03-09", "2025-03-10"], visits("p1", "2025-01-01"), dim_patient=[person(died="2025-03-10")])
    assert [str(r["partition_date"]) for r in rows] == ["2025-03-09"]


def test_panel_is_the_clinician_with_most_visits_then_the_last_one():
    history = [
        visit("a", "2024-12-01", 1, provider_key=25, kind="new"),
        visit("b", "2025-01-01", 2, provider_key=25),
        visit("c", "2025-02-01", 3, provider_key=21),
        visit("d", "2025-03-01", 4, provider_key=22),
        visit("e", "2025-04-01", 5, provider_key=25),
    ]
    rows = active(["2025-03-01", "2025-04-01", "2026-07-31"], history)
    # in the 18 months up to 2026-07-31 lie one visit to each of two versions of 20 and one to 25: 20 twice
    assert [r["panel_provider_key"] for r in rows] == [20, 25, 20]
    assert [r["provider_key"] for r in rows] == [20, 25, 25]


def test_what_a_patient_brings_in_twelve_months():
    history = visits("p1", "2024-03-31", "2024-04-01", "2025-03-31")
    charges = [charge("2024-03-31", "5.00"), charge("2024-04-01", "7.00"), charge("2025-03-31", "11.00"), charge("2025-04-01", "90.00")]
    (row,) = active(["2025-03-31"], history, fact_claim_line=charges)
    assert picked(row, "visits_12m", "visits_18m", "production_12m_amount") == [2, 3, Decimal("18.00")]
    assert picked(row, "last_visit_date", "is_new_12m", "is_reactivated_12m") == [date(2025, 3, 31), False, False]


@pytest.mark.parametrize(
    ("day", "band", "is_new"),
    [
        ("2020-02-29", "under 1", True),
        ("2021-02-28", "under 1", True),
        ("2021-03-01", "1-2", False),
        ("2023-02-28", "1-2", False),
        ("2023-03-01", "3-5", False),
        ("2026-02-28", "3-5", False),
        ("2026-03-01", "6 and more", False),
    ],
)
def test_tenure_counts_whole_years(day: str, band: str, is_new: bool):
    first = visits("p1", "2020-02-29", "2021-02-20", "2022-02-20", "2023-02-20", "2024-08-20", "2025-08-20")
    assert picked(active([day], first)[0], "tenure_band", "is_new_12m") == [band, is_new]


def test_twelve_months_after_the_leap_day_the_patient_is_still_new():
    """The window up to 2021-02-28 begins after 2020-02-28."""
    assert active(["2021-02-28"], visits("p1", "2020-02-28"))[0]["is_new_12m"] is False
    assert active(["2021-02-28"], visits("p1", "2020-02-29"))[0]["is_new_12m"] is True


def test_reactivated_is_back_after_the_lapse_day():
    rows = active(["2025-08-01"], [*visits("a", "2024-01-31", "2025-07-31"), *visits("b", "2024-01-31", "2025-08-01")])
    assert {r["patient_id"]: r["is_reactivated_12m"] for r in rows} == {"a": False, "b": True}


def test_insured_on_the_day():
    spans = [
        {"patient_id": "p1", "coverage_seq": 1, "coverage_start_date": "2025-01-01", "coverage_end_date": "2025-02-01", "is_insured": True},
        {
            "patient_id": "p1",
            "coverage_seq": 2,
            "coverage_start_date": "2025-02-01",
            "coverage_end_date": "2026-01-01",
            "is_insured": False,
        },
    ]
    rows = active(["2025-01-31", "2025-02-01"], visits("p1", "2025-01-02"), bridge_patient_coverage=spans)
    assert [r["is_insured"] for r in rows] == [True, False]


def test_next_appointment_and_prevention():
    book = [
        booked("b1", "2025-05-01", "2025-01-02", "2025-01-31"),
        booked("b2", "2025-04-01", "2025-01-02", "2025-01-31"),
        booked("b3", "2025-03-01", "2025-01-02", "2025-01-31", status="cancelled"),
        booked("b4", "2025-02-02", "2025-01-02", "2025-01-30"),
    ]
    programs = [
        {"patient_id": p, "program": n, "days_past_due": d, "partition_date": "2025-01-31"}
        for p, n, d in [
            ("p1", "wellness", 0),
            ("p1", "hygiene", None),
            ("p2", "wellness", -5),
            ("p2", "hygiene", 1),
            ("p3", "wellness", None),
        ]
    ]
    history = [v for p in ("p1", "p2", "p3") for v in visits(p, "2025-01-02")]
    rows = active(["2025-01-31"], history, fact_booking=book, mart_hygiene_retention=programs)
    assert [r["next_booked_date"] for r in rows] == [date(2025, 4, 1), None, None]
    assert [r["is_preventive_up_to_date"] for r in rows] == [True, False, None]


def test_without_a_feed():
    (row,) = active(["2025-01-31"], visits("p1", "2025-01-02"))
    assert picked(row, "next_booked_date", "source_key", "data_basis") == [None, -1, "derived"]


def test_a_simulated_contact_marks_its_patient_only():
    history = [*visits("p1", "2025-01-02"), *visits("p2", "2025-01-02")]
    rows = active(["2025-01-31"], history, bridge_patient_source=[touch("2025-01-01", is_simulated=True)])
    assert [picked(r, "source_key", "data_basis") for r in rows] == [[40, "simulated"], [-1, "derived"]]


HISTORY = visits("p1", "2024-09-01", "2025-01-02")


def found(check: str, copies: int = 1, **changes: object) -> list[str] | str:
    rows = active(["2025-12-31"], HISTORY)
    neighbours = {"fact_appointment": HISTORY, "dim_patient": [person("p1"), person("p9", died="2025-12-31")]}
    flow = {"period_grain": "day", "breakdown": "total", "partition_date": "2025-12-31"}
    neighbours["mart_patient_growth"] = [{**flow, "closing_active": 1}, {**flow, "breakdown": "location", "closing_active": 7}]
    return offenders(NAME, check, [{**r, **changes} for r in rows] * copies, neighbours)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", visits_18m=1) == ["p1"]
    assert found("mart_equals_fact", patient_id="p9") == ["p1", "p9"]
    assert found("mart_identity_visits_of_windows", visits_12m=3) == ["p1"]
    assert found("mart_identity_nobody_deceased", patient_id="p9") == ["p9"]
    assert found("mart_identity_closing_of_growth", copies=2) == ["day"]
