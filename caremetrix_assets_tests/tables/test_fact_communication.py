"""fact_communication on literal messages: who answered when, what was booked afterwards, place and clinician."""

import hashlib
from datetime import date, datetime

import pytest

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}


def message(name: str, at: str, purpose: str = "recall", direction: str = "outbound", **more: object) -> Row:
    base = {"communication_id": name, "patient_id": "p1", "direction": direction, "channel": "sms", "purpose": purpose}
    return {**base, "sent_at": f"{at}:00", **more}


def inbound(name: str, at: str, to: str | None = None, **more: object) -> Row:
    return message(name, at, "other", "inbound", in_reply_to_id=to, **more)


def messages(*rows: Row, newest: str = "2025-12-31", **given: list[Row]) -> list[Row]:
    return build("fact_communication", given={"raw_communications": list(rows), **given}, dates=[newest])


def seen(rows: list[Row], *names: str) -> dict[str, object]:
    return {r["communication_id"]: tuple(r[n] for n in names) if len(names) > 1 else r[names[0]] for r in rows}


def test_an_answer_by_reference_is_the_first_one_that_names_the_message():
    rows = messages(
        message("m1", "2025-03-01 10:00"),
        inbound("r0", "2025-03-01 10:05"),
        inbound("r1", "2025-03-20 11:30", "m1"),
        inbound("r2", "2025-03-21 10:00", "m1"),
    )
    assert seen(rows, "responded_at", "response_hours")["m1"] == (datetime(2025, 3, 20, 11, 30), 457.5)
    assert seen(rows, "responded_at")["r0"] is None


@pytest.mark.parametrize(
    ("purpose", "counts"),
    [
        (p, p in ("reminder", "recall", "outreach", "billing"))
        for p in ("reminder", "recall", "billing", "results", "outreach", "clinical", "other")
    ],
)
def test_without_a_reference_any_inbound_of_the_week_answers_some_kinds(purpose: str, counts: bool):
    rows = messages(message("m1", "2025-03-01 10:00", purpose), inbound("r1", "2025-03-02 10:00"))
    assert seen(rows, "response_hours")["m1"] == (24 if counts else None)


def test_the_week_ends_after_seven_days_and_other_patients_do_not_answer():
    late = inbound("r1", "2025-03-08 10:01")
    foreign = inbound("r2", "2025-03-02 10:00", patient_id="p2")
    before = inbound("r3", "2025-03-01 10:00")
    assert seen(messages(message("m1", "2025-03-01 10:00"), late, foreign, before), "responded_at")["m1"] is None
    at_last = inbound("r1", "2025-03-08 10:00")
    assert seen(messages(message("m1", "2025-03-01 10:00"), at_last), "response_hours")["m1"] == 168


def test_an_answer_after_the_newest_day_is_not_known_yet():
    rows = [message("m1", "2025-03-01 10:00"), inbound("r1", "2025-03-02 10:00", "m1")]
    assert seen(messages(*rows, newest="2025-03-01"), "responded_at", "response_hours") == {"m1": (None, None)}


def test_a_reference_counts_only_from_the_patient_and_after_the_message():
    rows = messages(
        message("m1", "2025-03-01 10:00", "results"),
        inbound("r1", "2025-03-01 09:00", "m1"),
        inbound("r2", "2025-03-01 11:00", "m1", patient_id="p2"),
    )
    assert seen(rows, "responded_at")["m1"] is None


def booking(name: str, booked: str, **more: object) -> Row:
    return {"appointment_id": name, "patient_id": "p1", "booked_at": f"{booked}:00", **more}


@pytest.mark.parametrize(
    ("booked", "led"),
    [("2025-03-01 10:00", False), ("2025-03-01 10:01", True), ("2025-03-15 10:00", True), ("2025-03-15 10:01", False)],
)
def test_bookings_of_the_fortnight_after(booked: str, led: bool):
    rows = messages(message("m1", "2025-03-01 10:00"), raw_appointments=[booking("a1", booked)])
    assert seen(rows, "led_to_booking_14d") == {"m1": led}


def test_a_booking_counts_once_it_is_entered_and_only_for_its_patient():
    one = message("m1", "2025-03-01 10:00")
    late = booking("a1", "2025-03-02 10:00", entered_at="2026-01-01 08:00:00")
    foreign = booking("a2", "2025-03-02 10:00", patient_id="p2")
    assert seen(messages(one, raw_appointments=[late, foreign]), "led_to_booking_14d") == {"m1": False}


def test_place_and_clinician_come_from_the_booking_else_the_place_from_the_latest_visit():
    visits = [
        {"patient_id": "p1", "location_key": 5, "started_at": "2025-02-01 09:00:00", "visit_seq": 1, "patient_type": "new"},
        {"patient_id": "p1", "location_key": 6, "started_at": "2025-03-01 11:00:00", "visit_seq": 2, "patient_type": "established"},
    ]
    rows = messages(
        message("m1", "2025-03-01 10:59"),
        message("m2", "2025-03-01 11:00"),
        message("m3", "2025-03-01 10:00", "reminder", appointment_id="a1"),
        message("m4", "2025-03-01 10:00", "reminder", appointment_id="a9"),
        message("m5", "2025-01-01 10:00"),
        raw_appointments=[{**booking("a1", "2025-01-01 10:00"), "provider_id": "d1", "organization_id": "o1"}],
        fact_appointment=visits,
        dim_location=[{"location_key": 9, "location_id": "o1"}],
        dim_provider=[{"provider_key": 3, "provider_id": "d1", **ALWAYS}],
    )
    assert seen(rows, "location_key", "provider_key", "patient_type") == {
        "m1": (5, -2, "established"),
        "m2": (6, -2, "established"),
        "m3": (9, 3, "established"),
        "m4": (5, -2, "established"),
        "m5": (-1, -2, "prospect"),
    }


def test_the_type_on_the_day_of_the_first_visit_and_after():
    visit = {"patient_id": "p1", "location_key": 5, "started_at": "2025-03-01 11:00:00", "visit_seq": 1, "patient_type": "new"}
    rows = messages(message("m1", "2025-03-01 08:00"), message("m2", "2025-03-02 08:00"), fact_appointment=[visit])
    assert seen(rows, "patient_type") == {"m1": "new", "m2": "established"}


def test_a_message_keeps_what_the_file_says():
    (row,) = messages(
        message("m1", "2025-03-01 10:00", delivery_status="bounced", campaign="spring", user_id="u1", opted_out=None),
        dim_patient=[{"patient_key": 4, "patient_id": "p1", **ALWAYS}],
        bridge_patient_source=[{"patient_id": "p1", "source_key": 8, "first_touch_weight": "1"}],
    )
    assert (row["communication_sk"], row["date_key"]) == (hashlib.md5(b"communication|m1").hexdigest(), 20250301)
    kept = ("patient_key", "source_key", "delivery_status", "campaign", "user_id", "is_opt_out", "partition_date")
    assert [row[n] for n in kept] == [4, 8, "bounced", "spring", "u1", False, date(2025, 3, 1)]
    assert seen(messages(inbound("r1", "2025-03-01 10:00", opted_out=True)), "is_opt_out") == {"r1": True}
