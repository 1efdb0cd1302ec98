"""The checks of the small files of the feed: opening hours, blocks, messages, plan items."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

MADE = {"change_type": "insert", "partition_date": "2025-02-01"}


@pytest.mark.parametrize(
    ("hours", "is_valid"),
    [
        (("08:00", "18:00", "12345"), True),
        (("00:00", "24:00", "7"), True),
        (("18:00", "08:00", "12345"), False),
        (("08:00", "08:00", "12345"), False),
        (("08:00", "18:00", "0123"), False),
        (("08:00", "18:00", "Mo-Fr"), False),
        (("08:00", "18:00", "1231"), False),
    ],
)
def test_rooms_hours_valid(hours: tuple[str, str, str], is_valid: bool):
    room = {**MADE, "room_id": "r1", **dict(zip(("opens", "closes", "weekdays"), hours, strict=True))}
    assert offenders("raw_rooms", "rooms_hours_valid", [room]) == ([] if is_valid else ["r1"])


def test_without_rooms_it_does_not_apply():
    assert offenders("raw_rooms", "rooms_hours_valid", []) == "no rooms in any drop so far"


@pytest.mark.parametrize("stop", ["2025-01-02 12:00:00", "2025-01-03 00:00:00"])
def test_blocks_stay_within_their_day(stop: str):
    block = {**MADE, "schedule_id": "s1", "start_at": "2025-01-02 09:00:00", "stop_at": stop}
    assert offenders("raw_provider_schedules", "feed_times_ordered", [block]) == []


@pytest.mark.parametrize("stop", ["2025-01-02 08:59:00", "2025-01-03 00:01:00"])
def test_blocks_that_do_not(stop: str):
    block = {**MADE, "schedule_id": "s1", "start_at": "2025-01-02 09:00:00", "stop_at": stop}
    assert offenders("raw_provider_schedules", "feed_times_ordered", [block]) == ["s1"]


def test_messages_are_opened_after_they_were_sent():
    message = {**MADE, "communication_id": "m1", "sent_at": "2025-01-02 09:00:00", "opened_at": "2025-01-02 09:00:00"}
    assert offenders("raw_communications", "feed_times_ordered", [message]) == []
    assert offenders("raw_communications", "feed_times_ordered", [{**message, "opened_at": "2025-01-02 08:59:59"}]) == ["m1"]


def test_steps_of_a_plan_item():
    days = {"presented": 2, "accepted": 5, "scheduled": 9, "completed": 20}
    item = {**MADE, "plan_item_id": "i1", **{f"{step}_at": f"2025-01-{day:02} 09:00:00" for step, day in days.items()}}
    assert offenders("raw_treatment_plan_items", "feed_times_ordered", [item]) == []
    wrong: list[Row] = [
        {"accepted_at": "2025-01-10 09:00:00"},
        {"scheduled_at": "2025-01-21 09:00:00"},
        {"presented_at": "2025-01-06 09:00:00"},
    ]
    wrong += [{"declined_at": "2025-01-01 09:00:00"}, {"accepted_at": None, "scheduled_at": None, "completed_at": "2025-01-01 09:00:00"}]
    found = offenders(
        "raw_treatment_plan_items", "feed_times_ordered", [{**item, **w, "plan_item_id": f"i{n}"} for n, w in enumerate(wrong)]
    )
    assert found == ["i0", "i1", "i2", "i3", "i4"]
