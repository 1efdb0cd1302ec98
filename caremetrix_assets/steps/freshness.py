"""Whether each table's newest partition is where its schedule wants it. Runs do not matter: a backfill of last year makes
nothing fresh. Only looks; who is told is ``defs/alerts.py`` and the command line.

Marts and snapshots owe a partition for the day the nightly run was to build. Raw tables, facts and event dimensions have
partitions only for days with rows; they owe one within twice the longest pause among their last 14 partitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.lake.state import TableState, load_table, read_start_date
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources.ledger import Ledger

# The nightly run begins at 02:15 UTC; a day is owed from four hours later on.
OWED_FROM = timedelta(hours=6, minutes=15)
LAST = 14
ENOUGH = 7


class Freshness(NamedTuple):
    """One table: newest partition, the one owed (None: nothing is owed), days it is late, and why that one is owed."""

    table: str
    layer: str
    newest: date | None
    owed: date | None
    days_late: int
    rule: str

    @property
    def is_late(self) -> bool:
        """True when the owed partition is not there."""
        return self.days_late > 0

    @property
    def words(self) -> str:
        """For a column of a table: ``on time``, ``3 days late``, or why nothing is owed."""
        if self.owed is None:
            return self.rule
        return f"{self.days_late} days late" if self.is_late else "on time"


def freshness(settings: Settings, now: datetime | None = None) -> list[Freshness]:
    """Every table of the catalog, in its order."""
    storage, now = open_lake(settings), now or datetime.now(UTC)
    day, opening = owed_day(settings, storage, now), read_start_date(storage)
    return [judge(table, load_table(storage, table.name), day, opening, now) for table in load_catalog().tables.values()]


def late_ones(found: Sequence[Freshness]) -> list[Freshness]:
    """The late tables, the latest first."""
    return sorted((f for f in found if f.is_late), key=lambda f: (-f.days_late, f.table))


def owed_day(settings: Settings, storage: Storage, now: datetime) -> date | None:
    """The day that marts must show by now: yesterday, but no further than the nightly run rolls; None before the first drop."""
    applied = [e.drop_date for e in Ledger.load(storage).in_force() if e.drop_date]
    if not applied:
        return None
    return min((now - OWED_FROM).date() - timedelta(days=1), max(applied) + timedelta(days=settings.nightly_max_days))


def judge(table: Table, state: TableState, day: date | None, opening: date | None, now: datetime) -> Freshness:
    """One table. ``day``: what the nightly run owes; ``opening``: its partition holds all earlier rows and is no sign of a rhythm."""
    dates = [date.fromisoformat(d) for d in sorted(state.partitions)]
    newest = dates[-1] if dates else None

    def found(owed: date | None, late: int, rule: str) -> Freshness:
        return Freshness(table.name, table.layer, newest, owed, max(late, 0), rule)

    if day is None or not dates and not table.is_snapshot:
        return found(None, 0, "no drop brought rows" if day else "no drop yet")
    if table.is_snapshot:
        return found(
            day, (day - newest).days if newest else (day - (opening or day)).days + 1, "one partition a day, built by the nightly run"
        )
    pause = longest_pause([d for d in dates if d != opening])
    if pause is None or newest is None:
        return found(None, 0, "too few partitions for a rhythm")
    owed = newest + timedelta(days=2 * pause)
    return found(owed, ((now - OWED_FROM).date() - timedelta(days=1) - owed).days, f"its partitions are at most {pause} days apart")


def longest_pause(dates: Sequence[date]) -> int | None:
    """The most days between two of the last 14 partitions; None when there are too few to call it a rhythm."""
    last = dates[-LAST:]
    if len(last) <= ENOUGH:
        return None
    return max((b - a).days for a, b in zip(last, last[1:], strict=False))
