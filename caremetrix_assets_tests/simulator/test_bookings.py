"""Bookings on tiny histories: made from a past visit, met on the very day or not, moved, cancelled, ended by death, back-dated.

A visit from 12:00 to 12:30 stands at 12:45 on the practice's clock: half of the day gone is half of the 570 minutes that a
visit of 30 leaves of ten hours, in steps of five from 8:00 on. Its checkout is 30 + 40 minutes later, 13:55.
"""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from caremetrix_assets_tests.simulator.lab import changed, feed_of, patient, visit, write_drop

SURE = {"forward__recall_booked": 1.0, "forward__recall_at_checkout": 1.0, "fate__moved": 0.0, "fate__cancelled": 0.0, "fate__late": 0.0}
DUE = "2024-03-06"  # 371 days after the first visit: yearly from 50 years on


def at(text):
    return datetime.fromisoformat(text)


@pytest.fixture
def drop(tmp_path):
    def make(*visits, **files):
        return write_drop(tmp_path / "drop", patients=[patient()], encounters=list(visits), **files)

    return make


def book(folder, end, **parameters):
    return feed_of(folder, end=date.fromisoformat(end), parameters=changed(**SURE | parameters))


def forward(feed):
    return feed.sql(
        "select a.* from appointments as a semi join forward_booking using (appointment_id) order by booked_at, scheduled_start_at"
    )


def test_a_recall_is_booked_at_checkout_for_an_exact_day(drop):
    folder = drop(visit("seed", "2023-03-01"))
    assert forward(book(folder, "2023-02-28")) == []
    (found,) = forward(book(folder, "2023-03-01"))
    assert found["scheduled_start_at"] == at(f"{DUE} 12:45")
    assert found["booked_at"] == found["entered_at"] == found["status_at"] == at("2023-03-01 13:55")
    assert (found["appointment_type"], found["scheduled_minutes"], found["status"]) == ("wellness", 30, "scheduled")
    assert (found["provider_id"], found["organization_id"], found["estimated_production"]) == ("doc", "org", 100)
    unset = ("encounter_id", "cancel_reason", "rescheduled_to_id", "confirmed_at", "arrived_at", "seated_at", "dismissed_at")
    assert [found[name] for name in unset] == [None] * 7


def test_the_patients_own_rhythm_goes_before_the_age(drop):
    (_, found) = forward(book(drop(visit("a", "2023-03-01"), visit("b", "2023-09-01")), "2023-12-01"))
    assert found["scheduled_start_at"].date() == date(2024, 3, 3)  # 184 days, as between the two


@pytest.mark.parametrize(
    ("born", "days"), [("2023-01-15", 63), ("2021-06-01", None), ("2012-06-01", 371), ("1999-06-01", None), ("1980-06-01", 735)]
)
def test_without_a_rhythm_the_age_tells(tmp_path, born, days):
    folder = write_drop(tmp_path / "drop", patients=[patient(born=born)], encounters=[visit("seed", "2023-03-01")])
    dates = [row["scheduled_start_at"].date() for row in forward(book(folder, "2023-03-01"))]
    assert dates == ([date(2023, 3, 1) + timedelta(days)] if days else [])


def test_the_visit_of_the_very_day_meets_it(drop):
    came = visit("came", DUE, PROVIDER="other", ORGANIZATION="elsewhere")
    feed = book(drop(visit("seed", "2023-03-01"), came), DUE)
    (found, _) = forward(feed)
    assert (found["status"], found["encounter_id"], found["provider_id"], found["organization_id"]) == (
        "completed",
        "came",
        "other",
        "elsewhere",
    )
    assert found["scheduled_start_at"] == at(f"{DUE} 12:45")
    assert at(f"{DUE} 12:27") <= found["arrived_at"] <= at(f"{DUE} 12:54")
    assert found["dismissed_at"] == found["status_at"] == found["seated_at"] + timedelta(minutes=30)
    assert feed.one("select count(*) from appointments where encounter_id = 'came'") == 1


def test_a_visit_near_the_day_does_not(drop):
    folder = drop(visit("seed", "2023-03-01"), visit("came", "2024-03-07"))
    (found, _) = forward(book(folder, "2024-03-13"))
    assert found["status"] == "scheduled"
    feed = book(folder, "2024-03-14", fate__no_show=1.0)
    (found, _) = forward(feed)
    assert (found["status"], found["status_at"], found["cancel_reason"]) == ("no_show", at(f"{DUE} 13:15"), None)
    assert feed.sql("select entered_at, scheduled_start_at, status from appointments where encounter_id = 'came'") == [
        {"entered_at": at("2024-03-07 12:35"), "scheduled_start_at": at("2024-03-07 12:45"), "status": "completed"}
    ]
    (found, _) = forward(book(folder, "2024-03-14", fate__no_show=0.0))
    assert (found["status"], found["cancel_reason"] is None) == ("cancelled", False)
    assert timedelta(minutes=30) <= at(f"{DUE} 12:45") - found["status_at"] <= timedelta(hours=23)


def test_two_bookings_of_a_day_take_its_visits_in_order(drop):
    seeds = [visit("s1", "2023-03-01"), visit("s2", "2023-03-01", START="2023-03-01T15:00:00Z", STOP="2023-03-01T15:30:00Z")]
    came = [visit("late", DUE, START=f"{DUE}T16:00:00Z", STOP=f"{DUE}T16:20:00Z"), visit("early", DUE)]
    found = forward(book(drop(*seeds, *came), DUE))[:2]
    assert [row["encounter_id"] for row in found] == ["early", "late"]
    (one, none) = forward(book(drop(*seeds, came[0]), "2024-04-01"))[:2]
    assert one["encounter_id"] == "late" and none["status"] in ("no_show", "cancelled")


def test_a_moved_booking_is_two(drop):
    folder = drop(visit("seed", "2023-03-01"))
    (first,) = forward(book(folder, "2024-01-01", fate__moved=1.0))
    assert (first["status"], first["rescheduled_to_id"]) == ("scheduled", None)
    (first, second) = forward(book(folder, DUE, fate__moved=1.0))
    assert (first["status"], first["rescheduled_to_id"]) == ("rescheduled", second["appointment_id"])
    assert second["booked_at"] == second["entered_at"] == first["status_at"]
    assert second["scheduled_start_at"] == at(f"{DUE} 12:45")
    assert timedelta(2) <= first["scheduled_start_at"] - at(f"{DUE} 12:45") <= timedelta(14)
    assert 2 <= (date.fromisoformat(DUE) - first["status_at"].date()).days <= 9


@pytest.mark.parametrize(
    ("fate", "least", "most"), [("cancelled", timedelta(days=1), timedelta(days=9)), ("late", timedelta(hours=1), timedelta(hours=22))]
)
def test_a_cancelled_booking_is_never_met(drop, fate, least, most):
    feed = book(drop(visit("seed", "2023-03-01"), visit("came", DUE)), DUE, **{f"fate__{fate}": 1.0})
    (found, _) = forward(feed)
    assert found["status"] == "cancelled" and found["encounter_id"] is None and found["cancel_reason"]
    assert least <= found["scheduled_start_at"] - found["status_at"] <= most
    assert feed.one("select booking_channel from appointments where encounter_id = 'came'") is not None


def test_death_ends_what_starts_later(tmp_path):
    folder = write_drop(tmp_path / "drop", patients=[patient(died="2023-06-01")], encounters=[visit("seed", "2023-03-01")])
    (found,) = forward(book(folder, "2023-06-08"))
    assert found["status"] == "scheduled"
    (found,) = forward(book(folder, "2023-06-09"))
    assert (found["status"], found["cancel_reason"], found["status_at"]) == ("cancelled", "other", at("2023-06-09 09:00"))
    feed = book(folder, "2025-01-01", forward__recall_at_checkout=0.0)
    assert forward(feed) == [] and feed.sql("select * from communications where purpose = 'recall'") == []


def test_who_left_without_a_booking_is_written_to_and_called(drop):
    feed = book(drop(visit("seed", "2023-03-01")), DUE, forward__recall_at_checkout=0.0)
    (found,) = forward(feed)
    assert found["booking_channel"] == "recall"
    assert 18 <= (date.fromisoformat(DUE) - found["booked_at"].date()).days <= 29
    sent = feed.one("select sent_at from communications where purpose = 'recall' and direction = 'outbound'")
    assert 31 <= (date.fromisoformat(DUE) - sent.date()).days <= 36


def test_a_dental_referral_is_booked_for_a_fortnight_later(drop):
    referral = {"START": "2023-03-01T12:00:00Z", "PATIENT": "p", "ENCOUNTER": "seed", "CODE": "103697008"}
    teeth = visit("teeth", "2023-03-15", "ambulatory", "185349003", REASONCODE="66383009")
    feed = book(drop(visit("seed", "2023-03-01"), teeth, procedures=[referral]), "2023-03-15", forward__hygiene_booked=1.0)
    (found,) = [row for row in forward(feed) if row["appointment_type"] == "hygiene"]
    assert (found["encounter_id"], found["scheduled_minutes"], found["estimated_production"]) == ("teeth", 60, None)
    assert found["scheduled_start_at"] == at("2023-03-15 12:30")  # half of the 540 minutes that a visit of 60 leaves


def test_a_course_of_treatment_goes_on(drop):
    course = [
        visit(f"v{n}", day, "outpatient", "33879002") for n, day in enumerate(["2023-03-01", "2023-03-31", "2023-04-30", "2023-05-30"])
    ]
    feed = book(drop(*course), "2023-05-30", forward__follow_up_steady=1.0, forward__follow_up_loose=0.0, forward__follow_up_other=0.0)
    assert [(row["scheduled_start_at"].date(), row["encounter_id"]) for row in forward(feed)] == [
        (date(2023, 5, 30), "v3"),
        (date(2023, 6, 29), None),
    ]


TYPES = [
    (visit("v", "2023-05-02", "urgentcare", "702927004"), "urgent"),
    (visit("v", "2023-05-02", "virtual", "185347001"), "telehealth"),
    (visit("v", "2023-05-02", "ambulatory", "185347001", TOTAL_CLAIM_COST="3000.00"), "procedure"),
    (visit("v", "2023-05-02", "ambulatory", "185345009", TOTAL_CLAIM_COST="2999.99"), "urgent"),
    (visit("v", "2023-05-02", "outpatient", "185347001"), "follow_up"),
    (visit("v", "2023-05-02", "ambulatory", "185347001", REASONCODE="37320007"), "hygiene"),
    (visit("v", "2023-05-02"), "wellness"),
    (visit("v", "2023-05-02", "emergency", "50849002"), None),
    (visit("v", "2023-05-02", "starship", "50849002"), None),
    (visit("v", "2023-05-02", "wellness", "308646001"), None),
]


@pytest.mark.parametrize(("row", "kind"), TYPES, ids=[f"{row['ENCOUNTERCLASS']}-{kind}" for row, kind in TYPES])
def test_other_visits_are_booked_when_they_are_held(drop, row, kind):
    feed = book(drop(visit("before", "2023-04-30", "emergency"), row), "2023-05-02", lead__soon=0.0)
    found = feed.sql("select * from appointments where encounter_id = 'v'")
    assert [a["appointment_type"] for a in found] == ([kind] if kind else [])
    for booking in found:
        assert (booking["room_id"] is None) == (kind == "telehealth")
        assert booking["entered_at"] == at("2023-05-02 12:35")
        days = (date(2023, 5, 2) - booking["booked_at"].date()).days
        least, most = {"urgent": (0, 1), "telehealth": (1, 6), "wellness": (7, 41), "hygiene": (7, 41)}.get(kind, (3, 26))
        assert least <= days <= most and booking["booked_at"] <= booking["entered_at"]


def test_the_first_visit_makes_a_new_patient_and_some_missed_one_before(drop):
    feed = book(drop(visit("v", "2023-05-02", "outpatient")), "2023-05-02", lead__missed_first=1.0, lead__soon=0.0)
    missed, kept = feed.sql("select * from appointments order by scheduled_start_at")
    assert [row["appointment_type"] for row in (missed, kept)] == ["new_patient", "new_patient"]
    assert (missed["status"], missed["encounter_id"], missed["entered_at"]) == ("no_show", None, kept["entered_at"])
    assert 1 <= (kept["booked_at"].date() - missed["scheduled_start_at"].date()).days <= 6
    assert feed.one("select count(*) from provider_schedules where block_type = 'clinic'") == 1


def test_a_walk_in_has_no_block_and_registers_at_the_desk(drop):
    feed = book(drop(visit("v", "2023-05-02", "urgentcare")), "2023-05-02", lead__walk_in=1.0)
    (found,) = feed.sql("select * from appointments")
    assert (found["booking_channel"], found["booked_at"]) == ("walk_in", at("2023-05-02 12:35"))
    assert feed.sql("select * from provider_schedules") == []


def test_blocks_surround_bookings_of_days_that_came(drop):
    folder = drop(visit("v", "2023-05-02", "outpatient"))
    sure: dict[str, Any] = {"rooms__blocked": 1.0, "rooms__day_off": 1.0, "rooms__slack_minutes": [5, 5]}
    feed = book(folder, "2023-05-03", forward__follow_up_other=0.0, **sure)
    assert feed.sql("select block_type, start_at, stop_at, room_id is null as nowhere from provider_schedules order by start_at") == [
        {"block_type": "clinic", "start_at": at("2023-05-02 12:45"), "stop_at": at("2023-05-02 13:30"), "nowhere": False},
        {"block_type": "blocked", "start_at": at("2023-05-02 18:00"), "stop_at": at("2023-05-02 19:00"), "nowhere": True},
        {"block_type": "time_off", "start_at": at("2023-05-03 08:00"), "stop_at": at("2023-05-03 18:00"), "nowhere": True},
    ]
    feed = book(folder, "2023-05-02", rooms__blocked=0.0, rooms__day_off=1.0, forward__follow_up_other=1.0)
    assert feed.one("select count(*) from provider_schedules") == 1  # neither tomorrow's day off nor the booking of next month


def test_visits_before_the_start_are_no_seeds_but_count_as_seen(drop):
    feed = book(drop(visit("old", "2021-12-30"), visit("v", "2023-05-02", "outpatient"), visit("older", "2020-12-31")), "2023-05-02")
    assert [row["appointment_type"] for row in feed.sql("select * from appointments")] == ["follow_up"]
    assert feed.one("select count(*) from visit where encounter_id = 'older'") == 0
