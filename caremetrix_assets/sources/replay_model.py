"""What a replay is given and gives back, and a raw contract as the column lists that its SQL needs.

What lives elsewhere: the replay itself (``replay``), from which date on it is needed (``replay_plan``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Column, RawSource, Table
from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.changelog import iso_text, quoted
from caremetrix_assets.sources.contracts import UNIT_COLUMNS
from caremetrix_assets.sources.sql import one_row


@dataclass(frozen=True)
class AcceptedDrop:
    """An accepted drop as archived.

    ``columns`` maps each file in the drop to the contract columns that its header had; a file without an entry is not
    in the drop. ``paths(file)`` is the local place of its archived rows. ``simulated`` names the files that the practice
    simulator made, ``unknown`` per file the header names that no contract has. ``forgotten`` rows are no longer there.
    """

    drop_id: str
    drop_date: date
    sequence: int
    kind: str
    producer: str
    deletes: bool
    columns: dict[str, set[str]]
    paths: Callable[[str], Path | None]
    simulated: frozenset[str] = frozenset()
    unknown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def order(self) -> tuple[date, int, str]:
        """Drop order: what "before", "first" and "latest" mean everywhere."""
        return (self.drop_date, self.sequence, self.drop_id)

    @property
    def is_full(self) -> bool:
        """True for a snapshot of everything its producer knows."""
        return self.kind == "full"

    def path(self, file: str) -> Path:
        """Where the archived rows of a file of the drop are. Asked only when they are read: it may have to fetch them."""
        path = self.paths(file)
        if path is None:
            raise ServiceError(f"The archive of drop {self.drop_id} lacks {file}, which the drop's report names; restore it from a backup.")
        return path


@dataclass
class DropCounts:
    """What became of the rows of one file of one drop.

    rows_in = new + changed + unchanged + superseded + broken + waiting. ``rows_vanished`` counts rows of the state that
    the producer sent before and this full drop lacks; ``deletes`` the delete rows written, for them or for a claim's
    rows beyond its new length.
    """

    rows_in: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    rows_superseded: int = 0
    rows_broken: int = 0
    rows_waiting: int = 0
    rows_vanished: int = 0
    deletes: int = 0


@dataclass(frozen=True)
class ReplayResult:
    """The replayed part of one change log.

    ``relation`` names a temp relation with the contract's columns: all change rows of the replayed partitions, in no
    order. It may be a view that reads the archive, so the archive must stay until it is written. ``waiting`` names a
    relation (drop_id, source_file, source_line, rule, key) of the rows that wait for a parent. ``counts`` has an entry
    per replayed drop with the file, ``fingerprints`` says which of its rows wait ('' for none).
    """

    relation: str
    waiting: str
    counts: dict[str, DropCounts] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """A raw table's columns as a replay uses them. ``unit`` is what is compared and waits as one: the key, or the claim."""

    table: Table

    @cached_property
    def source(self) -> RawSource:
        """How the file is read."""
        assert self.table.source is not None
        return self.table.source

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The natural key, without ordinal."""
        return self.source.key

    @cached_property
    def unit(self) -> tuple[str, ...]:
        """Columns that name a unit: all but the position for claims, else the natural key."""
        return tuple(c for c in self.key if c not in UNIT_COLUMNS) if self.source.unit else self.key

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns that come from the file."""
        return self.table.source_columns

    @cached_property
    def parents(self) -> tuple[Column, ...]:
        """Columns whose value must be known as a row of another file."""
        return tuple(c for c in self.columns if c.parent)

    def present(self, drop: AcceptedDrop) -> frozenset[str]:
        """Columns that the drop's file speaks about; the others keep the state's value."""
        named = {*drop.columns[self.source.file], *self.key, *(UNIT_COLUMNS if self.source.unit else ())}
        return frozenset(c.name for c in self.columns if c.name in named)

    def counted(self, present: frozenset[str]) -> tuple[str, ...]:
        """The key, and the columns in which a difference is a change, of those that the file speaks about."""
        return tuple(c.name for c in self.columns if c.name in self.key or (c.counts and c.name in present))

    def others_as_text(self, present: frozenset[str]) -> list[str]:
        """The columns that order rows of one key after their stop, as text."""
        left_out = {*self.key, self.source.stop}
        return [iso_text(c) for c in self.columns if c.name in present and c.name not in left_out]

    def archived_unit(self) -> str:
        """The unit's columns for a SELECT from an archive file, in the contract's types."""
        return ", ".join(f"cast({quoted(c)} as {self.table.column(c).sql_type}) as {quoted(c)}" for c in self.unit)

    def unit_hash(self) -> str:
        """A 64-bit hash of the unit. It only narrows down which rows are looked at: keys are then compared exactly."""
        return f"hash({listed(self.unit)})"

    def relation(self, suffix: str) -> str:
        """A temp relation of this table's replay, quoted."""
        return quoted(f"{self.table.name}__{suffix}")


def listed(columns: Iterable[str], alias: str = "") -> str:
    """Column names for SQL, quoted, with commas between, each behind ``alias.`` when given."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(f"{prefix}{quoted(c)}" for c in columns)


def scalar(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number that a query returns, 0 for null."""
    return int(one_row(con, sql)[0] or 0)
