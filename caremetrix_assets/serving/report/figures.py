"""The figures of the report: a card's value, what it was a period before, what it rests on; a plot's rows.

Only reads; how a figure looks is ``page.py`` and ``plots.py``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.query import query
from caremetrix_assets.serving.report.definition import Card, Mart, Plot, Unit, filter_of

# Without grains a mart shows the state of a day; 30 days before is its period before.
SNAPSHOT_DAYS = 30
DAYS_BACK = {"day": 7, "rolling_30d": 30, "rolling_90d": 90}
# Strongest last: what several rows rest on is the weakest of them.
BASES = ("simulated", "derived", "source", "not_available")
UNITS: dict[str, Unit] = {"money": "money", "rate": "rate"}


@dataclass(frozen=True)
class Figure:
    """A card's figure on the day and before, each None where it is unknown, and where it comes from."""

    card: Card
    unit: Unit
    value: Any
    before: Any
    before_day: dt.date | None
    is_period_before: bool
    basis: str
    column: str
    where: str


class Figures:
    """Reads figures of a lake as of a day."""

    def __init__(self, lake: Lake, day: dt.date) -> None:
        """``day``: the partition that cards show; plots over time end with it."""
        self.lake, self.day = lake, day
        self._days: dict[str, list[dt.date]] = {}

    def days_of(self, mart: Mart) -> list[dt.date]:
        """The mart's partitions up to the day, oldest first."""
        if mart.mart not in self._days:
            self._days[mart.mart] = [d for d in self.lake.table(mart.mart).partitions() if d <= self.day]
        return self._days[mart.mart]

    def cards(self, mart: Mart) -> list[Figure]:
        """The mart's cards; empty when it has no partition of the day."""
        days = self.days_of(mart)
        if self.day not in days:
            return []
        wanted = prior_day(mart.grain, self.day)
        earlier = [d for d in days if d < self.day]
        before = wanted if wanted in days else (earlier[0] if earlier else None)
        return [self._figure(mart, card, before, before == wanted) for card in mart.cards]

    def _figure(self, mart: Mart, card: Card, before: dt.date | None, is_period_before: bool) -> Figure:
        table = self.lake.catalog.table(mart.mart)
        where = " and ".join(part for part in (filter_of(mart, self.lake.catalog), card.where) if part)
        value, basis = self._value(table, card, where, self.day)
        old = self._value(table, card, where, before)[0] if before else None
        unit = card.unit or UNITS.get(table.column(card.value).type if table.has(card.value) else "", "count")
        return Figure(card, unit, value, old, before, is_period_before, basis, card.value, where)

    def _value(self, table: Table, card: Card, where: str, day: dt.date) -> tuple[Any, str]:
        value = f"max({card.value})" if table.has(card.value) else card.value
        order = ", ".join(f"count(*) filter (where data_basis = '{basis}') as {basis}" for basis in BASES)
        condition = " and ".join(part for part in (f"partition_date = date '{day}'", where) if part)
        row = query(self.lake, f"select {value} as value, {order} from {table.name} where {condition}").to_pylist()[0]
        basis = next((b for b in BASES if row[b]), "derived")
        return row["value"], "not_available" if row["value"] is None and basis != "simulated" else basis

    def plot(self, mart: Mart, plot: Plot) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns and rows that a plot draws."""
        result = query(self.lake, self.sql(mart, plot))
        return result.column_names, [tuple(row.values()) for row in result.to_pylist()]

    def sql(self, mart: Mart, plot: Plot) -> str:
        """The query of a plot."""
        if plot.sql:
            return plot.sql.replace("$date", f"date '{self.day}'").strip()
        columns = ", ".join(f'{column} as "{title}"' for title, column in plot.columns.items())
        where = filter_of(mart, self.lake.catalog)
        parts = [f"partition_date <= date '{self.day}'", *([where] if where else [])]
        return f"select partition_date, {columns} from {mart.mart} where {' and '.join(parts)} order by partition_date"


def tables_in(sql: str) -> list[str]:
    """The tables a query names, in order."""
    return list(dict.fromkeys(t.name for t in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Table)))


def prior_day(grain: str | None, day: dt.date) -> dt.date:
    """The last day of the period before the one of ``grain`` that ends on ``day``."""
    if grain == "rolling_12m":
        return _months_back(day, 12)
    if grain == "month":
        ends_month = (day + dt.timedelta(days=1)).day == 1
        return day.replace(day=1) - dt.timedelta(days=1) if ends_month else _months_back(day, 1)
    return day - dt.timedelta(days=DAYS_BACK.get(grain or "", SNAPSHOT_DAYS))


def _months_back(day: dt.date, months: int) -> dt.date:
    first = day.replace(day=1)
    for _ in range(months):
        first = (first - dt.timedelta(days=1)).replace(day=1)
    last = (first.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
    return first.replace(day=min(day.day, last.day))
