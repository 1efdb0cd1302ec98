"""fact_booking on literal bookings: who stands in the book of which day, and with which status."""

import hashlib
from datetime import date, timedelta

import pytest

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders

DAYS = [{"date_key": int(f"{d:%Y%m%d}"), "date_day": d.isoformat()} for d in (date(2025, 2, 20) + timedelta(n) for n in range(30))]


def booking(name: str = "a1", booked: str = "2025-03-01", start: str = "2025-03-05", **more: object) -> Row:
    who = {"appointment_id": name, "patient_id": "p1", "provider_id": "d1", "organization_id": "o1", "appointment_type": "hygiene"}
    when = {"booked_at": f"{booked} 09:00:00", "scheduled_start_at": f"{start} 10:00:00", "scheduled_minutes": 30}
    return {**who, **when, "status": "scheduled", "estimated_production": "120.00", **more}


def book(*rows: Row, opening: str = "2025-02-20", newest: str = "2025-03-10", **given: list[Row]) -> list[Row]:
    return build("fact_booking", given={"raw_appointments": list(rows), "dim_date": DAYS, **given}, dates=[newest], opening=opening)


def days(rows: list[Row], name: str = "a1") -> list[int]:
    return sorted(r["partition_date"].day for r in rows if r["appointment_id"] == name)


def statuses(*rows: Row) -> dict[int, str]:
    return {r["partition_date"].day: r["status"] for r in book(*rows)}


def test_a_booking_stands_from_its_entry_to_the_day_before():
    assert days(book(booking())) == [1, 2, 3, 4]
    assert days(book(booking(entered_at="2025-03-03 23:59:59"))) == [3, 4]


def test_a_booking_of_its_own_day_is_never_in_the_book():
    assert book(booking(booked="2025-03-05"), booking("a2", entered_at="2025-03-06 08:00:00")) == []


def test_the_book_begins_with_the_lake_and_ends_with_the_newest_day():
    assert days(book(booking(), opening="2025-03-03")) == [3, 4]
    assert days(book(booking(), newest="2025-03-02")) == [1, 2]
    assert days(book(booking(start="2025-04-30"), newest="2025-03-02")) == [1, 2]


@pytest.mark.parametrize("status", ["cancelled", "rescheduled"])
def test_a_status_is_seen_from_its_day_on(status: str):
    row = booking(status=status, status_at="2025-03-03 18:00:00")
    assert statuses(row) == {1: "scheduled", 2: "scheduled", 3: status, 4: status}


@pytest.mark.parametrize("status", ["completed", "no_show"])
def test_what_happens_on_the_day_is_not_in_the_book_before(status: str):
    assert set(statuses(booking(status=status, status_at="2025-03-05 10:30:00")).values()) == {"scheduled"}


def test_a_row_of_the_book():
    rows = book(
        booking(is_simulated=True, drop_id="d7"),
        dim_patient=[
            {"patient_key": 1, "patient_id": "p1", "valid_from": "1900-01-01", "valid_to": "2025-03-02"},
            {"patient_key": 2, "patient_id": "p1", "valid_from": "2025-03-02", "valid_to": "9999-12-31"},
        ],
        dim_location=[{"location_key": 5, "location_id": "o1"}],
    )
    assert {r["partition_date"].day: r["patient_key"] for r in rows} == {1: 1, 2: 2, 3: 2, 4: 2}
    (first,) = [r for r in rows if r["partition_date"].day == 1]
    assert first["booking_sk"] == hashlib.md5(b"booking|a1").hexdigest()
    assert (first["provider_key"], first["location_key"], first["appointment_type"]) == (-1, 5, "hygiene")
    assert (first["scheduled_date"], first["scheduled_minutes"], first["estimated_production_amount"]) == (date(2025, 3, 5), 30, 120)
    assert (first["is_simulated"], first["drop_id"]) == (True, "d7")


SOURCES = {"raw_appointments": [booking(is_simulated=True)]}


def standing(*numbers: int, **more: object) -> list[Row]:
    base = {"appointment_id": "a1", "scheduled_date": "2025-03-05", "is_simulated": True}
    return [{**base, "partition_date": f"2025-03-{n:02}", **more} for n in numbers]


@pytest.mark.parametrize("check", ["rows_out_equals_rows_in", "simulated_flag_true", "book_is_of_its_day"])
def test_the_checks_pass_a_clean_book(check: str):
    assert offenders("fact_booking", check, standing(1, 2, 3, 4), SOURCES) == []


def test_the_checks_find_what_is_planted():
    check = "rows_out_equals_rows_in"
    assert offenders("fact_booking", check, standing(1, 2, 4), SOURCES) == ["a1"]
    assert offenders("fact_booking", check, standing(1, 2, 3, 4, 4), SOURCES) == ["a1"]
    assert offenders("fact_booking", check, standing(1, 2, 3, 4), SOURCES, newest="2025-03-03") == ["a1"]
    assert offenders("fact_booking", check, standing(3, 4), SOURCES, opening="2025-03-03") == []
    assert offenders("fact_booking", "simulated_flag_true", standing(1, is_simulated=False), SOURCES) == ["a1"]
    assert offenders("fact_booking", "book_is_of_its_day", standing(5), SOURCES) == ["a1"]
    assert offenders("fact_booking", "book_is_of_its_day", [{**standing(1)[0], "partition_date": "2025-02-28"}], SOURCES) == ["a1"]
    assert offenders("fact_booking", "money_equals_source", standing(1, estimated_production_amount="119.99"), SOURCES) == ["a1"]
    assert offenders("fact_booking", "money_equals_source", standing(1, estimated_production_amount="120"), SOURCES) == []
