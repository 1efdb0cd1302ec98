"""The checks in the contract of raw_appointments: order of times, the visit a booking became, forgotten bookings."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

VISITS = {"raw_encounters": [{"id": "e1", "patient": "p1"}, {"id": "e2", "patient": "p2"}]}


def booking(name: str = "a1", **more: object) -> Row:
    base = {"appointment_id": name, "patient_id": "p1", "status": "completed", "change_type": "insert", "partition_date": "2025-02-01"}
    return {**base, "booked_at": "2025-01-02 09:00:00", "scheduled_start_at": "2025-01-20 10:00:00", **more}


def found(check: str, *rows: Row) -> list[str] | str:
    return offenders("raw_appointments", check, list(rows), VISITS)


@pytest.mark.parametrize("check", ["feed_times_ordered", "feed_matches_encounter", "stale_scheduled"])
def test_without_bookings_they_do_not_apply(check: str):
    assert found(check) == "no appointments in any drop so far"


def test_feed_times_ordered():
    times = {"arrived_at": "2025-01-20 09:50:00", "seated_at": "2025-01-20 09:50:00", "dismissed_at": "2025-01-20 10:30:00"}
    assert found("feed_times_ordered", booking(**times), booking("a2", booked_at="2025-01-20 10:00:00"), booking("a3")) == []
    bad = [
        booking("b1", booked_at="2025-01-20 10:00:01"),
        booking("b2", **{**times, "arrived_at": "2025-01-20 09:51:00"}),
        booking("b3", **{**times, "dismissed_at": "2025-01-20 09:49:00"}),
        booking("b4", arrived_at="2025-01-20 10:31:00", dismissed_at="2025-01-20 10:30:00"),
    ]
    assert found("feed_times_ordered", *bad) == ["b1", "b2", "b3", "b4"]


def test_feed_matches_encounter():
    assert found("feed_matches_encounter", booking(encounter_id="e1"), booking("a2"), booking("a3")) == []
    assert found("feed_matches_encounter", booking(encounter_id="e2")) == ["a1"]
    assert found("feed_matches_encounter", booking(encounter_id="e1"), booking("a2", encounter_id="e1")) == ["a1", "a2"]


def test_stale_scheduled():
    waiting = booking(status="scheduled", scheduled_start_at="2025-01-24 10:00:00")
    assert found("stale_scheduled", waiting, booking("a2")) == []
    assert found("stale_scheduled", booking(status="scheduled", scheduled_start_at="2025-01-23 23:00:00")) == ["a1"]
