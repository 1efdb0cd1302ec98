"""One archived file of one drop: its good rows, the rows that wait for a parent, the keys it holds in any condition.

What lives elsewhere: what the rows change (``replay_changes``), how files become archives (``intake``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.engines.duckdb import literal
from caremetrix_assets.lake.changelog import iso_text, quoted
from caremetrix_assets.sources.replay_model import AcceptedDrop, DropCounts, Shape, listed, scalar
from caremetrix_assets.sources.sql import one_row

# Up to this many rows are copied into memory; more are read from the archive as often as needed.
LARGE = 50_000


def are_many(rows: int) -> bool:
    """True for more rows than a replay copies into memory."""
    return rows > LARGE


@dataclass(frozen=True)
class Incoming:
    """A drop's file opened on a connection. Relation ``in`` has its acceptable rows with ``line_id``, their place in the file."""

    shape: Shape
    drop: AcceptedDrop
    path: Path
    present: frozenset[str]
    counts: DropCounts

    @property
    def counted(self) -> tuple[str, ...]:
        """Columns in which the file can differ from the state: the key and what counts as a change."""
        return self.shape.counted(self.present)

    @property
    def rows(self) -> int:
        """How many acceptable rows there are."""
        c = self.counts
        return c.rows_in - c.rows_broken - c.rows_superseded - c.rows_waiting


def open_incoming(con: duckdb.DuckDBPyConnection, shape: Shape, drop: AcceptedDrop, parents: dict[str, str]) -> Incoming:
    """Opens the table's file of ``drop``: creates the relations ``good``, ``wait`` and ``in`` of its replay."""
    path = drop.path(shape.source.file)
    counts = _count(con, path)
    counts.rows_waiting = find_waiting(con, shape, drop, parents)
    incoming = Incoming(shape, drop, path, shape.present(drop), counts)
    rows = f"select g.* from {shape.relation('good')} as g"
    if counts.rows_waiting:
        rows += f" anti join {shape.relation('wait')} as w on w.line_id = g.line_id"
    if not are_many(incoming.rows):
        con.execute(f"create or replace temp table {shape.relation('in_rows')} as {rows}")
        rows = f"select * from {shape.relation('in_rows')}"
    con.execute(f"create or replace temp view {shape.relation('in')} as {rows}")
    return incoming


def good_rows(shape: Shape, drop: AcceptedDrop) -> str:
    """The SELECT of a file's rows that are neither broken nor superseded: line_id, its columns, source_file, source_line."""
    present = shape.present(drop)
    columns = ", ".join(
        f"cast({quoted(c.name) if c.name in present else 'null'} as {c.sql_type}) as {quoted(c.name)}" for c in shape.columns
    )
    return f"""
        select file_row_number as line_id, {columns}, source_file, source_line
        from read_parquet({literal(str(drop.path(shape.source.file)))}, file_row_number = true)
        where broken_rule is null and not is_superseded"""


def sent_rows(shape: Shape, drop: AcceptedDrop, waiting: str) -> str:
    """The SELECT of the rows that a drop's file brought in: the good ones but for those of it in relation ``waiting``."""
    return f"""
        select g.* from ({good_rows(shape, drop)}) as g anti join {quoted(waiting)} as w
        on w.drop_id = {literal(drop.drop_id)} and w.source_file = g.source_file and w.source_line = g.source_line"""


def find_waiting(con: duckdb.DuckDBPyConnection, shape: Shape, drop: AcceptedDrop, parents: dict[str, str]) -> int:
    """Creates ``good`` and ``wait``, the good rows that name a parent no accepted drop has; returns their number.

    ``wait``: line_id, source_file, source_line, rule ``waiting.<column>``, key. Of a claim all rows wait together.
    """
    con.execute(f"create or replace temp view {shape.relation('good')} as {good_rows(shape, drop)}")
    missing = _columns_with_missing_parents(con, shape, parents)
    con.execute(f"create or replace temp table {shape.relation('wait')} as {_waiting_rows(shape, missing, parents)}")
    return scalar(con, f"select count(*) from {shape.relation('wait')}") if missing else 0


def waiting_fingerprint(con: duckdb.DuckDBPyConnection, table: Table, drop: AcceptedDrop, parents: dict[str, str]) -> str:
    """Which rows of the table's file in ``drop`` wait, as a short text: '' for none. See ``replay_plan.plan_from``."""
    shape = Shape(table)
    if not shape.parents or shape.source.file not in drop.columns or not find_waiting(con, shape, drop, parents):
        return ""
    return fingerprint_of(con, shape)


def fingerprint_of(con: duckdb.DuckDBPyConnection, shape: Shape) -> str:
    """The fingerprint of the relation ``wait`` as it is: number of rows, and md5 over file, line and rule."""
    rows, digest = one_row(
        con,
        f"""select count(*), md5(string_agg(concat_ws('|', source_file, source_line, rule), ',' order by line_id))
        from {shape.relation("wait")}""",
    )
    return f"{rows}:{digest}" if rows else ""


def hold_units(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> None:
    """Creates ``held``: units of the file's broken and waiting rows. They are present in the drop though nothing enters."""
    shape = incoming.shape
    con.execute(
        f"""create or replace temp table {shape.relation("held")} as
        select {shape.archived_unit()} from read_parquet({literal(str(incoming.path))}) where broken_rule is not null
        union
        select {listed(shape.unit, "g")} from {shape.relation("good")} as g
        semi join {shape.relation("wait")} as w on w.line_id = g.line_id"""
    )


def units_sent(shape: Shape, drops: Sequence[AcceptedDrop], candidates: str) -> str:
    """A SELECT of the units that any of ``drops`` holds, in any condition, among the unit hashes of relation ``candidates``."""
    files = ", ".join(literal(str(d.path(shape.source.file))) for d in drops)
    return f"""
        select distinct {listed(shape.unit)} from (select {shape.archived_unit()} from read_parquet([{files}])) as sent
        where {shape.unit_hash()} in (select unit_hash from {candidates})"""


def _count(con: duckdb.DuckDBPyConnection, path: Path) -> DropCounts:
    rows, broken, superseded = one_row(
        con,
        f"""select count(*), count(*) filter (where broken_rule is not null),
            count(*) filter (where broken_rule is null and is_superseded)
        from read_parquet({literal(str(path))})""",
    )
    return DropCounts(rows_in=rows, rows_broken=broken, rows_superseded=superseded)


def _columns_with_missing_parents(con: duckdb.DuckDBPyConnection, shape: Shape, parents: dict[str, str]) -> list[Column]:
    if not shape.parents:
        return []
    # One narrow pass per column: the rows themselves are joined only when something is missing, which is rare.
    counted = ", ".join(
        f"""(select count(*) from {shape.relation("good")} as g
            anti join {quoted(parents[str(c.parent)])} as p on p.id = g.{quoted(c.name)} where g.{quoted(c.name)} is not null)"""
        for c in shape.parents
    )
    return [c for c, number in zip(shape.parents, one_row(con, f"select {counted}"), strict=True) if number]


def _waiting_rows(shape: Shape, missing: list[Column], parents: dict[str, str]) -> str:
    cases = " ".join(
        f"when g.{quoted(c.name)} is not null and g.{quoted(c.name)} not in (select p.id from {quoted(parents[str(c.parent)])} as p "
        f"where p.id is not null) then 'waiting.{c.name}'"
        for c in missing
    )
    rule = f"case {cases} end" if missing else "cast(null as varchar)"
    key = " || '|' || ".join(iso_text(shape.table.column(c), "g.") for c in shape.key)
    if shape.source.unit:  # the first rule of the claim holds for its rows that lack nothing themselves
        rule = f"coalesce({rule}, min({rule}) over (partition by {listed(shape.unit, 'g')}))"
    return f"""
        select line_id, source_file, source_line, rule, key
        from (
            select g.line_id, g.source_file, g.source_line, {rule} as rule, {key} as key
            from {shape.relation("good")} as g {"" if missing else "where false"}
        ) as q
        where rule is not null"""
