"""The raw tables as a reader of files sees them: which file, which headers, which columns are computed.

Everything is taken from the contracts in ``tables/raw``; how a value is typed is ``typing_sql``, how a file is read is
``reader``.
"""

from __future__ import annotations

from dataclasses import dataclass

from caremetrix_assets.catalog.models import Catalog, Column, RawSource, Table

# Computed while reading, never in a file: where a ledger row stands in its claim, and the row its money came from.
LINE_ORDINAL = "line_ordinal"
TRANSFER_FROM = "transfer_from_ordinal"
UNIT_COLUMNS = (LINE_ORDINAL, TRANSFER_FROM)

# Columns of every archive file, behind the source's own: (name, SQL type).
ARCHIVE_COLUMNS = (
    ("source_file", "VARCHAR"),
    ("source_line", "BIGINT"),
    ("broken_rule", "VARCHAR"),
    ("raw_text", "VARCHAR"),
    ("is_superseded", "BOOLEAN"),
)


@dataclass(frozen=True)
class RawFile:
    """One source file and the contract of its raw table."""

    table: Table
    source: RawSource

    @property
    def name(self) -> str:
        """The file's name without ``.csv``: ``patients``."""
        return self.source.file

    @property
    def place(self) -> str:
        """The name with the drop's subfolder in front where the file has one of its own: ``practice/rooms``."""
        return f"{self.source.folder}/{self.name}" if self.source.folder else self.name

    @property
    def is_practice(self) -> bool:
        """True for a file of the practice feed: its values are held to their contract while the file is read."""
        return self.source.folder != ""

    @property
    def is_unit(self) -> bool:
        """True for the ledger, whose rows stand and fall with their claim."""
        return self.source.unit is not None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns bound to a header, in contract order."""
        computed = UNIT_COLUMNS if self.is_unit else ()
        return tuple(c for c in self.table.source_columns if c.name not in computed)

    @property
    def needed(self) -> tuple[Column, ...]:
        """Columns without which the file is rejected: keys, foreign keys and required ones that every release has."""
        return tuple(c for c in self.columns if c.since is None and (c.name in self.source.key or c.parent or c.required))

    def has_unique_key(self) -> bool:
        """True when a key repeated in one drop is superseded by its last line."""
        return not self.source.ordinal and not self.is_unit


def raw_files(catalog: Catalog) -> dict[str, RawFile]:
    """The source files by name, in name order."""
    tables = [t for t in catalog.layer("raw") if t.source is not None]
    files = [RawFile(table, table.source) for table in tables if table.source is not None]
    return {f.name: f for f in sorted(files, key=lambda f: f.name)}


def known_places(catalog: Catalog) -> frozenset[str]:
    """Where a drop may hold files that are read, as :attr:`RawFile.place`."""
    return frozenset(f.place for f in raw_files(catalog).values())
