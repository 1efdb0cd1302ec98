"""mart_scheduling_analytics_heatmap on literal bookings: cells by weekday and hour, rates only where enough stand behind them."""

from decimal import Decimal
from typing import Any

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.test_mart_scheduling_analytics import PROVIDERS, appointment, walk_in

NAME = "mart_scheduling_analytics_heatmap"
# 3 March 2025 is a Monday.
CALENDAR = [{"date_day": f"2025-03-{d:02}", "date_key": 20250300 + d, "iso_day_of_week": (d + 4) % 7 + 1} for d in range(1, 32)]


def heatmap(appointments: list[Row], dates: list[str] | None = None) -> list[Row]:
    given = {"fact_appointment": appointments, "dim_date": CALENDAR, "dim_provider": PROVIDERS}
    return build(NAME, given=given, dates=dates or ["2025-03-31"])


def cell(rows: list[Row], grain: str = "rolling_90d", place: int = -3, weekday: int = 1, hour: int = 9) -> Row:
    wanted = (grain, place, weekday, hour)
    (found,) = [r for r in rows if (r["period_grain"], r["location_key"], r["iso_day_of_week"], r["hour_of_day"]) == wanted]
    return found


def picked(row: Row, *names: str) -> list[Any]:
    return [row[n] for n in names]


def several(count: int, outcome: str, **more: Any) -> list[Row]:
    return [appointment(f"{outcome}{n}{sorted(more.items())}", outcome, **more) for n in range(count)]


def worked_example() -> list[Row]:
    """Monday 9 h: 12 kept, 3 missed and 5 cancelled of 100 bookings."""
    nine = [*several(12, "completed"), *several(3, "no_show", start="09:59"), *several(5, "cancelled_late")]
    return [*nine, *several(80, "completed", start="10:00", location_key=11)]


def test_worked_example():
    row = cell(heatmap(worked_example()))
    assert picked(row, "bookings", "completed_bookings", "no_shows", "late_cancellations", "period_bookings") == [20, 12, 3, 5, 100]
    assert picked(row, "no_show_rate", "booking_share", "has_enough_bookings") == [Decimal("0.2000"), Decimal("0.2000"), True]
    assert picked(row, "scheduled_minutes", "data_basis") == [600, "derived"]


def test_below_10_there_is_no_rate():
    row = cell(heatmap([*several(6, "completed"), *several(3, "no_show")]))
    assert picked(row, "no_show_rate", "has_enough_bookings", "bookings") == [None, False, 9]


def test_cells_of_places_and_days():
    rows = heatmap([appointment("a"), appointment("b", location_key=11), appointment("c", day="2025-03-09", start="23:30"), walk_in("w")])
    assert [cell(rows, place=k)["bookings"] for k in (-3, 10, 11)] == [2, 1, 1]
    assert picked(cell(rows, weekday=7, hour=23), "bookings", "period_bookings", "booking_share") == [1, 3, Decimal("0.3333")]
    assert sorted({r["period_grain"] for r in rows}) == ["rolling_12m", "rolling_90d"]
    assert cell(rows, place=11)["booking_share"] == Decimal("1.0000")


def test_a_later_cancellation_is_not_known_before():
    rows = heatmap([appointment("a", "cancelled_late", cancelled_at="2025-03-05 08:00:00")], ["2025-03-04", "2025-03-05"])
    found = {str(r["partition_date"]): r["late_cancellations"] for r in rows if r["location_key"] == 10}
    assert found == {"2025-03-04": 0, "2025-03-05": 1}


def test_without_a_feed_there_is_no_row():
    assert heatmap([walk_in("a")]) == []


def found(check: str, **changes: object) -> list[str] | str:
    """What the check finds when the Monday's cell of place 10 is changed."""
    appointments = worked_example()
    rows = heatmap(appointments)
    changed = [{**r, **changes} if r is cell(rows, place=10) else r for r in rows]
    parent = build("mart_scheduling_analytics", given={"fact_appointment": appointments, "dim_provider": PROVIDERS}, dates=["2025-03-31"])
    return offenders(NAME, check, changed, {"fact_appointment": appointments, "mart_scheduling_analytics": parent})


CHECKS = sorted(load_catalog().table(NAME).checks)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes_and_nothing_applies_without_a_feed(check: str):
    assert found(check) == []
    assert offenders(NAME, check, [], {"fact_appointment": [walk_in("a")]}) == "no practice feed so far"


def test_a_changed_cell_is_found():
    assert found("mart_equals_fact", bookings=19) == ["rolling_90d|10"]
    assert found("mart_equals_fact", no_shows=4) == ["rolling_90d|10"]
    assert found("mart_equals_fact", completed_bookings=11) == ["rolling_90d|10"]
    assert found("detail_rebuilds_summary", bookings=19) == ["rolling_90d|10"]
    assert found("mart_identity_places_add_up", bookings=19) == ["rolling_90d|1|9"]
    assert found("mart_identity_places_add_up", no_shows=4) == ["rolling_90d|1|9"]
    assert found("mart_identity_shares_add_up", booking_share="0.9") == ["rolling_90d|10"]
