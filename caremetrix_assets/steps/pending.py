"""What a run would have to do, told without doing it: for the sensor, the schedule, the command line, ``doctor``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.lease import Lease
from caremetrix_assets.lake.reader import open_lake, open_place
from caremetrix_assets.lake.state import load_built, load_table
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources.intake import note_inbox
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets.sources.memory import Memory


@dataclass
class Pending:
    """Drops that are due or accepted and not yet applied, the earliest and newest of their dates, and why there are none.

    ``gone``: drops that the tables still hold although they are no longer in force. ``reopened``: when a person reopened
    a drop. ``names``: of all drops by id.
    """

    drop_ids: list[str] = field(default_factory=list)
    first_date: date | None = None
    date: date | None = None
    reason: str = ""
    rejected: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    reopened: dict[str, datetime] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    dates: dict[str, dt.date] = field(default_factory=dict)
    built: dt.date | None = None

    def date_of(self, drop_ids: Iterable[str]) -> dt.date | None:
        """The newest date that a run of these drops shows: theirs, an applied drop's or the newest built one."""
        dates = [self.dates[d] for d in drop_ids if d in self.dates]
        return max([*dates, *([self.built] if self.built else [])], default=None)


def pending_drops(settings: Settings, today: date | None = None) -> Pending:
    """Looks at inbox and ledger; writes nothing. ServiceError when the inbox is not there."""
    storage, inbox = open_lake(settings), open_inbox(settings)
    ledger, memory = Ledger.load(storage), Memory.load(storage)
    today = today or datetime.now(UTC).date()
    before = set(ledger.entries)
    there = {c.drop_id for c in note_inbox(inbox, storage, load_catalog(), ledger, today, memory)}
    due = [*(e for e in ledger.due(today) if e.drop_id in there), *ledger.pending()]
    fresh = [e for e in ledger.entries.values() if e.drop_id not in before and e.status == "rejected"]
    found = Pending(
        drop_ids=[e.drop_id for e in due],
        rejected=[f"drop {e.name} was rejected: {e.reason}" for e in fresh],
        gone=gone_drops(storage, ledger),
        reopened=memory.reopened,
        names={e.drop_id: e.name for e in ledger.entries.values()},
        dates={e.drop_id: e.drop_date for e in due if e.drop_date},
        built=newest_date(storage, [e for e in ledger.in_force() if e.status == "applied"]),
    )
    if due:
        found.first_date, found.date = min(found.dates.values()), newest_date(storage, [*ledger.in_force(), *due])
    elif fresh:
        found.first_date, found.reason = min((e.drop_date for e in fresh if e.drop_date), default=None), "; ".join(found.rejected)
    else:
        found.reason = _why_none(ledger, before, there, today)
    return found


def _why_none(ledger: Ledger, before: set[str], there: set[str], today: date) -> str:
    waiting = [(e.name, e.reason) for e in ledger.entries.values() if e.drop_id not in before and e.reason]
    waiting += [(e.name, "its folder is no longer in the inbox") for e in ledger.due(today) if e.drop_id not in there]
    return f"no new drop ({waiting[0][0]}: {waiting[0][1]})" if waiting else "no new drop"


def gone_drops(storage: Storage, ledger: Ledger) -> list[str]:
    """Drops that tables may hold and that are no longer in force (withdrawn, parked): the next run takes them out."""
    in_force = {e.drop_id for e in ledger.in_force()}
    return sorted(set(load_built(storage).extra.get("drops", ())) - in_force)


def open_inbox(settings: Settings) -> Storage:
    """The inbox; ServiceError when a local inbox is not a folder."""
    from pathlib import Path

    if not settings.inbox.startswith("s3://") and not Path(settings.inbox).expanduser().is_dir():
        raise ServiceError(f"The inbox {settings.inbox} is not there; make the folder, or name another with --inbox or CAREMETRIX_INBOX.")
    return open_place(settings.inbox, settings)


def newest_date(storage: Storage, entries: list[Entry]) -> date | None:
    """The newest date to show: the newest drop's, or the newest built date when that is later."""
    dates = [e.drop_date for e in entries if e.drop_date]
    built = load_built(storage).newest_date
    return max([*dates, *([built] if built else [])], default=None)


def is_up_to_date(settings: Settings, day: date) -> bool:
    """True when no drop waits, everything is built to ``day`` or later, and no table's definition has changed."""
    storage = open_lake(settings)
    ledger, built = Ledger.load(storage), load_built(storage).newest_date
    if ledger.pending() or built is None or built < day:
        return False
    applied = sorted(e.drop_id for e in ledger.in_force())
    for table in load_catalog().tables.values():
        state = load_table(storage, table.name)
        if state.definition != table.definition or not (state.partitions or table.layer != "marts"):
            return False
        if table.layer == "raw" and state.fingerprint != table.definition:
            return False
        if table.layer == "raw" and sorted(d["drop_id"] for d in state.extra.get("replay", {}).get("drops", [])) != applied:
            return False
        if table.is_snapshot and day.isoformat() not in state.partitions:
            return False
    return True


def nightly_date(settings: Settings, yesterday: date) -> tuple[date | None, str]:
    """The date the nightly run asks for, or None and why not: it stops some days after the newest applied drop."""
    storage = open_lake(settings)
    applied = [e.drop_date for e in Ledger.load(storage).in_force() if e.drop_date]
    if not applied:
        return None, "no drop was applied yet"
    last = max(applied) + timedelta(days=settings.nightly_max_days)
    built = load_built(storage).newest_date
    day = min(yesterday, last)
    if built is not None and day <= built and yesterday > last:
        return None, f"the newest drop is of {max(applied)}; nothing is rolled forward beyond {last} (CAREMETRIX_NIGHTLY_MAX_DAYS)"
    return day, ""


def missed_days(settings: Settings, day: date) -> tuple[date, date] | None:
    """The days after the newest built one up to ``day``, when they reach back further than a run restates by itself."""
    built = load_built(open_lake(settings)).newest_date
    first = day - timedelta(days=settings.restate_days)
    return (built + timedelta(days=1), day) if built is not None and built + timedelta(days=1) < first else None


def inbox_summary(settings: Settings) -> str:
    """One line about the inbox for ``doctor``."""
    pending = pending_drops(settings)
    return f"{settings.inbox}: {len(pending.drop_ids)} drops wait" if pending.drop_ids else f"{settings.inbox}: {pending.reason}"


def reject_drop(settings: Settings, drop_id: str, reason: str) -> None:
    """Parks a drop whose runs failed for good; leaves it for the next look when somebody is writing to the lake."""
    storage = open_lake(settings)
    with Lease(storage, "sensor new_drops", timeout_seconds=0):
        ledger = Ledger.load(storage)
        if drop_id not in ledger.entries:  # every run died before it had noted what is in the inbox
            note_inbox(open_inbox(settings), storage, load_catalog(), ledger, datetime.now(UTC).date())
        if ledger.entries[drop_id].status == "seen":
            ledger.attempt(drop_id)
        ledger.reject(drop_id, reason)
        ledger.save(storage)
