"""The rows behind one row of a mart, by the contract's ``drill``, what they add up to, and what follows from the row itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from caremetrix_assets.catalog.drill import columns_of, filter_of, formula_of, measure_columns, measures_of
from caremetrix_assets.catalog.models import Drill, Table
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.query import queries, query


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


@dataclass(frozen=True)
class Explained:
    """A mart's row; the facts behind it; measures that follow from others of the row as (column, formula, in the mart, from the row);
    and why the remaining ones have no way back.
    """

    row: dict[str, Any]
    behind: list[Behind]
    formulas: list[tuple[str, str, Any, Any]]
    reasons: dict[str, str]


def explain(lake: Lake, name: str, where: str, limit: int = 0) -> Explained:
    """The mart's row that ``where`` picks (of the newest partition with such a row) and what stands behind it.

    ``limit``: as many rows of each fact at most; 0 for all. UsageError when the mart has no drill, or when no row or several rows match.
    """
    table = lake.table(name).contract
    if not table.drill:
        marts = ", ".join(t.name for t in lake.catalog.tables.values() if t.drill)
        raise UsageError(f"{name} is no summary mart with a way back to its fact. These are: {marts}.")
    row = _row(lake, table, where)
    filters = [filter_of(lake.catalog.tables, table, drill, row) for drill in table.drill]
    pairs = list(zip(table.drill, filters, strict=True))
    sums = [_sums_sql(table, drill, row, found) for drill, found in pairs]
    rows = [_rows_sql(drill, found) + (f" limit {limit}" if limit else "") for drill, found in pairs]
    formulas = {c.name: formula for c in measure_columns(table) if (formula := formula_of(c))}
    results = queries(lake, [*sums, *rows, _formulas_sql(table, formulas, row, where)])
    behind = [
        _behind(lake, table, drill, row, found, results[i].to_pylist()[0], results[len(pairs) + i])
        for i, (drill, found) in enumerate(pairs)
    ]
    followed = results[-1].to_pylist()[0]
    derived = [(column, formula, row[column], followed[column]) for column, formula in formulas.items()]
    return Explained(row, behind, derived, {c.name: c.no_drill for c in measure_columns(table) if c.no_drill})


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


def _rows_sql(drill: Drill, where: str) -> str:
    return f"select f.* from {drill.fact} as f where {where}"


def _sums_sql(table: Table, drill: Drill, row: Mapping[str, Any], where: str) -> str:
    sums = [f"cast({text} as {table.column(name).sql_type}) as {name}" for name, text in measures_of(table, drill, row).items()]
    return f"select {', '.join(['count(*) as row_count', *sums])} from {drill.fact} as f where {where}"


def _formulas_sql(table: Table, formulas: Mapping[str, str], row: Mapping[str, Any], where: str) -> str:
    values = [f"cast({text} as {table.column(name).sql_type}) as {name}" for name, text in formulas.items()]
    condition = f"({where.strip() or 'true'}) and partition_date = date '{row['partition_date']}'"
    return f"select {', '.join(['partition_date', *values])} from {table.name} where {condition}"


def _behind(lake: Lake, table: Table, drill: Drill, row: Mapping[str, Any], where: str, sums: Mapping[str, Any], rows: pa.Table) -> Behind:
    used = columns_of(table, drill)
    columns = lake.table(drill.fact).contract.columns
    telling = [c.name for c in columns if c.name in used or c.name in ("patient_id", "encounter_id", "claim_id")]
    measures = [(name, row[name], sums[name]) for name in drill.measures]
    return Behind(drill.fact, where, _rows_sql(drill, where), sums["row_count"], rows, telling, measures)
