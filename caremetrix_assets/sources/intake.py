"""From the inbox to the ledger: note what is there, take in what is due, in drop order.

One drop at a time is archived or rejected, and the ledger is saved after each, so a killed run loses nothing. What the
accepted drops then do to the raw tables is ``replay``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.errors import InputError
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.archive import RejectedDrop, Report, counts_of, ingest
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.examine import ReadOptions
from caremetrix_assets.sources.inbox import Candidate, Drop, look
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets.sources.memory import Memory


@dataclass(frozen=True)
class Taken:
    """What became of one due drop: ``report`` when it was accepted, else the reason in ``entry`` and the failed check."""

    entry: Entry
    report: Report | None
    failed: str | None = None


def note_inbox(
    inbox: Storage, lake: Storage, catalog: Catalog, ledger: Ledger, today: date, memory: Memory | None = None
) -> list[Candidate]:
    """Looks at the inbox and notes every folder in ``ledger``, in memory only: nothing is written.

    A rejected folder whose files were written again since is looked at once more.
    """
    memory = memory or Memory.load(lake)
    candidates = look(inbox, known_places(catalog), memory)
    for candidate in candidates:
        entry = ledger.entries.get(candidate.drop_id)
        last = memory.rejected.get(candidate.drop_id)
        if entry is not None and entry.status == "rejected" and last not in (None, candidate.fingerprint):
            ledger.reopen(candidate.drop_id)
    ledger.see_all(candidates, today)
    return candidates


def take_in(
    inbox: Storage,
    lake: Storage,
    catalog: Catalog,
    ledger: Ledger,
    today: date,
    options: ReadOptions,
    only: Collection[str] | None = None,
) -> Iterator[Taken]:
    """Archives or rejects every drop that is due, oldest first; saves the ledger after each. Needs the lake's lease.

    ``only``: the drop ids to take; None for all that are due.
    """
    memory = Memory.load(lake)
    candidates = note_inbox(inbox, lake, catalog, ledger, today, memory)
    folders = {c.drop_id: c for c in reversed(candidates) if c.drop is not None}
    ledger.save(lake)
    memory.save(lake)
    for entry in ledger.due(today):
        candidate = folders.get(entry.drop_id)
        if only is not None and entry.drop_id not in only:
            continue
        if candidate is None or candidate.drop is None:
            continue  # its folder is not in this inbox
        taken = take(candidate.drop, inbox, lake, catalog, ledger, options)
        memory.rejected.pop(entry.drop_id, None)
        if taken.report is None:
            memory.rejected[entry.drop_id] = candidate.fingerprint
        memory.save(lake)
        yield taken


def take(drop: Drop, inbox: Storage, lake: Storage, catalog: Catalog, ledger: Ledger, options: ReadOptions) -> Taken:
    """Archives one seen drop and marks it accepted, or rejected with the reason; saves the ledger."""
    ledger.attempt(drop.drop_id)
    try:
        report = ingest(drop, inbox, lake, catalog, ledger, options)
    except InputError as error:
        entry = ledger.reject(drop.drop_id, str(error))
        ledger.save(lake)
        return Taken(entry, None, error.check if isinstance(error, RejectedDrop) else "drop_complete")
    entry = ledger.accept(drop.drop_id, counts_of(report))
    ledger.save(lake)
    return Taken(entry, report)
