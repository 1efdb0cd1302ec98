"""mart_scheduling_analytics on literal bookings, blocks and visits: outcomes as of the day, staffed time, rebooking, the book ahead."""

from decimal import Decimal
from typing import Any

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build, picked, row_of
from caremetrix_assets_tests.tables.checked import offenders

NAME = "mart_scheduling_analytics"
DAY = "2025-03-03"
PROVIDERS = [{"provider_key": 21, "member_key": 20, "provider_id": "d1"}, {"provider_key": 30, "member_key": 30, "provider_id": "d2"}]


def appointment(name: str, outcome: str = "completed", start: str = "09:00", day: str = DAY, minutes: int = 30, **more: object) -> Row:
    """A booking of the phone; a kept one took place when it was planned."""
    row: Row = {
        "fact_appointment_sk": name,
        "appointment_id": name,
        "patient_id": "p1",
        "outcome": outcome,
        "booking_channel": "phone",
        "appointment_type": "wellness",
        "scheduled_start_at": f"{day} {start}:00",
        "scheduled_minutes": minutes,
        "booked_at": f"{day} 00:00:00",
        "lead_time_days": 0,
        "location_key": 10,
        "provider_key": 21,
        "patient_type": "new",
        "source_key": -1,
        "is_death_certification": False,
        "is_booking_simulated": False,
        "partition_date": day,
    }
    kept = {"started_at": f"{day} {start}:00", "encounter_id": name} if outcome == "completed" else {}
    off = {"cancelled_at": f"{day} 06:00:00"} if outcome.startswith("cancelled") else {}
    return {**row, **kept, **off, **more}


def walk_in(name: str, day: str = DAY, **more: Any) -> Row:
    none: dict[str, Any] = {
        "appointment_id": None,
        "scheduled_start_at": None,
        "scheduled_minutes": None,
        "booked_at": None,
        "lead_time_days": None,
    }
    return appointment(name, "completed", day=day, **{"booking_channel": "walk_in", **none, "is_booking_simulated": False, **more})


def block(name: str, start: str = "09:00", stop: str = "12:00", kind: str = "clinic", minutes: int = 180, **more: object) -> Row:
    day = str(more.pop("day", DAY))
    keys = {"provider_key": 21, "location_key": 10, "block_type": kind, "available_minutes": minutes if kind == "clinic" else 0}
    return {"schedule_id": name, "start_at": f"{day} {start}:00", "stop_at": f"{day} {stop}:00", **keys, "partition_date": day, **more}


def booking(name: str, day: str, book: str = DAY, patient: str = "p1", **more: object) -> Row:
    times = {"scheduled_start_at": f"{day} 10:00:00", "scheduled_date": day, "booked_at": f"{book} 09:00:00", "partition_date": book}
    keys = {"provider_key": 21, "location_key": 10, "appointment_type": "wellness", "status": "scheduled"}
    return {"booking_sk": name, "appointment_id": name, "patient_id": patient, **times, **keys, **more}


def mart(
    appointments: list[Row], blocks: list[Row] | None = None, book: list[Row] | None = None, dates: list[str] | None = None
) -> list[Row]:
    given = {"fact_appointment": appointments, "fact_schedule_block": blocks or [], "fact_booking": book or [], "dim_provider": PROVIDERS}
    return build(NAME, given=given, dates=dates or [DAY])


def worked_example() -> list[Row]:
    return [
        appointment("a"),
        appointment("b", start="10:30"),
        appointment("c", "no_show", "09:20"),
        appointment("d", "cancelled_late", "11:00"),
        appointment("e", "cancelled_early", "11:30", cancelled_at="2025-02-20 10:00:00"),
    ]


def test_worked_example():
    row = row_of(mart(worked_example(), [block("s")]))
    rates = ("bookings", "no_show_rate", "completion_rate", "cancellation_rate")
    assert picked(row, *rates) == [5, Decimal("0.3333"), Decimal("0.5000"), Decimal("0.4000")]
    minutes = ("available_minutes", "booked_minutes", "occupied_minutes", "filled_minutes", "open_minutes", "gaps_30m")
    assert picked(row, *minutes) == [180, 90, 80, 60, 100, 2]
    assert picked(row, "booked_utilization_rate", "filled_utilization_rate") == [Decimal("0.4444"), Decimal("0.3333")]
    outcomes = ("completed_bookings", "no_shows", "late_cancellations", "early_cancellations", "reschedules", "unresolved_bookings")
    assert picked(row, *outcomes) == [2, 1, 1, 1, 0, 0]


def test_without_a_feed_only_visits_are_known():
    rows = mart([walk_in("a"), walk_in("b", patient_id="p2"), walk_in("d", is_death_certification=True)])
    row = row_of(rows)
    assert picked(row, "walk_ins", "completed_visits", "patients", "data_basis") == [2, 2, 2, "derived"]
    table = load_catalog().table(NAME)
    measures = [c.name for c in table.columns if c.type in ("int", "bigint", "rate", "number") and c.name not in table.key]
    assert [m for m in measures if row[m] is not None] == ["walk_ins", "completed_visits", "patients"]


def test_walk_ins_are_in_no_rate():
    row = row_of(mart([appointment("a"), appointment("b", "no_show", "10:00"), walk_in("c", patient_id="p2")]))
    assert picked(row, "bookings", "completed_bookings", "walk_ins", "completed_visits", "patients") == [2, 1, 1, 2, 2]
    assert row["no_show_rate"] == Decimal("0.5000")


def test_feed_columns_begin_with_the_first_row_of_the_feed():
    rows = mart([appointment("a", "no_show", day="2025-03-02"), walk_in("b", day="2025-03-01")], dates=["2025-03-01", "2025-03-02", DAY])
    found = [picked(row_of(rows, day=d), "bookings", "available_minutes") for d in ("2025-03-01", "2025-03-02", DAY)]
    assert found == [[None, None], [1, None], [0, None]]
    assert row_of(rows, day=DAY)["no_show_rate"] is None


def test_a_cancellation_after_the_day_is_unresolved_until_then():
    """Until it is cancelled the booking holds its slot."""
    late = appointment("a", "cancelled_late", cancelled_at="2025-03-05 08:00:00")
    rows = mart([late], [block("s")], dates=[DAY, "2025-03-04", "2025-03-05"])
    names = ("unresolved_bookings", "late_cancellations", "occupied_minutes", "gaps_30m")
    found = [picked(row_of(rows, "month", day=d), *names) for d in (DAY, "2025-03-04", "2025-03-05")]
    assert found == [[1, 0, 30, 1], [1, 0, 30, 1], [0, 1, 0, 1]]


def test_staffed_time_is_clinic_time_less_blocked_time():
    """09-12 less 10:00-10:30, and 12-13 that touches it: gaps 09:00-10:00 and 10:45-13:00; the slot outside is cut away."""
    blocks = [block("s", minutes=150), block("o", "10:00", "10:30", "blocked"), block("t", "12:00", "13:00", minutes=60)]
    row = row_of(mart([appointment("a", "unresolved", "10:15")], blocks))
    names = ("available_minutes", "booked_minutes", "occupied_minutes", "filled_minutes", "gaps_30m", "unresolved_bookings")
    assert picked(row, *names) == [210, 15, 15, 0, 2, 1]


def test_overlapping_blocks_belong_to_the_first():
    """09-12 in place 10, 11-13 in place 11: from 11 to 12 the time is that of place 10, and so is a slot there."""
    blocks = [block("s"), block("t", "11:00", "13:00", minutes=60, location_key=11)]
    rows = mart([appointment("a", start="11:00", minutes=90, location_key=11)], blocks)
    names = ("available_minutes", "booked_minutes", "occupied_minutes", "gaps_30m")
    assert picked(row_of(rows, breakdown="location", location_key=11), *names) == [60, 30, 30, 1]
    assert picked(row_of(rows, breakdown="location", location_key=10), *names) == [180, 0, 0, 1]
    assert picked(row_of(rows, breakdown="provider", provider_key=20), *names) == [240, 30, 30, 2]


def test_minutes_are_not_broken_down_by_what_a_free_hour_does_not_have():
    rows = mart(worked_example(), [block("s")])
    for breakdown, keys in (
        ("patient_type", {"patient_type": "new"}),
        ("appointment_type", {"appointment_type": "wellness"}),
        ("detail", {}),
    ):
        assert picked(row_of(rows, breakdown=breakdown, **keys), "available_minutes", "gaps_30m", "bookings") == [None, None, 5]


def test_rebooked_within_14_days():
    """Broken on 3 March 09:00: booked again on 17 March 09:00 counts, a second later not; on 16 March nothing is certain yet."""
    missed = [appointment("a", "no_show"), appointment("b", "no_show", patient_id="p2")]
    again = [
        appointment("c", "no_show", day="2025-03-20", booked_at="2025-03-17 09:00:00"),
        appointment("d", "no_show", day="2025-03-20", booked_at="2025-03-17 09:00:01", patient_id="p2"),
    ]
    rows = mart([*missed, *again], dates=["2025-03-16", "2025-03-17", "2025-03-20"])
    names = ("rebook_eligible_bookings", "rebooked_14d_bookings", "rebook_rate_14d")
    found = {d: picked(row_of(rows, "month", day=d), *names) for d in ("2025-03-16", "2025-03-17", "2025-03-20")}
    assert found["2025-03-16"] == [0, 0, None]
    assert found["2025-03-17"] == [2, 0, Decimal("0.0000")]
    assert found["2025-03-20"] == [2, 1, Decimal("0.5000")]


def test_rebooked_for_a_day_to_come():
    book = [booking("c", "2025-04-20", book=d) | {"booked_at": "2025-03-10 09:00:00"} for d in ("2025-03-17", "2025-03-18")]
    rows = mart([appointment("a", "no_show")], book=[*book, booking("own", "2025-04-20", "2025-03-17", "p9")], dates=["2025-03-17"])
    assert picked(row_of(rows, "month"), "rebook_eligible_bookings", "rebooked_14d_bookings") == [1, 1]


def test_upcoming_bookings_are_those_of_the_book_of_the_day():
    book = [
        booking("a", "2025-04-02"),
        booking("b", "2025-04-03"),
        booking("c", "2025-03-05", status="cancelled"),
        booking("d", "2025-03-06", book="2025-03-02"),
        booking("e", "2025-03-04", provider_key=30, appointment_type="urgent"),
    ]
    rows = mart([appointment("z")], book=book)
    assert [row_of(rows, g)["upcoming_bookings_30d"] for g in ("day", "month", "rolling_12m")] == [2, 2, 2]
    assert row_of(rows, breakdown="provider", provider_key=30)["upcoming_bookings_30d"] == 1
    assert row_of(rows, breakdown="appointment_type", appointment_type="urgent")["upcoming_bookings_30d"] == 1
    assert row_of(rows, breakdown="patient_type", patient_type="new")["upcoming_bookings_30d"] is None


def test_waiting_and_lead_times():
    """Waits 5, 10, 20 minutes; seated 10 minutes after the start is on time, a minute later not."""
    times = [("a", "08:55", "09:00", 5, 3), ("b", "09:00", "09:10", 10, 7), ("c", "08:51", "09:11", 20, 30)]
    visits = [
        appointment(n, arrived_at=f"{DAY} {i}:00", seated_at=f"{DAY} {s}:00", wait_minutes=w, lead_time_days=lead)
        for n, i, s, w, lead in times
    ]
    row = row_of(mart([*visits, appointment("d", "no_show", lead_time_days=90)]))
    assert picked(row, "timed_visits", "wait_minutes_p50", "wait_minutes_p90", "on_time_starts", "on_time_start_rate") == [
        3,
        10.0,
        20.0,
        2,
        Decimal("0.6667"),
    ]
    assert picked(row, "lead_time_days_p50", "lead_time_days_p90") == [7.0, 90.0]


def test_patients_are_counted_once_in_each_row():
    rows = mart([walk_in("a", day="2025-03-01"), walk_in("b"), walk_in("c", location_key=11)])
    assert [row_of(rows, g)["patients"] for g in ("day", "month")] == [1, 1]
    assert row_of(rows, "month", "location", location_key=10)["patients"] == 1
    assert row_of(rows, "month")["completed_visits"] == 3


def test_what_is_simulated_shows():
    real = mart([walk_in("a"), appointment("b", is_booking_simulated=True)])
    assert row_of(real)["data_basis"] == "simulated"
    rows = mart([walk_in("a"), appointment("b", is_booking_simulated=True, location_key=11)])
    assert [row_of(rows, breakdown="location", location_key=k)["data_basis"] for k in (10, 11)] == ["derived", "simulated"]


def test_dates_of_one_run_are_what_they_are_alone():
    rows = [*worked_example(), appointment("x", "cancelled_late", cancelled_at="2025-03-05 08:00:00"), appointment("y", day="2025-03-05")]
    together = mart(rows, [block("s"), block("t", day="2025-03-05")], dates=[DAY, "2025-03-05"])
    alone = mart([r for r in rows if r["partition_date"] <= DAY], [block("s")], dates=[DAY])
    assert alone == [r for r in together if str(r["partition_date"]) == DAY]


VISITS = [*worked_example(), walk_in("w", patient_id="p2")]
NEIGHBOURS = {
    "fact_appointment": [v | {"encounter_id": v["fact_appointment_sk"]} for v in VISITS],
    "fact_schedule_block": [block("s")],
}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    """What the check finds when the day's rows of the breakdown are changed."""
    given = {**NEIGHBOURS, "dim_provider": PROVIDERS}
    rows = build(NAME, given=given, dates=[DAY])
    efficiency = build(
        "mart_appointment_efficiency",
        given={"fact_appointment": NEIGHBOURS["fact_appointment"], "dim_provider": PROVIDERS},
        dates=[DAY],
    )
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("day", breakdown) else r for r in rows]
    return offenders(NAME, check, changed, {**NEIGHBOURS, "mart_appointment_efficiency": efficiency})


CHECKS = sorted(load_catalog().table(NAME).checks)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


@pytest.mark.parametrize(
    ("check", "changes", "key"),
    [
        ("mart_equals_fact", {"completed_visits": 9}, "day"),
        ("mart_equals_fact", {"walk_ins": 2}, "day"),
        ("mart_identity_bookings_of_fact", {"bookings": 6}, "day"),
        ("mart_identity_outcomes", {"no_shows": 2}, "day|total"),
        ("mart_identity_visits_of_efficiency", {"completed_visits": 2}, "day|total"),
        ("mart_identity_minutes_nested", {"filled_minutes": 81}, "day|total"),
        ("mart_identity_minutes_nested", {"open_minutes": 99}, "day|total"),
        ("mart_identity_minutes_nested", {"booked_minutes": 79}, "day|total"),
        ("mart_identity_available_of_blocks", {"available_minutes": 181}, "day"),
        ("mart_identity_rebooked_within", {"rebooked_14d_bookings": 2}, "day|total"),
        ("mart_identity_rebooked_within", {"rebook_eligible_bookings": 4}, "day|total"),
        ("mart_identity_rates_at_most_one", {"no_show_rate": "1.1"}, "day|total"),
        ("mart_identity_rates_of_counts", {"cancellation_rate": "0.4001"}, "day|total"),
    ],
)
def test_a_changed_figure_is_found(check: str, changes: Row, key: str):
    assert found(check, **changes) == [key]


@pytest.mark.parametrize("check", [c for c in CHECKS if load_catalog().table(NAME).checks[c].not_applicable_when])
def test_without_a_feed_the_checks_say_so(check: str):
    rows = mart([walk_in("a")])
    visits = [walk_in("a", encounter_id=None)]
    reason = offenders(NAME, check, rows, {"fact_appointment": visits})
    assert reason in ("no practice feed so far", "no schedules so far", "visits without an encounter")
