"""fact_schedule_block on literal days: overlaps count once, blocked time and time off not at all."""

import hashlib
from datetime import date

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}


def block(name: str, start: str, stop: str, kind: str = "clinic", provider: str = "d1", day: str = "2025-03-03") -> Row:
    times = {"start_at": f"{day} {start}:00", "stop_at": f"{day} {stop}:00"}
    return {"schedule_id": name, "provider_id": provider, "organization_id": "o1", "block_type": kind, **times}


def blocks(*rows: Row, **given: list[Row]) -> list[Row]:
    return build("fact_schedule_block", given={"raw_provider_schedules": list(rows), **given}, dates=["2025-12-31"])


def minutes(*rows: Row) -> dict[str, int]:
    return {r["schedule_id"]: r["available_minutes"] for r in blocks(*rows)}


def test_a_block_is_as_long_as_it_is():
    assert minutes(block("s1", "09:00", "12:00"), block("s2", "13:00", "13:50")) == {"s1": 180, "s2": 50}


def test_only_clinic_time_is_capacity():
    assert minutes(block("s1", "09:00", "12:00", "blocked"), block("s2", "13:00", "17:00", "time_off")) == {"s1": 0, "s2": 0}


def test_overlaps_count_for_the_block_that_starts_first_then_for_the_lowest_id():
    found = minutes(
        block("s3", "09:00", "10:00"), block("s1", "09:30", "11:00"), block("s2", "10:30", "10:45"), block("s4", "10:30", "11:15")
    )
    assert found == {"s3": 60, "s1": 60, "s2": 0, "s4": 15}
    assert minutes(block("s2", "09:00", "09:30"), block("s1", "09:00", "10:00")) == {"s1": 60, "s2": 0}


def test_another_clinician_or_day_overlaps_nothing():
    assert minutes(
        block("s1", "09:00", "10:00"), block("s2", "09:00", "10:00", provider="d2"), block("s3", "09:00", "10:00", day="2025-03-04")
    ) == {"s1": 60, "s2": 60, "s3": 60}


def test_blocked_time_and_time_off_are_taken_out_once():
    """09-12 less blocked 09:30-10:00, time off 09:45-10:15 and 11:30-13:00: 180 - 45 - 30."""
    found = minutes(
        block("s1", "09:00", "12:00"),
        block("b1", "09:30", "10:00", "blocked"),
        block("b2", "09:45", "10:15", "time_off"),
        block("b3", "11:30", "13:00", "time_off"),
        block("b4", "09:00", "12:00", "blocked", provider="d2"),
    )
    assert found == {"s1": 105, "b1": 0, "b2": 0, "b3": 0, "b4": 0}


def test_blocked_time_in_an_overlap_is_taken_from_the_block_that_counts_it():
    """s1 09-11 counts 10:30-11:00, so s2 10:30-12:00 has only 11-12; blocked 10:45-11:15 takes 15 minutes of each."""
    found = minutes(block("s1", "09:00", "11:00"), block("s2", "10:30", "12:00"), block("b1", "10:45", "11:15", "blocked"))
    assert found == {"s1": 105, "s2": 45, "b1": 0}


def test_a_day_off_leaves_nothing():
    assert minutes(block("s1", "09:00", "12:00"), block("b1", "00:00", "23:59", "time_off"))["s1"] == 0


def test_keys_and_days():
    (row,) = blocks(
        {**block("s1", "09:00", "12:00"), "room_id": "r1", "is_simulated": True, "drop_id": "d7"},
        dim_provider=[{"provider_key": 3, "provider_id": "d1", **ALWAYS}],
        dim_location=[{"location_key": 5, "location_id": "o1"}],
    )
    assert row["schedule_sk"] == hashlib.md5(b"schedule_block|s1").hexdigest()
    assert (row["provider_key"], row["location_key"], row["room_id"], row["date_key"]) == (3, 5, "r1", 20250303)
    assert (row["partition_date"], row["is_simulated"], row["drop_id"]) == (date(2025, 3, 3), True, "d7")
    assert {r["provider_key"] for r in blocks(block("s1", "09:00", "12:00"))} == {-1}
