"""mart_hygiene_retention on literal histories: due days, recalls, statuses, the score, bookings that move nothing, no feed."""

from datetime import date
from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import booked, mart, missed, person, picked, row_of, touch, visits

NAME = "mart_hygiene_retention"
PEOPLE = [person(born="1972-01-01")]
HISTORY = visits("p1", "2024-03-01", "2025-03-20", encounter_class="wellness", appointment_type="wellness")
CHECKS = sorted(load_catalog().table(NAME).checks)


def recalls(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, **{"dim_patient": PEOPLE, **given})


def wellness(*days: str, patient: str = "p1") -> list[Row]:
    return visits(patient, *days, encounter_class="wellness", appointment_type="wellness")


def test_worked_example():
    (row,) = recalls(["2026-04-01"], HISTORY)
    assert picked(row, "program_visits", "intervals", "regular_intervals", "regularity_rate") == [2, 1, 1, Decimal("1.0000")]
    assert picked(row, "recalls_due_12m", "recalls_kept_12m", "days_past_due", "program_status") == [1, 1, 12, "due"]
    assert picked(row, "risk_score", "risk_band", "due_date", "interval_months") == [4.4, "low", date(2026, 3, 20), 12]
    names = ("next_booked_date", "is_pre_appointed", "no_shows_24m", "no_show_rate_24m", "data_basis")
    assert picked(row, *names) == [None, None, None, None, "derived"]


@pytest.mark.parametrize(
    ("day", "status"),
    [
        ("2025-03-20", "new"),
        ("2026-03-20", "new"),
        ("2026-03-21", "due"),
        ("2026-04-19", "due"),
        ("2026-04-20", "overdue"),
        ("2026-09-16", "overdue"),
        ("2026-09-17", "long_overdue"),
        ("2027-09-11", "long_overdue"),
        ("2027-09-12", "dropped"),
    ],
)
def test_status_by_days_past_due(day: str, status: str):
    """Due on 2026-03-20; 30 days later is 19 April, 180 are 16 September, 540 are 2027-09-11."""
    assert recalls([day], wellness("2025-03-20"))[0]["program_status"] == status


def test_a_second_visit_makes_current_and_up_to_date_ends_after_the_due_day():
    rows = recalls(["2026-03-20", "2026-03-21"], HISTORY)
    assert [picked(r, "program_status", "is_up_to_date") for r in rows] == [["current", True], ["due", False]]


@pytest.mark.parametrize(
    ("born", "months"),
    [("2025-01-02", 3), ("2024-01-01", 6), ("2022-01-01", 12), ("2007-01-01", 36), ("1985-01-01", 24), ("1975-01-01", 12)],
)
def test_interval_by_age_at_the_visit(born: str, months: int):
    (row,) = recalls(["2026-12-31"], wellness("2025-01-01" if born < "2025" else "2025-06-01"), dim_patient=[person(born=born)])
    assert row["interval_months"] == months


def test_without_a_program_visit_the_age_on_the_day_counts():
    (row,) = recalls(["2026-04-01"], visits("p1", "2025-01-01"))
    assert picked(row, "program", "program_status", "interval_months", "due_date", "days_past_due") == ["wellness", "never", 12, None, None]
    assert picked(row, "is_up_to_date", "risk_score", "risk_band", "intervals", "program_visits_24m") == [False, None, None, 0, 0]


def recall_of(*days: str, until: str = "2026-12-31") -> list[int]:
    return picked(recalls([until], wellness(*days))[0], "recalls_due_12m", "recalls_kept_12m")


def test_recalls_are_judged_60_days_after_the_due_day():
    """Due 2026-03-20, judged 2026-05-19; 30 days early is 2026-02-18."""
    assert recall_of("2025-03-20", until="2026-05-18") == [0, 0]
    assert recall_of("2025-03-20", until="2026-05-19") == [1, 0]
    assert recall_of("2025-03-20", "2026-05-19") == [1, 1]
    assert recall_of("2025-03-20", "2026-05-20") == [1, 0]
    assert recall_of("2025-03-20", "2026-02-18") == [1, 1]
    assert recall_of("2025-03-20", "2026-02-17") == [0, 0]
    assert recall_of("2025-03-20", until="2027-05-19") == [0, 0]


def test_intervals_within_a_quarter_are_regular():
    """365 days asked for: 273.75 to 456.25."""
    days = ["2023-01-01", "2023-10-02", "2024-07-02", "2025-10-01", "2026-12-31"]
    # 274, 274, 456, 456 days; 366 asked for from October 2023 on, a quarter less is 274.5
    (row,) = recalls(["2027-01-01"], wellness(*days))
    assert picked(row, "intervals", "regular_intervals") == [4, 3]


def test_two_visits_on_a_day_are_one_program_visit():
    row = recalls(["2026-04-01"], [*HISTORY, {**HISTORY[1], "fact_appointment_sk": "x", "visit_seq": 3}])[0]
    assert row["program_visits"] == 2


def test_hygiene_appears_with_the_first_cleaning_of_anybody():
    history = [*HISTORY, *visits("p2", "2026-02-01", is_hygiene=True)]
    rows = recalls(["2026-01-31", "2026-02-01"], history, dim_patient=[*PEOPLE, person("p2", key=2, died="2026-02-02")])
    assert [(str(r["partition_date"]), r["patient_id"], r["program"], r["program_visits"]) for r in rows] == [
        ("2026-01-31", "p1", "wellness", 2),
        ("2026-02-01", "p1", "hygiene", 0),
        ("2026-02-01", "p1", "wellness", 2),
        ("2026-02-01", "p2", "hygiene", 1),
        ("2026-02-01", "p2", "wellness", 0),
    ]


def test_only_living_patients_with_a_visit_are_listed():
    history = [*HISTORY, *wellness("2025-01-01", patient="p2"), *wellness("2026-04-02", patient="p3")]
    people = [*PEOPLE, person("p2", died="2026-04-01", key=2), person("p3", key=3)]
    assert [r["patient_id"] for r in recalls(["2026-04-01"], history, dim_patient=people)] == ["p1"]


def test_bookings_and_no_shows():
    """Two of the missed ones are of the program and of the last 24 months: 2 of 4, weight 25; nothing irregular, nothing booked."""
    history = [
        *HISTORY,
        missed("n1", "2026-01-05", appointment_type="wellness"),
        missed("n2", "2025-01-05", appointment_type="wellness"),
        missed("n3", "2025-01-05", appointment_type="hygiene"),
        missed("n4", "2024-04-01", appointment_type="wellness"),
    ]
    row = row_of(recalls(["2026-04-01"], history), program="wellness")
    assert picked(row, "program_visits_24m", "no_shows_24m", "no_show_rate_24m") == [1, 2, Decimal("0.6667")]
    # (40 x 12/180 + 25 x 2/3 + 0 + 15) / 100
    assert picked(row, "risk_score", "is_pre_appointed", "next_booked_date") == [34.3, False, None]


def test_a_booking_makes_scheduled_and_never_moves_the_last_visit():
    book = [
        booked("b1", "2026-04-19", "2025-03-27", "2026-04-01", appointment_type="wellness"),
        booked("b2", "2026-04-05", "2026-03-01", "2026-04-01", status="cancelled", appointment_type="wellness"),
        booked("b3", "2026-04-02", "2026-03-01", "2026-04-01", appointment_type="follow_up"),
    ]
    row = row_of(recalls(["2026-04-01"], HISTORY, fact_booking=book), program="wellness")
    names = ("program_status", "next_booked_date", "is_pre_appointed", "last_program_visit_date", "no_shows_24m", "data_basis")
    assert picked(row, *names) == ["scheduled", date(2026, 4, 19), True, date(2025, 3, 20), 0, "derived"]
    late = [booked("b1", "2026-04-20", "2025-03-28", "2026-04-01", appointment_type="wellness", is_simulated=True)]
    row = row_of(recalls(["2026-04-01"], HISTORY, fact_booking=late), program="wellness")
    assert picked(row, "program_status", "is_pre_appointed", "data_basis") == ["due", False, "simulated"]


def test_whether_the_next_was_booked_on_leaving_is_open_for_a_week():
    book = [booked("b1", "2026-03-20", "2025-03-20", d, appointment_type="wellness") for d in ("2025-03-26", "2025-03-27")]
    rows = recalls(["2025-03-26", "2025-03-27"], HISTORY, fact_booking=book)
    assert [r["is_pre_appointed"] for r in rows] == [None, True]


def test_keys_are_those_of_the_latest_visit_of_any_kind():
    history = [*HISTORY, *visits("p1", "2026-01-15", location_key=12, provider_key=25)]
    history[-1] = {**history[-1], "visit_seq": 3, "fact_appointment_sk": "z", "patient_type": "established"}
    touches = [touch("2024-01-01", is_simulated=True)]
    row = recalls(["2026-04-01"], history, bridge_patient_source=touches)[0]
    assert picked(row, "location_key", "provider_key", "patient_type", "source_key", "data_basis") == [
        12,
        25,
        "established",
        40,
        "simulated",
    ]
    assert row["is_active"] is True


def found(check: str, **changes: object) -> list[str] | str:
    rows = recalls(["2026-04-01"], HISTORY)
    return offenders(NAME, check, [{**r, **changes} for r in rows], {"fact_appointment": HISTORY})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    bad = ["p1|wellness"]
    assert found("mart_equals_fact", program_visits=3) == bad
    assert found("mart_equals_fact", program_visits_24m=2) == bad
    assert found("mart_equals_fact", no_shows_24m=1) == bad
    assert found("mart_identity_up_to_date_follows_due_date", is_up_to_date=True) == bad
    assert found("mart_identity_up_to_date_follows_due_date", days_past_due=11) == bad
    assert found("mart_identity_status_follows_days", program_status="overdue") == bad
    assert found("mart_identity_intervals", intervals=2) == bad
    assert found("mart_identity_intervals", regular_intervals=2) == bad
    assert found("mart_identity_kept_within_due", recalls_kept_12m=2) == bad
    assert found("mart_identity_last_visit_completed", last_program_visit_date="2025-03-21") == bad
    assert found("mart_identity_score_bands", risk_band="medium") == bad
    assert found("mart_identity_score_bands", risk_score=None, risk_band=None) == bad
