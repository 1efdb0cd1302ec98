"""A later drop tells the same past: rows known at D stay, but for what the feed says may move.

On the sample's consecutive drops late visits add rows; on one export, cut at earlier days, nothing is late.
"""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from caremetrix_assets.simulator.feed import KEYS
from caremetrix_assets_tests.simulator.lab import CHAIN, FULL, KNOWN_FROM, Feed, feed_of

MAY_FOLLOW = {
    "status", "status_at", "encounter_id", "provider_id", "organization_id", "room_id", "cancel_reason", "rescheduled_to_id",
    "confirmed_at", "arrived_at", "seated_at", "dismissed_at",
}  # fmt: skip
PLAN_DATES = ("accepted_at", "scheduled_at", "completed_at", "declined_at")
PLAN_STEPS = {
    "presented": {"accepted", "scheduled", "completed", "declined", "expired"},
    "accepted": {"scheduled", "completed", "expired"},
    "scheduled": {"completed", "expired"},
}


def known(feed: Feed, file: str, day: date) -> dict:
    return feed.by_key(file, f"{KNOWN_FROM[file]} < date '{day}' + 1" if file in KNOWN_FROM else "true")


def moved(file: str, old: dict, new: dict, end: date) -> bool:
    """True when a row moved as it may: bookings, plan items, messages that are opened later."""
    names = {name for name in old if old[name] != new[name]}
    if file == "appointments":
        return old["status"] == "scheduled" and names <= MAY_FOLLOW
    if file == "treatment_plan_items":
        steps = new["status"] in PLAN_STEPS.get(old["status"], set()) and names <= {"status", "procedure_encounter_id", *PLAN_DATES}
        return steps and all(old[n] is None and new[n].date() > end for n in names.intersection(PLAN_DATES))
    if file == "communications":
        return names == {"opened_at"} and old["opened_at"] is None and new["opened_at"].date() > end
    return False


@pytest.mark.parametrize("day", ["2022-01-31", "2023-06-15", "2024-12-31", "2025-10-20", "2025-11-29"])
def test_of_one_export_every_day_is_a_prefix_of_the_next(full_feed, day):
    end = date.fromisoformat(day)
    earlier = feed_of(FULL, end=end)
    for file in KEYS:
        old, new = earlier.by_key(file), known(full_feed, file, end)
        assert old.keys() == new.keys(), file
        assert [key for key in old if old[key] != new[key] and not moved(file, old[key], new[key], end)] == [], file


@pytest.fixture(scope="module")
def chain():
    """The feeds of the sample's days, each with everything before as history, and the patients of visits that came with the day."""
    feeds = []
    for count in range(2, len(CHAIN) + 1):
        feed = feed_of(*CHAIN[:count])
        feeds.append((feed.one("select end_date()"), feed, {row["id"]: row["patient"] for row in feed.sql("from state_encounters")}))
    return feeds


def test_the_sample_tells_one_story(chain):
    added = 0
    for (end, earlier, visits), (_, later, more) in pairwise(chain):
        late = {more[id_] for id_ in more.keys() - visits.keys()}
        for file in KEYS:
            old, new = earlier.by_key(file), known(later, file, end)
            assert old.keys() <= new.keys(), (file, end)
            assert [k for k in old if old[k] != new[k] and not moved(file, old[k], new[k], end)] == [], (file, end)
            fresh = [new[key] for key in new.keys() - old.keys()]
            added += len(fresh)
            assert all(row["patient_id"] in late for row in fresh if "patient_id" in row), (file, end)
    assert added > 100  # the newborns' visits of past months


def test_what_is_decided_stays_decided(chain):
    for (_, earlier, _), (_, later, _) in pairwise(chain):
        old, new = earlier.by_key("appointments", "status <> 'scheduled'"), later.by_key("appointments")
        assert {key: new[key] for key in old} == old


def test_nothing_is_concluded_from_absence_before_its_time(chain):
    for end, feed, _ in chain:
        unmet = feed.sql("select day from booking_end where turn = 'unmet'")
        assert unmet and all(row["day"] + timedelta(8) <= end for row in unmet)
