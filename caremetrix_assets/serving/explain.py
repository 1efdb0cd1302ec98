"""The rows behind one row of a mart, and what they add up to: the contract's ``drill``, filled in and run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from caremetrix_assets.catalog.drill import columns_of, filter_of, measures_of
from caremetrix_assets.catalog.models import Drill, Table
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.query import query


@dataclass(frozen=True)
class Behind:
    """One fact behind a mart's row: the filter, the SQL, how many rows there are and as many of them as asked for, the columns
    that tell them apart and why they count, and measures as (column, in the mart, from the rows).
    """

    fact: str
    where: str
    sql: str
    row_count: int
    rows: pa.Table
    telling: list[str]
    measures: list[tuple[str, Any, Any]] = field(default_factory=list)


def explain(lake: Lake, name: str, where: str, limit: int = 0) -> tuple[dict[str, Any], list[Behind]]:
    """The mart's row that ``where`` picks (of the newest partition with such a row) and what stands behind it.

    ``limit``: as many rows of each fact at most; 0 for all. UsageError when the mart has no drill, or when no row or several rows match.
    """
    table = lake.table(name).contract
    if not table.drill:
        marts = ", ".join(t.name for t in lake.catalog.tables.values() if t.drill)
        raise UsageError(f"{name} is no summary mart with a way back to its fact. These are: {marts}.")
    row = _row(lake, table, where)
    return row, [_behind(lake, table, drill, row, limit) for drill in table.drill]


def _row(lake: Lake, table: Table, where: str) -> dict[str, Any]:
    condition = where.strip() or "true"
    rows = query(lake, f"select * from {table.name} where ({condition})").to_pylist()
    newest = max((r["partition_date"] for r in rows), default=None)
    rows = [r for r in rows if r["partition_date"] == newest]
    if not rows:
        raise UsageError(f"No row of {table.name} is where {condition}.")
    if len(rows) > 1:
        telling = [k for k in table.key if len({r[k] for r in rows}) > 1]
        values = "; ".join(f"{k} {', '.join(sorted({str(r[k]) for r in rows})[:6])}" for k in telling[:4])
        raise UsageError(f"{len(rows)} rows of {table.name} on {newest} are where {condition}; pick one by {values}.")
    return rows[0]


def _behind(lake: Lake, table: Table, drill: Drill, row: dict[str, Any], limit: int) -> Behind:
    where = filter_of(lake.catalog.tables, table, drill, row)
    sql = f"select f.* from {drill.fact} as f where {where}"
    again_of = measures_of(table, drill, row)
    sums = [f"cast({text} as {table.column(name).sql_type}) as {name}" for name, text in again_of.items()]
    again = query(lake, f"select {', '.join(['count(*) as row_count', *sums])} from {drill.fact} as f where {where}").to_pylist()[0]
    measures = [(name, row[name], again[name]) for name in drill.measures]
    used = columns_of(table, drill)
    telling = [
        c.name for c in lake.table(drill.fact).contract.columns if c.name in used or c.name in ("patient_id", "encounter_id", "claim_id")
    ]
    rows = query(lake, f"{sql} limit {limit}" if limit else sql)
    return Behind(drill.fact, where, sql, again["row_count"], rows, telling, measures)
