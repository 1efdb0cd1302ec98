"""The drop ledger: one row per drop ever seen, what became of it, and the order in which drops count.

It is the only truth about what has been applied. Written whole and atomically; a writer that read an older version
gets a Conflict. Counts come from ``archive`` (rows read) and from the replay (what they did to the raw tables).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.inbox import Candidate
from caremetrix_assets.sources.manifest import Manifest

LEDGER_KEY = "ops/drop_ledger/drop_ledger.parquet"
Status = Literal["seen", "incomplete", "accepted", "applied", "rejected", "withdrawn"]

# Who may become what. Rejected and withdrawn drops stay so when they are offered again; only a person reopens them.
_NEXT: dict[str, tuple[str, ...]] = {
    "seen": ("accepted", "rejected"),
    "incomplete": (),
    "accepted": ("applied", "rejected", "withdrawn"),
    "applied": ("applied", "withdrawn"),
    "rejected": ("seen",),
    "withdrawn": ("seen",),
}
IN_FORCE = ("accepted", "applied")
COLUMNS = {
    "drop_id": "VARCHAR",
    "drop_date": "DATE",
    "sequence": "INTEGER",
    "kind": "VARCHAR",
    "producer": "VARCHAR",
    "name": "VARCHAR",
    "status": "VARCHAR",
    "attempts": "INTEGER",
    "rows_in": "BIGINT",
    "rows_new": "BIGINT",
    "rows_changed": "BIGINT",
    "rows_unchanged": "BIGINT",
    "rows_superseded": "BIGINT",
    "rows_quarantined": "BIGINT",
    "rows_waiting": "BIGINT",
    "rows_vanished": "BIGINT",
    "rows_forgotten": "BIGINT",
    "first_affected_date": "DATE",
    "history_start": "DATE",
    "practice_start": "DATE",
    "reason": "VARCHAR",
}


@dataclass(frozen=True)
class Entry:
    """One row of the ledger; its fields are ``COLUMNS``. Counts are those of the current replay, null before it."""

    drop_id: str
    drop_date: date | None = None
    sequence: int | None = None
    kind: str | None = None
    producer: str | None = None
    name: str = ""
    status: Status = "seen"
    attempts: int = 0
    rows_in: int | None = None
    rows_new: int | None = None
    rows_changed: int | None = None
    rows_unchanged: int | None = None
    rows_superseded: int | None = None
    rows_quarantined: int | None = None
    rows_waiting: int | None = None
    rows_vanished: int | None = None
    rows_forgotten: int | None = None
    first_affected_date: date | None = None
    history_start: date | None = None
    practice_start: date | None = None
    reason: str | None = None

    @property
    def order(self) -> tuple[date, int, str]:
        """Drop order: (drop_date, sequence, drop_id). Folders without a date come last."""
        return (self.drop_date or date.max, self.sequence or 0, self.drop_id)


@dataclass
class Ledger:
    """All entries by drop id. Load, change, save; ``etag`` and ``saved`` are the version in the lake."""

    entries: dict[str, Entry] = field(default_factory=dict)
    etag: str | None = None
    saved: dict[str, Entry] | None = None

    @classmethod
    def load(cls, storage: Storage) -> Ledger:
        """The ledger of a lake; an empty one when the lake has none."""
        info = storage.info(LEDGER_KEY)
        if info is None:
            return cls()
        rows = pq.read_table(storage.local_path(LEDGER_KEY, info.etag)).to_pylist()
        entries = {row["drop_id"]: Entry(**row) for row in rows}
        return cls(entries, info.etag, dict(entries))

    def save(self, storage: Storage) -> None:
        """Writes the ledger whole, in drop order, when it changed; Conflict when somebody else wrote it since it was loaded."""
        if self.entries == self.saved:
            return
        with _relation(self.history()) as con, TemporaryDirectory() as folder:
            path = Path(folder) / "drop_ledger.parquet"
            con.execute(f"copy ledger to '{path}' (format parquet, compression zstd)")
            data = path.read_bytes()
        if self.etag is None:
            self.etag = storage.write(LEDGER_KEY, data, if_absent=True)
        else:
            self.etag = storage.write(LEDGER_KEY, data, if_match=self.etag)
        self.saved = dict(self.entries)

    def to_arrow(self) -> pa.Table:
        """All entries in drop order, with the ledger's columns and types."""
        with _relation(self.history()) as con:
            return con.sql("from ledger").to_arrow_table()

    def history(self) -> list[Entry]:
        """Every drop ever seen, in drop order, whatever became of it."""
        return sorted(self.entries.values(), key=lambda e: e.order)

    def in_force(self) -> list[Entry]:
        """Accepted and applied drops in drop order: what the raw tables are made of."""
        return [e for e in self.history() if e.status in IN_FORCE]

    def pending(self) -> list[Entry]:
        """Drops that are accepted but not applied, in drop order."""
        return [e for e in self.history() if e.status == "accepted"]

    def before(self, drop_id: str, manifest: Manifest) -> list[Entry]:
        """Drops in force of the manifest's producer that come before it in drop order."""
        order = (manifest.drop_date, manifest.sequence, drop_id)
        return [e for e in self.in_force() if e.producer == manifest.producer and e.order < order]

    def clashes(self, drop_id: str, manifest: Manifest) -> list[Entry]:
        """Other drops of the same producer, date and sequence: their order is then that of their ids."""
        same = (manifest.producer, manifest.drop_date, manifest.sequence)
        found = [e for e in self.history() if (e.producer, e.drop_date, e.sequence) == same and e.drop_id != drop_id]
        return [e for e in found if e.status not in ("rejected", "withdrawn")]

    def see(self, candidate: Candidate, today: date) -> Entry:
        """Notes a folder of the inbox and returns its entry. Content seen before, under any name, changes nothing.

        A drop dated after ``today`` (UTC) stays ``seen`` with that reason; once its day has come the reason goes. A
        folder that was never read (incomplete, or a file of its manifest was missing) is judged anew every time.
        """
        self._forget_unidentified(candidate)
        known = self.entries.get(candidate.drop_id)
        if known is not None:
            is_settled = known.status not in ("seen", "incomplete") and not (known.status == "rejected" and known.attempts == 0)
            is_worse_copy = candidate.status != "complete" and candidate.name != known.name
            if is_settled or is_worse_copy:
                return known
        entry = _entry(candidate)
        if known is not None and known.status == "seen" == entry.status:
            entry = replace(known, reason=None if known.attempts == 0 else known.reason)
        if entry.status == "seen" and entry.drop_date is not None and entry.drop_date > today:
            entry = replace(entry, reason=f"dated {entry.drop_date}; applied on its day")
        self.entries[entry.drop_id] = entry
        return entry

    def see_all(self, candidates: Sequence[Candidate], today: date) -> list[Entry]:
        """Notes all folders of the inbox; rows of incomplete or unreadable folders that are gone go too."""
        names = {candidate.name for candidate in candidates}
        for entry in [e for e in self.entries.values() if e.kind is None and e.name not in names]:
            del self.entries[entry.drop_id]
        return [self.see(candidate, today) for candidate in candidates]

    def due(self, today: date) -> list[Entry]:
        """Drops that are seen, dated up to ``today``, in drop order: what may be ingested."""
        return [e for e in self.history() if e.status == "seen" and e.drop_date is not None and e.drop_date <= today]

    def accept(self, drop_id: str, counts: Mapping[str, int]) -> Entry:
        """The drop is archived; ``counts`` sets rows_in, rows_superseded, rows_quarantined and the like."""
        return self._move(drop_id, "accepted", {**counts, "reason": None})

    def apply(self, drop_id: str, counts: Mapping[str, int], first_affected_date: date | None = None) -> Entry:
        """The raw tables hold the drop; also used to set the counts of a later replay (the date stays when None)."""
        changes: dict[str, Any] = dict(counts)
        if first_affected_date is not None:
            changes["first_affected_date"] = first_affected_date
        return self._move(drop_id, "applied", {**changes, "reason": None})

    def attempt(self, drop_id: str, reason: str | None = None) -> Entry:
        """Counts a try to take the drop in, with what went wrong when it failed."""
        entry = self._known(drop_id)
        self.entries[drop_id] = replace(entry, attempts=entry.attempts + 1, reason=reason)
        return self.entries[drop_id]

    def reject(self, drop_id: str, reason: str) -> Entry:
        """The drop is not taken; ``reason`` is one sentence without a value of any row."""
        return self._move(drop_id, "rejected", {**_NO_COUNTS, "reason": reason})

    def withdraw(self, drop_id: str, reason: str | None = None) -> Entry:
        """The drop is un-loaded; its archive and this row stay."""
        return self._move(drop_id, "withdrawn", {**_NO_COUNTS, "first_affected_date": None, "reason": reason})

    def reopen(self, drop_id: str) -> Entry:
        """A person wants a rejected or withdrawn drop looked at once more."""
        return self._move(drop_id, "seen", {"reason": None, "attempts": 0})

    def find(self, text: str) -> Entry:
        """The one entry whose id starts with ``text`` or whose name is ``text``; UsageError when none or several do."""
        found = [e for e in self.history() if e.name == text] or [e for e in self.history() if text and e.drop_id.startswith(text)]
        if len(found) != 1:
            raise UsageError(f"{'no drop' if not found else f'{len(found)} drops'} named {text!r}; `caremetrix drop list` shows them.")
        return found[0]

    def _known(self, drop_id: str) -> Entry:
        if drop_id not in self.entries:
            raise UsageError(f"the ledger has no drop {drop_id[:12]}; `caremetrix drop list` shows them.")
        return self.entries[drop_id]

    def _move(self, drop_id: str, status: Status, changes: Mapping[str, Any]) -> Entry:
        entry = self._known(drop_id)
        if status not in _NEXT[entry.status]:
            raise UsageError(f"drop {entry.name} ({drop_id[:12]}) is {entry.status} and cannot become {status}.")
        self.entries[drop_id] = replace(entry, **{**changes, "status": status})
        return self.entries[drop_id]

    def _forget_unidentified(self, candidate: Candidate) -> None:
        """A folder that was incomplete or unreadable has one row, under the id of its newest state."""
        stale = [e for e in self.entries.values() if e.name == candidate.name and e.kind is None and e.drop_id != candidate.drop_id]
        for entry in stale:
            del self.entries[entry.drop_id]


_NO_COUNTS = {f.name: None for f in fields(Entry) if f.name.startswith("rows_")}


@contextmanager
def _relation(entries: Sequence[Entry]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with the entries as table ``ledger``. Arrow's own conversion would import pandas, half a second a step."""
    with duckdb.connect() as con:
        rows = json.dumps([asdict(entry) for entry in entries], default=str)
        con.execute(f"create table ledger as select unnest(from_json(?, '{json.dumps([COLUMNS])}'), recursive := true)", [rows])
        yield con


def _entry(candidate: Candidate) -> Entry:
    status: Status = "seen" if candidate.status == "complete" else candidate.status
    entry = Entry(candidate.drop_id, name=candidate.name, status=status, reason=candidate.reason)
    if candidate.manifest is None:
        return entry
    m = candidate.manifest
    return replace(
        entry,
        drop_date=m.drop_date,
        sequence=m.sequence,
        kind=m.kind,
        producer=m.producer,
        history_start=m.history_start,
        practice_start=m.practice_start,
    )
