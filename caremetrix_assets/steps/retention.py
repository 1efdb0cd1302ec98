"""How long snapshots of entity dimensions are kept: some days, and every month end. Removing them is ``vacuum``.

What was removed is not stale and is not built again, unless somebody asks for its date.
"""

from __future__ import annotations

from datetime import date, timedelta

from caremetrix_assets.lake.state import TableState

EXPIRED_TO = "expired_to"


def is_month_end(day: date) -> bool:
    """Whether the next day is the first of a month."""
    return (day + timedelta(days=1)).day == 1


def expired_to(newest: date, retention_days: int) -> date:
    """The last day whose snapshot is too old, but for month ends."""
    return newest - timedelta(days=retention_days + 1)


def is_expired(state: TableState, day: date) -> bool:
    """Whether a snapshot that the table no longer has was removed for its age."""
    last = state.extra.get(EXPIRED_TO)
    return last is not None and day <= date.fromisoformat(last) and not is_month_end(day) and day.isoformat() not in state.partitions
