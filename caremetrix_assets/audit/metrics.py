"""Numbers about a partition that the drift checks of later partitions compare with: rows, null shares, headline rates.

Cheap by design: one scan that the audit does anyway, and one row per grain of a mart. Keeping them is ``results``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from caremetrix_assets.audit.environment import Environment, Metric
from caremetrix_assets.audit.fragments import col, is_member, staged
from caremetrix_assets.audit.model import Scope
from caremetrix_assets.catalog.models import Column, Table

HEADLINE_GRAIN = "rolling_30d"


def optional_columns(table: Table) -> list[Column]:
    """Columns that may be null."""
    return [c for c in table.columns if not c.required and c.name != "partition_date"]


def headline_columns(table: Table) -> list[Column]:
    """The rates and shares of a summary mart."""
    if table.layer != "marts" or not table.has("period_grain") or not table.has("breakdown"):
        return []
    return [c for c in table.columns if c.parts and c.type == "rate"]


def measure(env: Environment) -> list[Metric]:
    """The metrics of the audited dates that have rows."""
    return [*_sizes(env), *_headlines(env)]


def _sizes(env: Environment) -> Iterator[Metric]:
    table, members = env.table, is_member(env.table)
    base = env.counts.scopes.get(Scope(None, members)) or env.counts.rows
    for day in env.dates:
        rows = env.counts.rows.get(day, 0)
        if not rows:
            continue
        yield Metric(table.name, "", "rows", env.kinds.get(day, ""), float(rows), day)
        for column in optional_columns(table):
            filled = env.counts.scopes.get(Scope(column.name, members), {}).get(day)
            if filled is not None and base.get(day):
                yield Metric(table.name, column.name, "null_share", "", round(1 - filled / base[day], 6), day)


def _headlines(env: Environment) -> Iterator[Metric]:
    """Of marts with one total row: each rate, and its denominator as ``sum``."""
    columns = headline_columns(env.table)
    if not columns:
        return
    picked = ", ".join(f"cast({col(c.name)} as double), cast({col(c.parts[1])} as double)" for c in columns if c.parts)
    sql = f"select t.partition_date, {picked} from {staged(env.table)} where t.period_grain = '{HEADLINE_GRAIN}' and t.breakdown = 'total'"
    rows: dict[date, list[tuple[float | None, ...]]] = {}
    for day, *values in env.rows(sql):
        rows.setdefault(day, []).append(tuple(values))
    for day, found in sorted(rows.items()):
        if len(found) != 1 or day not in env.dates:
            continue
        for i, column in enumerate(columns):
            rate, denominator = found[0][2 * i : 2 * i + 2]
            if rate is not None and denominator is not None:
                yield Metric(env.table.name, column.name, "share", HEADLINE_GRAIN, rate, day)
                yield Metric(env.table.name, column.name, "sum", HEADLINE_GRAIN, denominator, day)
