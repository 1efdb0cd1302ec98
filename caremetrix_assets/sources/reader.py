"""Reads one source file of a drop, whole or in parts, into a typed Parquet file of its records in file order.

The fast way gives the file to DuckDB's strict CSV reader; a file it refuses, or whose lines are not its records, goes
through ``records`` once. What SQL does with a value is ``typed_rows``; marks that need the whole file (superseded rows,
partial claims, original texts) are ``finish``; verification and limits are ``archive``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.sources.contracts import LINE_ORDINAL, TRANSFER_FROM, RawFile
from caremetrix_assets.sources.header import Binding
from caremetrix_assets.sources.records import RAGGED_ROW, records
from caremetrix_assets.sources.scan import MAX_RECORD, Scan
from caremetrix_assets.sources.sql import PARQUET, literal, name, one_row
from caremetrix_assets.sources.typed_rows import LINE, RULE, Records, broken_rule, nulled, typed_select, value_of, watched
from caremetrix_assets.sources.units import CLAIM, place_ledger

_BATCH = 50_000


@dataclass(frozen=True)
class Part:
    """One CSV of a drop: its name there, what the scan found, and its header (None for a file without a byte)."""

    name: str
    scan: Scan
    binding: Binding | None


@dataclass
class Typed:
    """A file as typed records: where they lie, how many, and how each part had to be read."""

    file: RawFile
    path: Path
    rows: int
    rows_by_part: dict[str, int]
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    sentinels: dict[str, int]
    split: dict[str, bool] = field(default_factory=dict)


def connect(work: Path, threads: int, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """A DuckDB of its own that spills into ``work``; it loads no extension and sees no Python variable."""
    con = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(work / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    con.execute("set python_enable_replacements = false")
    con.execute("set enable_progress_bar = false")
    return con


def read_file(con: duckdb.DuckDBPyConnection, file: RawFile, parts: Sequence[Part], out: Path, balanced: bool | None = None) -> Typed:
    """Writes the records of ``parts`` (in order, equal headers) to ``out``: the archive's columns, nothing superseded yet.

    ``balanced`` (ledger only): whether claims must balance, None to tell by the rows. Parts without a byte count as
    without rows.
    """
    filled = [p for p in parts if p.binding is not None]
    if not filled:
        _write_empty(con, file, out)
        return Typed(file, out, 0, {p.name: 0 for p in parts}, (), (), {})
    slow = {p.name for p in filled if not p.scan.may_be_read_fast}
    while True:
        sources = [_source(file, p, out, p.name in slow) for p in filled]
        try:
            typed = _write(con, file, sources, out, balanced)
        except duckdb.OutOfMemoryException as error:
            raise ServiceError(f"{file.name} does not fit into DuckDB's memory limit; raise CAREMETRIX_MEMORY_LIMIT.") from error
        except duckdb.InvalidInputException as error:
            if len(slow) == len(filled):
                raise ServiceError(f"{filled[0].name} cannot be read: {type(error).__name__}.") from error
            slow = {p.name for p in filled}  # the message names no part, so all of them
            continue
        uneven = {p.name for p in filled if p.name not in slow and typed.rows_by_part.get(p.name, 0) != p.scan.lines - 1}
        if not uneven:
            break
        slow |= uneven
    counts = {p.name: typed.rows_by_part.get(p.name, 0) for p in parts}
    return replace(typed, rows_by_part=counts, split={p.name: p.name in slow for p in filled})


def _source(file: RawFile, part: Part, out: Path, slow: bool) -> Records:
    assert part.binding is not None
    if not slow:
        return Records(part.name, part.scan.plain, part.binding, is_split=False, has_nan=part.scan.has_nan)
    path = out.with_name(f"{out.stem}-{part.name.replace('/', '_')}.records.parquet")
    if not path.exists():
        claim = part.binding.of(CLAIM) if file.is_unit else None
        split(part.scan.plain, part.binding.width, path, claim.place if claim else None, part.scan.max_record)
    return Records(part.name, path, part.binding, is_split=True, has_nan=part.scan.has_nan)


def split(plain: Path, width: int, out: Path, unit_place: int | None = None, max_record: int = MAX_RECORD) -> None:
    """Writes a file's records as text columns c0, c1, ... with line and rule.

    A row with too many or too few fields keeps none of them but the one at ``unit_place``: the claim that it leaves
    incomplete.
    """
    names = [f"c{i}" for i in range(width)]
    schema = pa.schema([*((n, pa.string()) for n in names), (LINE, pa.int64()), (RULE, pa.string())])
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for batch in _batches(plain, width, unit_place, max_record):
            columns = [*zip(*batch, strict=True)]
            writer.write_table(pa.table([pa.array(c, t) for c, t in zip(columns, schema.types, strict=True)], schema=schema))


def _batches(plain: Path, width: int, unit_place: int | None, max_record: int) -> Iterator[list[tuple[str | int | None, ...]]]:
    batch: list[tuple[str | int | None, ...]] = []
    for record in records(plain, width, max_record):
        values: list[str | None] = list(record.fields) if record.rule is None else [None] * width
        fields = record.text.split(",")
        if record.rule == RAGGED_ROW and unit_place is not None and unit_place < len(fields):
            values[unit_place] = fields[unit_place]
        batch.append((*values, record.line, record.rule))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _write(con: duckdb.DuckDBPyConnection, file: RawFile, sources: list[Records], out: Path, balanced: bool | None) -> Typed:
    select, present = typed_select(file, sources), sources[0].binding.names
    seen = watched(file, sources)
    sentinels: dict[str, int] = {}
    if file.is_unit:
        place_ledger(con, select, [nulled(c) for c in seen], balanced)
    if seen:
        counts = ", ".join(f"count(*) filter (where {nulled(c)})" for c in seen)
        found = one_row(con, f"select {counts} from {'ledger' if file.is_unit else f'({select})'}")
        sentinels = {c.name: n for c, n in zip(seen, found, strict=True) if n}
    con.execute(f"copy ({_archive_select(file, select, present)}) to {literal(out)} {PARQUET}")
    by_part = con.execute(f"select source_file, count(*) from read_parquet({literal(out)}) group by all").fetchall()
    return Typed(file, out, sum(n for _, n in by_part), dict(by_part), present, sources[0].binding.unknown, sentinels)


def _archive_select(file: RawFile, select: str, present: Sequence[str]) -> str:
    values = {c.name: f"{value_of(c)} as {name(c.name)}" for c in file.columns}
    rule, joined = broken_rule(file, present), ""
    if file.is_unit:
        # by position, not by key: a hash join of two equally long sides is five times slower and loses the order
        joined = " positional join marks as m"
        for column in (LINE_ORDINAL, TRANSFER_FROM):
            values[column] = f"case when m.place = r.place then m.{column} else error('rows moved') end as {column}"
        rule = f"coalesce({rule}, m.unit_rule)"
    columns = ", ".join(values[c.name] for c in file.table.source_columns)
    return (
        f"select {columns}, source_file, source_line, {rule} as broken_rule, cast(null as varchar) as raw_text, "
        f"false as is_superseded from ({select}) as r{joined}"
    )


def _write_empty(con: duckdb.DuckDBPyConnection, file: RawFile, out: Path) -> None:
    columns = ", ".join(f"cast(null as {c.sql_type}) as {name(c.name)}" for c in file.table.source_columns)
    con.execute(
        f"copy (select {columns}, cast(null as varchar) as source_file, cast(null as bigint) as source_line, "
        f"cast(null as varchar) as broken_rule, cast(null as varchar) as raw_text, false as is_superseded where false) "
        f"to {literal(out)} {PARQUET}"
    )
