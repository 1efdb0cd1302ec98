"""The checks in the contract of fact_appointment: each passes clean rows and names what was planted."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders


def appointment(visit: str = "e1", **more: object) -> Row:
    row = {"fact_appointment_sk": f"sk-{visit}", "encounter_id": visit, "outcome": "completed", "started_at": "2025-03-01 09:00:00"}
    return {**row, "ended_at": "2025-03-01 09:15:00", "visit_seq": 1, "patient_type": "new", "partition_date": "2025-03-01", **more}


ENCOUNTER = {"id": "e1", "start": "2025-03-01 09:00:00", "patient": "p1", "provider": "d1", "code": "185345009"}


def test_encounter_once():
    def found(rows: list[Row], *encounters: Row) -> list[str] | str:
        return offenders("fact_appointment", "encounter_once", rows, {"raw_encounters": list(encounters)})

    assert found([appointment()], ENCOUNTER) == []
    assert found([appointment(), appointment(partition_date="2025-03-02")], ENCOUNTER) == ["e1", "e1"]
    assert found([appointment()], ENCOUNTER, {**ENCOUNTER, "id": "e2"}) == ["e2"]
    # not dated yet: held back
    assert found([appointment()], ENCOUNTER, {**ENCOUNTER, "id": "e2", "start": "2027-01-01 00:00:00"}) == []


@pytest.mark.parametrize(
    "row",
    [
        appointment(started_at=None),
        appointment(outcome="rescheduled", encounter_id=None, visit_seq=None, patient_type="prospect"),
        appointment(outcome="no_show"),
        appointment(outcome="cancelled_late", encounter_id=None, visit_seq=None, patient_type="prospect", started_at=None),
        appointment(cancelled_at="2025-02-28 09:00:00"),
        appointment(ended_at="2025-03-01 08:59:59"),
        appointment(visit_seq=2),
        appointment(patient_type="established"),
        appointment(visit_seq=None),
        {
            **appointment(outcome="cancelled_early", encounter_id=None, visit_seq=None, patient_type="prospect", started_at=None),
            "cancelled_at": "2025-02-28 09:00:00",
            "notice_hours": 23.5,
        },
    ],
)
def test_outcome_consistent_finds(row: Row):
    assert offenders("fact_appointment", "outcome_consistent", [row]) == ["sk-e1"]


def test_outcome_consistent_passes():
    unbooked = {"encounter_id": None, "visit_seq": None, "patient_type": "established", "started_at": None, "ended_at": None}
    rows = [
        appointment(),
        appointment("e2", visit_seq=2, patient_type="established"),
        appointment("e3", visit_seq=None, patient_type="prospect"),
        appointment("b0", encounter_id=None),
        appointment("b1", **{**unbooked, "outcome": "no_show"}),
        appointment("b2", **{**unbooked, "outcome": "cancelled_late", "cancelled_at": "2025-03-01 00:00:00", "notice_hours": 9.0}),
        appointment("b3", **{**unbooked, "outcome": "cancelled_early", "cancelled_at": "2025-02-01 00:00:00", "notice_hours": 24.0}),
    ]
    assert offenders("fact_appointment", "outcome_consistent", rows) == []


def test_visit_not_doubled():
    rows = [appointment(), appointment("e2"), appointment("e3")]
    twin = {**ENCOUNTER, "id": "e2"}
    other = {**ENCOUNTER, "id": "e3", "code": "162673000"}
    assert offenders("fact_appointment", "visit_not_doubled", rows, {"raw_encounters": [ENCOUNTER, other]}) == []
    assert offenders("fact_appointment", "visit_not_doubled", rows, {"raw_encounters": [ENCOUNTER, twin, other]}) == ["e1", "e2"]


BOOKINGS = [
    {
        "appointment_id": "a1",
        "encounter_id": "e1",
        "status": "completed",
        "scheduled_start_at": "2025-03-01 09:00:00",
        "is_simulated": True,
    },
    {"appointment_id": "a2", "status": "no_show", "scheduled_start_at": "2025-03-01 11:00:00", "is_simulated": True},
    {"appointment_id": "a3", "status": "scheduled", "scheduled_start_at": "2027-03-01 11:00:00", "is_simulated": True},
]
SOURCES = {"raw_encounters": [{**ENCOUNTER, "is_simulated": False}], "raw_appointments": BOOKINGS}
CLEAN = [
    appointment(appointment_id="a1", is_simulated=False, is_booking_simulated=True),
    appointment("a2", encounter_id=None, appointment_id="a2", is_simulated=True, is_booking_simulated=True),
]


def test_rows_out_equals_rows_in():
    def found(*rows: Row) -> list[str] | str:
        return offenders("fact_appointment", "rows_out_equals_rows_in", list(rows), SOURCES)

    assert found(*CLEAN) == []
    assert found(CLEAN[0]) == ["appointment|a2"]
    assert found(*CLEAN, CLEAN[1]) == ["appointment|a2"]
    assert found(*CLEAN, appointment("a1", encounter_id=None, appointment_id="a1")) == ["appointment|a1"]
    assert found(*CLEAN, appointment("a3", encounter_id=None, appointment_id="a3")) == ["appointment|a3"]


@pytest.mark.parametrize(
    ("row", "changes"),
    [(0, {"is_simulated": True}), (0, {"is_booking_simulated": False}), (1, {"is_simulated": False}), (1, {"is_booking_simulated": False})],
)
def test_simulated_flag_true(row: int, changes: Row):
    assert offenders("fact_appointment", "simulated_flag_true", CLEAN, SOURCES) == []
    wrong = [{**r, **changes} if n == row else r for n, r in enumerate(CLEAN)]
    assert offenders("fact_appointment", "simulated_flag_true", wrong, SOURCES) == [CLEAN[row]["fact_appointment_sk"]]


def test_charges_are_the_ledgers():
    ledger = [
        {"claimid": "c1", "type": "CHARGE", "amount": "100.10"},
        {"claimid": "c1", "type": "PAYMENT", "amount": "7"},
        {"claimid": "c2", "type": "CHARGE", "amount": "20"},
    ]
    claims = [{"id": "c1", "appointmentid": "e1"}, {"id": "c2", "appointmentid": "e1"}]
    neighbours: dict[str, list[Row]] = {"raw_claims_transactions": ledger, "raw_claims": claims}

    def found(amount: str | None, visit: str = "e1") -> list[str] | str:
        return offenders("fact_appointment", "charges_are_the_ledgers", [appointment(visit, charge_amount=amount)], neighbours)

    assert found("120.10") == found(None, "e2") == []
    assert found("120.11") == found(None) == ["e1"]
    assert found("0", "e2") == ["e2"]
    bare = offenders("fact_appointment", "charges_are_the_ledgers", [appointment()])
    assert bare == "no ledger in any drop so far"
