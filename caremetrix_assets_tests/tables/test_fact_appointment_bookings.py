"""fact_appointment with bookings: which row they stand on, outcomes, waits and lead times, the patient's type, the expected money."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build

NOT_RECORDED = {"reason_key": 900, "code_system": "CAREMETRIX", "reason_code": "NOT_RECORDED"}
ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}


def visit(name: str, start: str, patient: str = "p1", **more: object) -> Row:
    row = {"id": name, "start": f"{start}:00", "stop": f"{start}:30", "patient": patient, "encounterclass": "ambulatory"}
    return {**row, "code": "185345009", "provider": "d1", "organization": "o1", "payer": "y1", "drop_id": "d1", **more}


def booking(name: str = "a1", status: str = "scheduled", start: str = "2025-03-10 10:00", **more: object) -> Row:
    who = {"appointment_id": name, "patient_id": "p1", "provider_id": "d2", "organization_id": "o2", "room_id": "r1", "drop_id": "f1"}
    what = {"appointment_type": "wellness", "booking_channel": "online", "status": status, "scheduled_minutes": 30, "is_simulated": True}
    return {**who, **what, "booked_at": "2025-02-20 23:00:00", "scheduled_start_at": f"{start}:00", **more}


def appointments(bookings: list[Row], visits: list[Row] | None = None, newest: str = "2025-12-31", **given: list[Row]) -> dict[str, Row]:
    """Rows by booking, else by visit; dim_encounter follows from the visits."""
    described = [
        {"encounter_key": i, "encounter_id": v["id"], "class_group": "ambulatory", "is_death_certification": v["code"] == "308646001"}
        for i, v in enumerate(visits or [], start=1)
    ]
    base = {"raw_appointments": bookings, "raw_encounters": visits or [], "dim_encounter": described, "dim_reason": [NOT_RECORDED]}
    rows = build("fact_appointment", given={**base, **given}, dates=[newest], opening="2020-01-01")
    found = {r["appointment_id"] or r["encounter_id"]: r for r in rows}
    assert len(found) == len(rows)
    return found


def column(rows: dict[str, Row], *names: str) -> dict[str, object]:
    return {key: tuple(row[n] for n in names) if len(names) > 1 else row[names[0]] for key, row in rows.items()}


def test_a_booking_stands_on_the_row_of_the_visit_it_became():
    times = {"arrived_at": "2025-03-10 09:50:00", "seated_at": "2025-03-10 10:05:30", "dismissed_at": "2025-03-10 10:40:00"}
    found = appointments(
        [booking(status="completed", encounter_id="e1", **times)], [visit("e1", "2025-03-10 10:06"), visit("e2", "2025-04-01 09:00")]
    )
    row, walk_in = found["a1"], found["e2"]
    assert row["fact_appointment_sk"] == hashlib.md5(b"appointment|encounter|e1").hexdigest()
    assert (row["encounter_id"], row["encounter_key"], row["outcome"], row["started_at"]) == (
        "e1",
        1,
        "completed",
        datetime(2025, 3, 10, 10, 6),
    )
    assert (row["provider_id"], row["organization_id"], row["room_id"]) == ("d1", "o1", "r1")  # who and where: the visit's
    assert (row["booking_channel"], row["booked_at"], row["entered_at"]) == ("online", *[datetime(2025, 2, 20, 23)] * 2)
    assert (row["lead_time_days"], row["wait_minutes"], row["notice_hours"], row["cancelled_at"]) == (18, 15.5, None, None)
    assert (row["is_simulated"], row["is_booking_simulated"], row["drop_id"]) == (False, True, "d1")
    unbooked = ("booking_channel", "booked_at", "scheduled_start_at", "lead_time_days", "room_id", "is_booking_simulated")
    assert [walk_in[n] for n in unbooked] == ["walk_in", None, None, None, None, False]


def test_a_booking_without_a_visit_has_a_row_of_its_own():
    row = appointments(
        [booking(status="no_show", entered_at="2025-02-21 08:00:00")], dim_location=[{"location_key": 7, "location_id": "o2"}]
    )["a1"]
    assert row["fact_appointment_sk"] == hashlib.md5(b"appointment|appointment|a1").hexdigest()
    assert (row["encounter_id"], row["encounter_key"], row["started_at"], row["visit_seq"]) == (None, -2, None, None)
    assert (row["date_key"], row["partition_date"], row["location_key"]) == (20250310, date(2025, 3, 10), 7)
    assert (row["provider_id"], row["entered_at"], row["appointment_type"]) == ("d2", datetime(2025, 2, 21, 8), "wellness")
    assert (row["reason_key"], row["reason_source"], row["primary_procedure_key"], row["primary_observation_key"]) == (
        900,
        "not_recorded",
        -2,
        -2,
    )
    money = ("billed_amount", "payer_coverage_amount", "charge_amount", "estimated_production_amount")
    assert [row[n] for n in money] == [None] * 4
    assert (row["is_simulated"], row["is_booking_simulated"], row["drop_id"]) == (True, True, "f1")
    assert (row["encounter_class"], row["class_group"], row["is_hygiene"], row["procedure_count"]) == (None, None, False, 0)


@pytest.mark.parametrize(
    ("status", "at", "outcome", "notice"),
    [
        ("scheduled", None, "unresolved", None),
        ("no_show", "2025-03-10 10:30:00", "no_show", None),
        ("rescheduled", "2025-03-05 10:00:00", "rescheduled", None),
        ("cancelled", "2025-03-09 10:00:00", "cancelled_early", 24),
        ("cancelled", "2025-03-09 10:00:01", "cancelled_late", 23.999722),
        ("cancelled", "2025-03-10 09:30:00", "cancelled_late", 0.5),
        ("cancelled", "2025-03-10 11:00:00", "cancelled_late", -1),
        ("cancelled", "2025-03-01 10:00:00", "cancelled_early", 216),
    ],
)
def test_outcomes(status: str, at: str | None, outcome: str, notice: float | None):
    row = appointments([booking(status=status, status_at=at)])["a1"]
    assert (row["outcome"], row["notice_hours"]) == (outcome, notice)
    assert row["cancelled_at"] == (datetime.fromisoformat(at) if at and status == "cancelled" else None)


def test_bookings_of_later_days_wait_in_the_book():
    rows = [
        booking(),
        booking("a2", start="2025-03-11 10:00"),
        booking("a3", "cancelled", "2025-03-11 10:00", status_at="2025-03-01 10:00:00"),
    ]
    assert appointments(rows, newest="2025-03-10").keys() == {"a1"}


def test_a_completed_booking_that_names_no_visit_is_a_visit_by_the_patients_times():
    seated = booking(
        "a1", "completed", seated_at="2025-03-10 10:05:00", arrived_at="2025-03-10 09:50:00", dismissed_at="2025-03-10 10:35:00"
    )
    arrived = booking("a2", "completed", "2025-04-10 10:00", arrived_at="2025-04-10 09:50:00", appointment_type="hygiene")
    bare = booking("a3", "completed", "2025-05-10 10:00", dismissed_at="2025-05-10 09:59:00")
    found = appointments([seated, arrived, bare])
    assert column(found, "started_at", "ended_at", "duration_minutes") == {
        "a1": (datetime(2025, 3, 10, 10, 5), datetime(2025, 3, 10, 10, 35), 30),
        "a2": (datetime(2025, 4, 10, 9, 50), None, None),
        "a3": (datetime(2025, 5, 10, 10), None, None),
    }
    assert column(found, "outcome", "visit_seq", "patient_type", "is_hygiene", "encounter_key") == {
        "a1": ("completed", 1, "new", False, -2),
        "a2": ("completed", 2, "established", True, -2),
        "a3": ("completed", 3, "established", False, -2),
    }


def test_types_of_patients_who_did_not_come():
    """Before the first visit a prospect, then established: never new or reactivated."""
    visits = [visit("e1", "2023-01-10 09:00"), visit("e2", "2025-03-10 09:00")]
    days = {"a1": "2022-12-01", "a2": "2023-01-10", "a3": "2023-02-01", "a4": "2025-03-10", "a5": "2025-03-11"}
    rows = [booking(name, "no_show", f"{day} 08:00") for name, day in days.items()]
    found = column(appointments(rows, visits), "patient_type")
    assert found == {
        "a1": "prospect",
        "e1": "new",
        "a2": "established",
        "a3": "established",
        "e2": "reactivated",
        "a4": "established",
        "a5": "established",
    }
    moved = [booking(name, "rescheduled", f"{day} 08:00", status_at="2022-01-01 08:00:00") for name, day in days.items()]
    assert column(appointments(moved, visits), "patient_type") == {**found, "a4": "reactivated", "a5": "reactivated"}


def test_bookings_that_fell_through_are_no_visits():
    visits = [visit("e1", "2025-03-01 09:00"), visit("e2", "2025-03-20 09:00")]
    found = appointments([booking("a1", "no_show", "2025-03-10 08:00")], visits)
    assert column(found, "visit_seq", "days_since_previous_visit", "is_return_30d") == {
        "e1": (1, None, False),
        "a1": (None, None, False),
        "e2": (2, 19, True),
    }


def test_the_type_of_a_booked_visit_is_the_bookings():
    rows = [booking(status="completed", encounter_id="e1", appointment_type="new_patient")]
    visits = [visit("e1", "2025-03-10 09:00", encounterclass="wellness"), visit("e2", "2025-03-11 09:00", encounterclass="wellness")]
    assert column(appointments(rows, visits), "appointment_type") == {"a1": "new_patient", "e2": "wellness"}


def test_coverage_of_an_appointment_that_did_not_take_place_is_that_of_its_day():
    spans = [
        {"patient": "p1", "payer": "y1", "start_date": "2024-01-01 00:00:00", "end_date": "2025-03-10 10:00:00"},
        {"patient": "p1", "payer": "y2", "start_date": "2025-03-10 10:00:00"},
    ]
    found = appointments(
        [booking(status="no_show"), booking("a2", "no_show", "2025-03-10 09:59")],
        raw_payer_transitions=spans,
        dim_insurance=[{"insurance_key": n, "payer_id": f"y{n}"} for n in (1, 2)],
        dim_payer=[{"payer_key": 10 + n, "payer_id": f"y{n}", **ALWAYS} for n in (1, 2)],
    )
    assert column(found, "payer_key", "insurance_key") == {"a1": (12, 2), "a2": (11, 1)}


def test_expected_money_is_the_bookings_else_what_its_type_brought_in_90_days():
    """Wellness visits of the 90 days before charged 10, 30 and 20: the discrete median is 20; a no-show charges nothing."""
    visits = [visit(f"e{n}", f"2025-02-{n:02} 09:00", patient=f"q{n}", encounterclass="wellness") for n in (1, 2, 3)]
    charges = [
        {"claimid": f"c{n}", "line_ordinal": 1, "type": "CHARGE", "amount": amount, "fromdate": f"2025-02-{n:02} 09:00:00"}
        for n, amount in ((1, "10"), (2, "30"), (3, "20"))
    ]
    claims = [{"claim_id": f"c{n}", "encounter_id": f"e{n}", "claim_kind": "encounter"} for n in (1, 2, 3)]
    rows = [
        booking(status="no_show"),
        booking("a2", "no_show", estimated_production="75.50"),
        booking("a3", "no_show", appointment_type="procedure"),
        booking("a4", "no_show", "2025-05-03 10:00"),
        booking("a5", "no_show", "2025-05-05 10:00"),
    ]
    found = appointments(rows, visits, raw_claims_transactions=charges, dim_claim=claims)
    assert {k: v for k, v in column(found, "estimated_production_amount").items() if k.startswith("a")} == {
        "a1": Decimal(20),
        "a2": Decimal("75.50"),
        "a3": None,
        "a4": Decimal(20),
        "a5": None,
    }


def test_a_visit_named_twice_stands_once():
    rows = [booking("a1", "completed", encounter_id="e1"), booking("a2", "completed", encounter_id="e1")]
    assert appointments(rows, [visit("e1", "2025-03-10 09:00")]).keys() == {"a1"}
