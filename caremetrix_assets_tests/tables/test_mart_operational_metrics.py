"""mart_operational_metrics on literal actions, claim events, visits and rooms: sessions, after hours, lags, rooms, what is null where."""

from decimal import Decimal
from typing import Any

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.test_mart_scheduling_analytics import PROVIDERS, appointment, block, picked, row_of, walk_in

NAME = "mart_operational_metrics"
DAY = "2025-03-03"
PLACE = {
    "location_key": 10,
    "opens_at_minute": 510,
    "closes_at_minute": 1020,
    "open_weekdays": "12345",
    "capacity_minutes_per_open_day": 600,
}


def day_row(day: int) -> Row:
    """3 March 2025 is a Monday; 4 March is made a holiday."""
    weekday = (day + 4) % 7 + 1
    holiday = day == 4
    business = weekday < 6 and not holiday
    return {"date_day": f"2025-03-{day:02}", "iso_day_of_week": weekday, "is_holiday": holiday, "is_business_day": business}


CALENDAR = [day_row(d) for d in range(1, 32)]


def action(name: str, time: str, what: str = "view", user: str = "u1", day: str = DAY, **more: object) -> Row:
    keys = {"location_key": 10, "role": "billing", "module": "claims", "partition_date": day}
    return {"action_sk": name, "acted_at": f"{day} {time}", "action": what, "user_id": user, **keys, **more}


def event(claim: str, what: str, day: str, seq: int, rank: str = "primary") -> Row:
    return {"claim_id": claim, "event": what, "event_at": f"{day} 10:00:00", "event_seq": seq, "payer_rank": rank, "partition_date": day}


def claim(name: str, day: str = "2025-03-01", **more: object) -> Row:
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "new", "source_key": -1}
    return {"claim_id": name, "service_date": day, **keys, "partition_date": day, **more}


def procedure(day: str = DAY, **more: object) -> Row:
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "new", "source_key": -1}
    return {"started_at": f"{day} 09:00:00", **keys, "partition_date": day, **more}


def mart(dates: list[str] | None = None, places: list[Row] | None = None, **facts: list[Row]) -> list[Row]:
    dates = dates or [DAY]
    shared: dict[str, list[Row]] = {k: facts[k] for k in ("fact_appointment", "fact_schedule_block") if k in facts}
    parent = build("mart_scheduling_analytics", given={**shared, "dim_provider": PROVIDERS}, dates=dates)
    given = {"dim_provider": PROVIDERS, "dim_location": [PLACE] if places is None else places, "dim_date": CALENDAR}
    return build(NAME, given={**given, **facts, "mart_scheduling_analytics": parent}, dates=dates)


def test_worked_example_of_a_user():
    """Acts at 08:00, 08:20 and 09:00; open from 08:30."""
    rows = mart(fact_staff_action=[action("a", "08:00:00"), action("b", "08:20:00"), action("c", "09:00:00")])
    row = row_of(rows)
    names = ("staff_actions", "after_hours_actions", "after_hours_share", "sessions", "session_minutes_p50", "active_users")
    assert picked(row, *names) == [3, 2, Decimal("0.6667"), 2, 0.0, 1]
    assert picked(row_of(rows, breakdown="role", role="billing"), *names) == [3, 2, Decimal("0.6667"), 2, 0.0, 1]
    assert picked(row_of(rows, breakdown="module", module="claims"), "staff_actions", "sessions", "completed_visits") == [3, None, None]


def test_worked_example_of_claims():
    """Sent 1, 2 and 9 days after service; what goes to a second insurer or is sent again is no first submission."""
    events = [event("a", "submitted", "2025-03-02", 1), event("b", "submitted", "2025-03-03", 1), event("c", "submitted", "2025-03-10", 1)]
    more = [event("a", "submitted", "2025-03-05", 2), event("d", "submitted", "2025-03-05", 1, "secondary")]
    rows = mart(["2025-03-31"], fact_claim_event=[*events, *more], fact_claim=[claim(n) for n in "abcd"])
    names = ("claims_submitted", "claims_submitted_within_5d", "claim_on_time_share", "claim_lag_days_p50", "claim_lag_days_p90")
    assert picked(row_of(rows, "month"), *names) == [3, 2, Decimal("0.6667"), 2.0, 9.0]
    assert picked(row_of(rows, "month", "detail", location_key=10), *names[:2]) == [3, 2]


def test_rework_counts_from_the_latest_refusal():
    events = [
        event("a", "submitted", "2025-03-01", 1),
        event("a", "rejected", "2025-03-02", 2),
        event("a", "denied", "2025-03-06", 3),
        event("a", "resubmitted", "2025-03-09", 4),
        event("a", "denied", "2025-03-20", 5),
    ]
    rows = mart(["2025-03-08", "2025-03-31"], fact_claim_event=events, fact_claim=[claim("a")])
    assert picked(row_of(rows, "month", day="2025-03-31"), "claim_reworks", "rework_days_p50") == [1, 3.0]
    assert picked(row_of(rows, "month", day="2025-03-08"), "claim_reworks", "rework_days_p50") == [0, None]


def test_without_a_feed_visits_and_procedures_are_known():
    rows = mart(["2025-03-04"], [{"location_key": 10}], fact_appointment=[walk_in("a"), walk_in("b", provider_id="d2", provider_key=30)])
    row = row_of(rows, "month")
    filled = ["completed_visits", "patients", "procedures", "business_days", "visits_per_business_day", "provider_days"]
    measures = [c.name for c in load_catalog().table(NAME).columns if c.type in ("int", "bigint", "rate", "number")]
    assert [m for m in measures if row[m] is not None] == [*filled, "visits_per_provider_day"]
    assert picked(row, *filled) == [2, 1, 0, 1, 2.0, 2]
    assert row["data_basis"] == "derived"


def test_visits_per_clinician_day():
    visits = [walk_in(n, day=d, provider_id="d1") for n, d in (("a", "2025-03-01"), ("b", DAY), ("c", DAY))]
    rows = mart(fact_appointment=visits, fact_procedure=[procedure(), procedure("2025-03-01")])
    names = ("completed_visits", "provider_days", "visits_per_provider_day", "procedures")
    assert picked(row_of(rows, "month"), *names) == [3, 2, 1.5, 2]
    assert picked(row_of(rows, "month", "provider", provider_key=20), *names) == [3, 2, 1.5, 2]
    assert picked(row_of(rows), *names) == [2, 1, 2.0, 1]


def test_staffed_time_is_that_of_the_scheduling_mart():
    rows = mart(fact_appointment=[appointment("a")], fact_schedule_block=[block("s")], fact_procedure=[procedure(provider_key=30)])
    names = ("available_minutes", "occupied_minutes", "provider_utilization_rate")
    assert picked(row_of(rows), *names) == [180, 30, Decimal("0.1667")]
    assert picked(row_of(rows, breakdown="provider", provider_key=30), *names) == [0, 0, None]
    assert picked(row_of(rows, breakdown="patient_type", patient_type="new"), *names) == [None, None, None]


def test_rooms_count_open_days_that_are_no_holiday():
    """1 to 5 March 2025: Saturday, Sunday, Monday, a holiday, Wednesday."""
    bookings = [appointment("a", room_id="r1"), appointment("b", "no_show", "10:00", room_id="r1"), appointment("c", start="11:00")]
    rows = mart(["2025-03-05"], fact_appointment=bookings)
    names = ("room_capacity_minutes", "room_minutes", "room_utilization_rate", "business_days")
    assert picked(row_of(rows, "month"), *names) == [1200, 30, Decimal("0.0250"), 2]
    assert picked(row_of(rows, "month", "location", location_key=10), *names[:2]) == [1200, 30]
    assert picked(row_of(rows, "month", "provider", provider_key=20), *names[:3]) == [None, None, None]


def test_after_hours_are_other_days_holidays_and_minutes():
    actions = [
        action("a", "08:29:59"),
        action("b", "08:30:00"),
        action("c", "16:59:59"),
        action("d", "17:00:00"),
        action("e", "10:00:00", day="2025-03-04"),
        action("f", "10:00:00", day="2025-03-02"),
        action("g", "03:00:00", location_key=11),
    ]
    rows = mart(["2025-03-04"], [PLACE, {"location_key": 11}], fact_staff_action=actions)
    assert picked(row_of(rows, "month"), "staff_actions", "after_hours_actions") == [7, 4]


def test_logins_edits_and_users():
    actions = [
        action("a", "09:00:00", "login"),
        action("b", "09:01:00", "login_failed", "u2"),
        action("c", "09:02:00", "sign"),
        action("d", "09:03:00", "create", "u3", role="manager"),
    ]
    row = row_of(mart(fact_staff_action=actions))
    assert picked(row, "login_attempts", "failed_logins", "failed_login_rate") == [2, 1, Decimal("0.5000")]
    assert picked(row, "edit_actions", "edit_share", "active_users", "sessions") == [2, Decimal("0.5000"), 2, 3]


def test_a_session_over_midnight_grows_only_with_what_is_known():
    """It begins on 3 March and belongs there; 30 minutes are no pause, 31 are."""
    actions = [action("a", "23:40:00"), action("b", "00:10:00", day="2025-03-04"), action("c", "00:41:00", day="2025-03-04")]
    rows = mart(["2025-03-03", "2025-03-04"], fact_staff_action=actions)
    assert picked(row_of(rows, "month", day="2025-03-03"), "sessions", "session_minutes_p50") == [1, 0.0]
    assert picked(row_of(rows, "month", day="2025-03-04"), "sessions", "session_minutes_p50") == [2, 0.0]
    lengths = mart(["2025-03-04"], fact_staff_action=actions[:2])
    assert picked(row_of(lengths, "month"), "sessions", "session_minutes_p50") == [1, 30.0]
    assert row_of(lengths)["sessions"] == 0


def test_staff_columns_begin_with_the_first_action():
    rows = mart(["2025-03-02", DAY, "2025-03-04"], fact_staff_action=[action("a", "09:00:00", is_simulated=True)])
    assert [row_of(rows, day=d)["staff_actions"] for d in ("2025-03-02", DAY, "2025-03-04")] == [None, 1, 0]
    assert [row_of(rows, "month", day=d)["data_basis"] for d in ("2025-03-02", DAY)] == ["derived", "simulated"]


FACTS: dict[str, Any] = {
    "fact_appointment": [appointment("a"), walk_in("w", patient_id="p2")],
    "fact_schedule_block": [block("s")],
    "fact_procedure": [procedure()],
    "fact_staff_action": [action("x", "09:00:00"), action("y", "09:10:00", "update")],
    "fact_claim_event": [event("a", "submitted", DAY, 1)],
    "fact_claim": [claim("a")],
}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    """What the check finds when the day's rows of the breakdown are changed."""
    rows = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("day", breakdown) else r for r in mart(**FACTS)]
    shared: dict[str, list[Row]] = {k: FACTS[k] for k in ("fact_appointment", "fact_schedule_block")}
    parent = build("mart_scheduling_analytics", given={**shared, "dim_provider": PROVIDERS}, dates=[DAY])
    return offenders(NAME, check, rows, {**FACTS, "mart_scheduling_analytics": parent})


CHECKS = sorted(load_catalog().table(NAME).checks)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


@pytest.mark.parametrize(
    ("check", "changes", "key"),
    [
        ("mart_equals_fact", {"procedures": 2}, "day"),
        ("mart_identity_actions_of_fact", {"staff_actions": 3}, "day"),
        ("mart_identity_parts_within_actions", {"edit_actions": 3}, "day|total"),
        ("mart_identity_parts_within_actions", {"sessions": 3}, "day|total"),
        ("mart_identity_equals_scheduling", {"completed_visits": 1}, "day|total"),
        ("mart_identity_equals_scheduling", {"occupied_minutes": 29}, "day|total"),
        ("mart_identity_claims_on_time", {"claims_submitted": 0}, "day|total"),
    ],
)
def test_a_changed_figure_is_found(check: str, changes: dict[str, Any], key: str):
    assert found(check, **changes) == [key]


def test_breakdowns_of_actions_add_up():
    assert found("mart_identity_actions_of_breakdowns", "role", staff_actions=1) == ["day|role"]
    assert found("mart_identity_actions_of_breakdowns", "module", staff_actions=1) == ["day|module"]


@pytest.mark.parametrize("check", [c for c in CHECKS if load_catalog().table(NAME).checks[c].not_applicable_when])
def test_without_a_feed_the_checks_say_so(check: str):
    assert offenders(NAME, check, mart(fact_procedure=[procedure()])) in ("no staff actions so far", "no claim events so far")
