"""One archived file of one drop: its good rows, the rows that wait for a parent, the keys it holds in any condition.

What lives elsewhere: what the rows change (``replay_changes``), how files become archives (``ingest``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import literal
from caremetrix_assets.lake.changelog import iso_text, quoted, same
from caremetrix_assets.sources.replay_model import AcceptedDrop, DropCounts, Shape, listed, scalar, unit_hash

# Up to this many rows are copied into memory; more are read from the archive as often as needed.
LARGE = 50_000


def are_many(rows: int) -> bool:
    """True for more rows than a replay copies into memory."""
    return rows > LARGE


@dataclass(frozen=True)
class Incoming:
    """A drop's file opened on a connection. ``relation`` has its acceptable rows with ``line_id``, their place in the file."""

    shape: Shape
    drop: AcceptedDrop
    path: Path
    present: frozenset[str]
    counts: DropCounts
    relation: str

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
    assert path is not None
    present = shape.present(drop)
    counts = _count(con, path)
    counts.rows_waiting = find_waiting(con, shape, drop, parents)
    incoming = Incoming(shape, drop, path, present, counts, shape.names("in"))
    _copy_or_view(con, shape, counts, are_many(incoming.rows))
    return incoming


def good_rows(shape: Shape, drop: AcceptedDrop, path: Path) -> str:
    """The SELECT of a file's rows that are neither broken nor superseded: line_id, its columns, source_file, source_line."""
    present = shape.present(drop)
    columns = ", ".join(
        f"cast({quoted(c.name) if c.name in present else 'null'} as {c.sql_type}) as {quoted(c.name)}" for c in shape.columns
    )
    return (
        f"select file_row_number as line_id, {columns}, source_file, source_line "
        f"from read_parquet({literal(str(path))}, file_row_number = true) where broken_rule is null and not is_superseded"
    )


def find_waiting(con: duckdb.DuckDBPyConnection, shape: Shape, drop: AcceptedDrop, parents: dict[str, str]) -> int:
    """Creates ``good`` and ``wait``, the good rows that name a parent no accepted drop has; returns their number.

    ``wait``: line_id, source_file, source_line, rule ``waiting.<column>``, key. Of a claim all rows wait together.
    """
    path = drop.path(shape.source.file)
    assert path is not None
    con.execute(f"create or replace temp view {shape.names('good')} as {good_rows(shape, drop, path)}")
    missing = _columns_with_missing_parents(con, shape, parents)
    con.execute(f"create or replace temp table {shape.names('wait')} as {_waiting_sql(shape, missing, parents)}")
    return scalar(con, f"select count(*) from {shape.names('wait')}") if missing else 0


def waiting_fingerprint(con: duckdb.DuckDBPyConnection, table: Table, drop: AcceptedDrop, parents: dict[str, str]) -> str:
    """Which rows of the table's file in ``drop`` wait, as a short text: '' for none. See ``replay_plan.plan_from``."""
    shape = Shape(table)
    if not shape.parents or drop.path(shape.source.file) is None or not find_waiting(con, shape, drop, parents):
        return ""
    return fingerprint_of(con, shape)


def fingerprint_of(con: duckdb.DuckDBPyConnection, shape: Shape) -> str:
    """The fingerprint of the relation ``wait`` as it is: number of rows, and md5 over file, line and rule."""
    row = con.execute(
        "select count(*), md5(coalesce(string_agg(concat_ws('|', source_file, source_line, rule), ',' order by line_id), '')) "
        f"from {shape.names('wait')}"
    ).fetchone()
    return f"{row[0]}:{row[1]}" if row and row[0] else ""


def hold_keys(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> None:
    """Creates ``held``: units of the file's broken and waiting rows. They are present in the drop though nothing enters."""
    shape = incoming.shape
    unit = ", ".join(f"cast({quoted(c)} as {shape.table.column(c).sql_type}) as {quoted(c)}" for c in shape.unit)
    con.execute(
        f"create or replace temp table {shape.names('held')} as "
        f"select {unit} from read_parquet({literal(str(incoming.path))}) where broken_rule is not null "
        f"union select {unit} from {shape.names('good')} where line_id in (select line_id from {shape.names('wait')})"
    )


def keys_sent(shape: Shape, drops: Sequence[AcceptedDrop], candidates: str) -> str:
    """A SELECT of the units that any of ``drops`` holds, in any condition, among the unit hashes of relation ``candidates``."""
    paths = [p for p in (d.path(shape.source.file) for d in drops) if p is not None]
    unit = ", ".join(f"cast({quoted(c)} as {shape.table.column(c).sql_type}) as {quoted(c)}" for c in shape.unit)
    if not paths:
        return f"select {unit} from {candidates} where false"
    files = ", ".join(literal(str(p)) for p in paths)
    return (
        f"select distinct {listed(shape.unit)} from (select {unit} from read_parquet([{files}])) as sent "
        f"where {unit_hash(shape)} in (select unit_hash from {candidates})"
    )


def _count(con: duckdb.DuckDBPyConnection, path: Path) -> DropCounts:
    row = con.execute(
        "select count(*), count(*) filter (where broken_rule is not null), "
        f"count(*) filter (where broken_rule is null and is_superseded) from read_parquet({literal(str(path))})"
    ).fetchone()
    assert row is not None
    return DropCounts(rows_in=row[0], rows_broken=row[1], rows_superseded=row[2])


def _copy_or_view(con: duckdb.DuckDBPyConnection, shape: Shape, counts: DropCounts, is_large: bool) -> None:
    rows = f"select g.* from {shape.names('good')} as g"
    if counts.rows_waiting:
        rows += f" anti join {shape.names('wait')} as w on w.line_id = g.line_id"
    if not is_large:
        con.execute(f"create or replace temp table {shape.names('in_rows')} as {rows}")
        rows = f"select * from {shape.names('in_rows')}"
    con.execute(f"create or replace temp view {shape.names('in')} as {rows}")


def _columns_with_missing_parents(con: duckdb.DuckDBPyConnection, shape: Shape, parents: dict[str, str]) -> list[Column]:
    if not shape.parents:
        return []
    # One narrow pass per column: the rows themselves are joined only when something is missing, which is rare.
    counted = ", ".join(
        f"(select count(*) from {shape.names('good')} as g anti join {quoted(parents[str(c.parent)])} as p on p.id = g.{quoted(c.name)} "
        f"where g.{quoted(c.name)} is not null)"
        for c in shape.parents
    )
    found = con.execute(f"select {counted}").fetchone() or ()
    return [c for c, number in zip(shape.parents, found, strict=True) if number]


def _waiting_sql(shape: Shape, missing: list[Column], parents: dict[str, str]) -> str:
    key = " || '|' || ".join(iso_text(shape.table.column(c), "g.") for c in shape.key)
    columns = f"g.line_id, g.source_file, g.source_line, {{}} as rule, {key} as key"
    good = f"{shape.names('good')} as g"
    if not missing:
        return f"select {columns.format('cast(null as varchar)')} from {good} where false"
    cases = " ".join(
        f"when g.{quoted(c.name)} is not null and g.{quoted(c.name)} not in "
        f"(select id from {quoted(parents[str(c.parent)])} where id is not null) then 'waiting.{c.name}'"
        for c in missing
    )
    rows = f"select * from (select {columns.format(f'case {cases} end')}, {listed(shape.unit, 'g')} from {good}) as q where rule is not null"
    if not shape.source.unit:
        return f"select line_id, source_file, source_line, rule, key from ({rows}) as q"
    own = f"select line_id, rule, {listed(shape.unit)} from ({rows}) as q"
    units = f"select {listed(shape.unit)}, min(rule) as rule from ({rows}) as q group by {listed(shape.unit)}"
    return (
        f"select {columns.format('coalesce(o.rule, u.rule)')} from {good} inner join ({units}) as u on {same(shape.unit, 'u', 'g')} "
        f"left join ({own}) as o on o.line_id = g.line_id"
    )
