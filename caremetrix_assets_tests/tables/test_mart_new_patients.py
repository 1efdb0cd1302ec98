"""mart_new_patients on literal histories: windows of follow-up, bookings and contacts before the first visit, no feed."""

from datetime import date
from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import booked, charge, mart, missed, person, picked, row_of, touch, visit, visits

HISTORY = visits("p1", "2025-01-10", "2025-02-05", "2025-06-30")
CHARGES = [charge("2025-01-10", "120.00"), charge("2025-02-05", "80.00"), charge("2025-06-30", "50.00")]
WINDOWS = ("visits_30d", "visits_90d", "visits_180d", "visits_365d")
CHECKS = sorted(load_catalog().table("mart_new_patients").checks)


def new_patients(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart("mart_new_patients", dates, appointments, **given)


def test_worked_example():
    (row,) = new_patients(["2025-12-31"], HISTORY, fact_claim_line=CHARGES)
    assert picked(row, "follow_up_days", *WINDOWS) == [355, 2, 2, 3, 3]
    assert picked(row, "production_90d_amount", "production_365d_amount") == [Decimal("200.00"), Decimal("250.00")]
    assert picked(row, "days_to_second_visit", "acquisition_date", "fact_appointment_sk") == [26, date(2025, 1, 10), "p11"]


def test_windows_end_with_the_snapshot_and_include_their_last_day():
    """30 days after 10 January is 9 February; what is dated after the snapshot is not there."""
    history = visits("p1", "2025-01-10", "2025-02-09", "2025-02-10")
    rows = new_patients(["2025-01-10", "2025-02-09", "2025-02-10"], history, fact_claim_line=CHARGES)
    assert [picked(r, "visits_30d", "visits_90d", "days_to_second_visit") for r in rows] == [[1, 1, None], [2, 2, 30], [2, 3, 30]]
    assert [r["production_365d_amount"] for r in rows] == [Decimal("120.00"), Decimal("200.00"), Decimal("200.00")]


def test_charges_before_the_first_visit_and_after_a_year_do_not_count():
    charges = [*CHARGES, charge("2025-01-09", "7.00"), charge("2026-01-10", "5.00"), charge("2026-01-11", "9.00")]
    (row,) = new_patients(["2026-03-01"], HISTORY, fact_claim_line=charges)
    assert row["production_365d_amount"] == Decimal("255.00")


def test_first_visit_gives_the_keys():
    history = [
        visit("a", "2025-01-10", 1, kind="new", provider_key=22, location_key=11, payer_key=31),
        visit("b", "2025-02-10", 2, provider_key=25, location_key=12),
    ]
    (row,) = new_patients(["2025-12-31"], history, dim_patient=[person(born="2007-01-11", key=7)])
    assert picked(row, "location_key", "provider_key", "payer_class", "age_band", "gender", "patient_key") == [
        11,
        20,
        "government",
        "5-17",
        "F",
        7,
    ]


def test_without_a_feed_what_it_would_tell_is_null():
    (row,) = new_patients(["2025-12-31"], HISTORY)
    names = ("first_contact_date", "first_booked_date", "lead_time_days", "no_shows_before_first_visit", "source_key", "data_basis")
    assert picked(row, *names) == [None, None, None, None, -1, "derived"]


def test_bookings_and_contacts_up_to_the_first_visit():
    history = [
        missed("n1", "2025-01-02", booked_at="2024-12-20 10:00:00"),
        {**HISTORY[0], "appointment_id": "b1", "booked_at": "2025-01-05 10:00:00", "scheduled_start_at": "2025-01-10 09:00:00"},
        missed("n2", "2025-01-11", booked_at="2024-12-01 10:00:00"),
        *HISTORY[1:],
    ]
    touches = [touch("2025-01-04", 1, 41), touch("2025-01-01", 2, 42, entered_at="2025-01-20 00:00:00"), touch("2025-01-12", 3, 43)]
    rows = new_patients(["2025-01-10", "2025-01-11", "2025-01-20"], history, bridge_patient_source=touches)
    names = ("first_booked_date", "lead_time_days", "no_shows_before_first_visit", "first_contact_date", "source_key", "data_basis")
    # an appointment of the 11th was booked earlier, but is known only when its day has come; a touch from the day it was entered
    assert [picked(r, *names) for r in rows] == [
        [date(2024, 12, 20), 21, 1, date(2025, 1, 4), 41, "derived"],
        [date(2024, 12, 1), 40, 1, date(2025, 1, 4), 41, "derived"],
        [date(2024, 12, 1), 40, 1, date(2025, 1, 1), 42, "derived"],
    ]


def test_a_booking_still_in_the_book_is_known():
    book = [booked("b9", "2025-03-01", "2025-01-08", "2025-01-31"), booked("b8", "2025-03-01", "2025-01-07", "2025-01-30")]
    (row,) = new_patients(["2025-01-31"], HISTORY, fact_booking=book)
    assert picked(row, "first_booked_date", "lead_time_days", "no_shows_before_first_visit") == [date(2025, 1, 8), 2, 0]


def test_a_simulated_feed_marks_every_row():
    rows = new_patients(
        ["2025-01-31"], [*HISTORY, *visits("p2", "2025-01-03")], bridge_patient_source=[touch("2025-01-04", is_simulated=True)]
    )
    assert {r["data_basis"] for r in rows} == {"simulated"}


def test_the_dead_and_the_certified_dead():
    history = [*HISTORY, visit("c", "2025-03-01", patient="p2", is_death_certification=True, visit_seq=None)]
    rows = new_patients(["2025-12-31"], history, dim_patient=[person(died="2025-07-01"), person("p2", key=2)])
    assert [r["patient_id"] for r in rows] == ["p1"]


def found(check: str, **changes: object) -> list[str] | str:
    rows = new_patients(["2025-12-31"], HISTORY, fact_claim_line=CHARGES)
    return offenders("mart_new_patients", check, [{**r, **changes} for r in rows], {"fact_appointment": HISTORY})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", fact_appointment_sk="p12") == ["p1"]
    assert found("mart_equals_fact", patient_id="p9") == ["p1", "p9"]
    assert found("mart_identity_first_visit_is_earliest", acquisition_date="2025-02-05") == ["p1"]
    assert found("mart_identity_windows_grow", visits_90d=1) == ["p1"]
    assert found("mart_identity_windows_grow", production_90d_amount="250.01") == ["p1"]
    assert found("mart_identity_nothing_before_booking", first_booked_date="2025-01-11") == ["p1"]


def test_rows_by_date_are_what_they_are_alone():
    together = new_patients(["2025-02-09", "2025-12-31"], HISTORY, fact_claim_line=CHARGES)
    assert row_of(together, partition_date="2025-02-09") == new_patients(["2025-02-09"], HISTORY, fact_claim_line=CHARGES)[0]
