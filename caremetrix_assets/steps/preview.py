"""A glance at a summary mart for the UI: its measures for everybody, per period. Aggregates only, no row of a person."""

from __future__ import annotations

from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import literal, parquet_source

HEADER = ("period_start", "period_end", "is_period_complete", "is_warmup", "breakdown", "patient_type")


def preview(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> list[dict[str, str]]:
    """The staged file's ``total`` rows turned round: one record per measure with its value per period grain.

    Empty for a table without breakdowns, and where one period has several totals.
    """
    if not (table.has("breakdown") and table.has("period_grain")):
        return []
    found = con.execute(f"select * from {parquet_source([path])} where breakdown = {literal('total')} order by period_start desc")
    names = [d[0] for d in found.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if len({row["period_grain"] for row in rows}) != len(rows):
        return []
    measures = [c.name for c in table.columns if c.type != "key" and c.name not in (*HEADER, "period_grain", "partition_date")]
    return [{"measure": name, **{row["period_grain"]: _text(row[name]) for row in rows}} for name in measures if _is_measure(name, rows)]


def _is_measure(name: str, rows: list[dict[str, object]]) -> bool:
    """False for a mart's own breakdown column, which reads ``all`` in totals."""
    return any(row[name] != "all" for row in rows)


def _text(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
