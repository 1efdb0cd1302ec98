"""Strict models of what a contract may say. Reading files is ``load.py``; turning rules into SQL is ``audit/``."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from caremetrix_assets.catalog.parts import Drill, Match, Names, Strict, When

Layer = Literal["raw", "dims", "facts", "marts"]
ReadMode = Literal["state", "all", "newest", "same_date"]
ColumnType = Literal["key", "id", "text", "int", "bigint", "money", "rate", "number", "bool", "date", "ts"]

SQL_TYPES: dict[str, str] = {
    "key": "BIGINT",
    "id": "VARCHAR",
    "text": "VARCHAR",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "money": "DECIMAL(18,2)",
    "rate": "DECIMAL(9,4)",
    "number": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "ts": "TIMESTAMP",
}
LAYER_OF_PREFIX: dict[str, Layer] = {"raw": "raw", "dim": "dims", "bridge": "dims", "fact": "facts", "mart": "marts"}


class Column(Strict):
    """One column of a table: its type, its meaning, and every rule that is about this column alone."""

    name: str
    type: ColumnType
    doc: str
    privacy: Literal["public", "internal", "pii", "restricted"]
    required: bool = False
    values: tuple[str, ...] | None = None
    waived: tuple[str, ...] = ()
    waived_without_feed: tuple[str, ...] = ()
    min: Decimal | date | None = None
    max: Decimal | date | None = None
    pattern: Literal["sk", "text", "clock"] | None = None
    ref: str | None = None
    unit: str | None = None
    scd: Literal["tracked", "snapshot", "derived"] | None = None
    as_of: bool = False
    measure: bool = True
    additive: bool | tuple[str, ...] = False
    parts: tuple[str, str] | None = None
    formula: str | None = None
    no_drill: str | None = None
    equals: str | None = None
    optional_key: bool = False
    match: Match | None = None
    headers: tuple[str, ...] | None = None
    counts: bool = True
    parent: str | None = None
    null_if: tuple[str, ...] = ()
    since: str | None = None
    when: When | None = None
    names: Names | None = None

    @model_validator(mode="after")
    def _joined(self) -> Column:
        if self.match and self.type != "key":
            raise ValueError("`match` is about the join behind a key")
        return self

    @property
    def sql_type(self) -> str:
        """The Parquet type as DuckDB spells it."""
        return SQL_TYPES[self.type]

    @property
    def is_text(self) -> bool:
        """True for the types stored as text."""
        return self.type in ("id", "text")

    @property
    def header_names(self) -> tuple[str, ...]:
        """Header names that bind to this column, upper case, newest release first."""
        return tuple(h.upper() for h in (self.headers or (self.name,)))


class RawSource(Strict):
    """How a raw table's file is read: its name, natural key and what repeats mean (spec: natural keys, ordinals).

    ``person``: each row is one person; the value lists the columns that make up a full name, in each way it is written.
    """

    file: str
    folder: Literal["", "practice"] = ""
    key: tuple[str, ...]
    ordinal: bool = False
    stop: str | None = None
    unit: Literal["claim"] | None = None
    required: bool = False
    strict: bool = False
    person: tuple[tuple[str, ...], ...] = Field(default=(), repr=False)  # changes no row, so it is left out of the definition hash


class Driving(Strict):
    """A source whose rows a fact has exactly once. Most facts have one; a fact of several has the rows of all of them.

    ``date`` says the day of a source row, for a table whose own rows do not (``date_key``).
    """

    table: str
    key: tuple[str, ...]
    own_key: tuple[str, ...]
    where: str | None = None
    date: str | None = None


class Narrow(Strict):
    """How a run finds the rows of a large table that can differ, instead of computing them all.

    Rows of ``driving`` with the same ``by`` are computed together and become the rows with that value in ``own``. ``found_by``
    says by which column of ``driving`` a row of another table is looked up: ``dim_claim.claim_id: claimid``. When an upstream table
    that is not named changes, all is computed.
    """

    driving: str
    by: str
    own: str
    found_by: dict[str, str] = Field(default_factory=dict)


class SqlCheck(Strict):
    """A named rule of one table: a SELECT that returns the offending rows (partition_date, key)."""

    doc: str = ""
    severity: Literal["blocking", "warn"] = "blocking"
    group: Literal["integrity", "watch"] = "integrity"
    threshold: Decimal = Decimal(0)
    sql: str
    not_applicable_when: str | None = None


class Table(Strict):
    """A table as its contract and SQL describe it. Built by ``load.load_catalog``, never by hand."""

    name: str
    layer: Layer
    folder: str
    doc: str
    grain: str
    key: tuple[str, ...]
    natural_key: tuple[str, ...] = ()
    dimension: Literal["entity", "event"] | None = None
    scd: Literal[1, 2] | None = None
    refresh: str
    owner: str = "data-team"
    sources: str
    usage: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    reads: dict[str, ReadMode] = Field(default_factory=dict)
    header: str | None = None
    footer: str | None = None
    driving: tuple[Driving, ...] = ()
    drill: tuple[Drill, ...] = ()
    narrow: Narrow | None = None
    empty_when: str | None = None
    sort: tuple[str, ...] = ()
    source: RawSource | None = None
    columns: tuple[Column, ...]
    checks: dict[str, SqlCheck] = Field(default_factory=dict)
    sql: str | None = None
    upstream: tuple[str, ...] = ()
    audited_with: tuple[str, ...] = ()
    definition: str = ""

    @field_validator("driving", "drill", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return value if isinstance(value, (list, tuple)) else (value,)

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        names = {c.name for c in self.columns}
        for label, wanted in (("key", self.key), ("natural_key", self.natural_key), ("sort", self.sort)):
            for name in wanted:
                if name not in names:
                    raise ValueError(f"{label} names column {name!r}, which the table does not have")
        if self.layer == "raw" and self.source is None:
            raise ValueError("a raw table needs `source`")
        if self.layer == "dims" and self.dimension is None:
            raise ValueError("a dimension needs `dimension: entity` or `dimension: event`")
        if len({d.own_key for d in self.driving}) > 1:
            raise ValueError("all sources of `driving` name the same own_key")
        for column in self.columns:
            for label, wanted in (("parts", column.parts or ()), ("when", (column.when.column,) if column.when else ())):
                for name in wanted:
                    if name not in names:
                        raise ValueError(f"column {column.name}: `{label}` names {name!r}, which the table does not have")
        return self

    @property
    def by_event_date(self) -> bool:
        """True when a row's partition is its own date: facts and event dimensions."""
        return self.layer == "facts" or self.dimension == "event"

    @property
    def asks_for_newest(self) -> bool:
        """True when the SQL names the newest built date or the dates of the run: its rows may change with each of them."""
        return re.search(r"\bnewest_date\b|\brun_dates\b", str(self.sql)) is not None

    @property
    def is_snapshot(self) -> bool:
        """True when partition D is a whole table as of D: entity dimensions and marts."""
        return self.layer == "marts" or self.dimension == "entity"

    @property
    def member_column(self) -> str | None:
        """The surrogate key of a dimension that has reserved members; None for bridges, facts, marts and raw tables."""
        if self.layer != "dims" or len(self.key) != 1 or self.column(self.key[0]).type != "key":
            return None
        return self.key[0]

    def is_filled_always(self, column: Column) -> bool:
        """Whether a required column is filled in the rows that tell nothing else too: reserved members, deleted keys."""
        if self.member_column:
            return column.is_text or column.name in (self.member_column, "is_current", "valid_from", "valid_to", "partition_date")
        return self.source is None or column not in self.source_columns or column.name in self.source.key

    @cached_property
    def never_null(self) -> frozenset[str]:
        """The columns without nulls in the table's files."""
        return frozenset(c.name for c in self.columns if c.required and self.is_filled_always(c))

    @property
    def group(self) -> str:
        """The Dagster group: the layer, for marts with their subject."""
        return f"marts_{self.folder}" if self.layer == "marts" and self.folder else self.layer

    def column(self, name: str) -> Column:
        """The column called ``name``; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    def has(self, name: str) -> bool:
        """True when the table has the column."""
        return any(c.name == name for c in self.columns)

    def read_mode(self, upstream: Table) -> ReadMode:
        """How this table reads ``upstream``: what its contract says, else the default of the layers."""
        if upstream.name in self.reads:
            return self.reads[upstream.name]
        if upstream.layer == "raw":
            return "all" if self.dimension == "entity" else "state"
        if upstream.dimension == "entity":
            return "newest"
        return "same_date" if upstream.layer == "marts" else "all"

    @property
    def after(self) -> tuple[str, ...]:
        """Relations that must be complete before the table is built and audited: what its SQL reads and its rules look into."""
        return (*self.upstream, *self.audited_with)

    @property
    def source_columns(self) -> tuple[Column, ...]:
        """Raw tables: the columns that come from the file, ledger ordinals included, footer left out."""
        footer = next((i for i, c in enumerate(self.columns) if c.name == "source_ordinal"), len(self.columns))
        return self.columns[:footer]


class Seed(Strict):
    """A maintained list shipped with the package, readable in SQL under its file name."""

    name: str
    doc: str
    columns: dict[str, dict[str, Any]]
    path: str


class Catalog(Strict):
    """All tables in build order, the seeds, and who reads whom."""

    tables: dict[str, Table]
    seeds: dict[str, Seed]

    def table(self, name: str) -> Table:
        """The table; KeyError naming what exists when there is none."""
        if name not in self.tables:
            raise KeyError(f"there is no table {name!r}")
        return self.tables[name]

    def layer(self, layer: Layer) -> list[Table]:
        """Tables of a layer in build order."""
        return [t for t in self.tables.values() if t.layer == layer]
