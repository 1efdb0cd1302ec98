"""What a rule may ask while it runs: rows of a query, counts per date, earlier metrics. Holds no results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, NamedTuple

import duckdb

from caremetrix_assets.audit.fragments import LOG, OPENING, col, is_member, literal, name, staged
from caremetrix_assets.audit.model import AuditContext, Scope, Staged
from caremetrix_assets.catalog.models import Catalog, Table

MARKED = "dq_metrics"


class Counts(NamedTuple):
    """Rows of each date, and of each scope of rules the rows of each date that it checks."""

    rows: dict[date | None, int]
    scopes: dict[Scope, dict[date | None, int]]


class Metric(NamedTuple):
    """One number about a partition, kept for the drift checks of later ones."""

    table_name: str
    column_name: str
    metric: str
    category: str
    value: float
    partition_date: date


@dataclass
class Environment:
    """A connection with the staged rows and their neighbours, and what is known about them."""

    con: duckdb.DuckDBPyConnection
    catalog: Catalog
    table: Table
    staged: Staged
    context: AuditContext
    scopes: Sequence[Scope] = ()
    _known: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)

    @cached_property
    def dates(self) -> list[date]:
        """The audited dates, oldest first."""
        return sorted(self.staged.dates)

    @cached_property
    def relations(self) -> frozenset[str]:
        """Names of the relations there are."""
        views = "select view_name from duckdb_views() where not internal"
        return frozenset(row[0] for row in self.rows(f"{views} union all select table_name from duckdb_tables()"))

    def rows(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a query in which ``$opening`` stands for the opening date and ``$log(t)`` for the log of ``t``."""
        filled = LOG.sub(lambda m: name(f"{m[1]}__log" if f"{m[1]}__log" in self.relations else m[1]), sql)
        return self.con.execute(filled.replace(OPENING, literal(self.context.opening)), parameters).fetchall()

    def once(self, sql: str) -> list[tuple[Any, ...]]:
        """The same, run the first time only: for a query that several rules share."""
        if sql not in self._known:
            self._known[sql] = self.rows(sql)
        return self._known[sql]

    @cached_property
    def types(self) -> dict[str, str]:
        """Columns of the staged rows and their types, as the engine spells them."""
        return {row[0]: row[1] for row in self.rows(f"describe select * from {name(self.table.name)}")}

    @cached_property
    def counts(self) -> Counts:
        """Rows per date and scope, from one scan; a scope that cannot be counted has no entry."""
        everything = Scope()
        wanted = list(dict.fromkeys([everything, *self.scopes, *self._column_scopes]))
        try:
            found = self._count(wanted)
        except duckdb.Error:
            found = {}
            for scope in wanted:
                try:
                    found |= self._count([scope])
                except duckdb.Error:
                    continue
        return Counts(found.get(everything, {}), found)

    @property
    def _column_scopes(self) -> list[Scope]:
        return [Scope(c.name, is_member(self.table)) for c in self.table.columns]

    def _count(self, scopes: Sequence[Scope]) -> dict[Scope, dict[date | None, int]]:
        counted = ", ".join(scope_count(s) for s in scopes)
        rows = self.rows(f"select t.partition_date, {counted} from {staged(self.table)} group by 1")
        return {s: {row[0]: row[i + 1] for row in rows} for i, s in enumerate(scopes)}

    @cached_property
    def size(self) -> int:
        """Rows of the whole table where it is complete, else of the audited dates."""
        everything = f"{self.table.name}__all"
        if everything in self.relations and not self.table.is_snapshot:
            return int(self.rows(f"select count(*) from {name(everything)}")[0][0])
        return sum(self.counts.rows.values())

    @cached_property
    def kinds(self) -> dict[date, str]:
        """For raw tables: the kinds of the drops of each audited date, as one word."""
        if self.table.layer != "raw" or "drop_ledger" not in self.relations:
            return {}
        kinds: dict[date, str] = {}
        for day, kind in self.rows("select distinct drop_date, kind from drop_ledger order by 1, 2"):
            kinds[day] = f"{kinds[day]}+{kind}" if day in kinds else str(kind)
        return kinds

    @cached_property
    def history(self) -> dict[tuple[str, str, str], dict[date, float]]:
        """Earlier metrics of the table, (metric, column, category) → date → value; empty without a ``dq_metrics`` relation."""
        if MARKED not in self.relations:
            return {}
        sql = f"select metric, column_name, category, partition_date, value from {name(MARKED)} where table_name = ? and partition_date < ?"
        found: dict[tuple[str, str, str], dict[date, float]] = {}
        for metric, column, category, day, value in self.rows(sql, [self.table.name, self.dates[-1]]):
            if day not in self.dates:
                found.setdefault((metric, column, category or ""), {})[day] = value
        return found

    @cached_property
    def metrics(self) -> dict[tuple[str, str, str], dict[date, float]]:
        """The same for the audited dates."""
        from caremetrix_assets.audit.metrics import measure

        found: dict[tuple[str, str, str], dict[date, float]] = {}
        for m in measure(self):
            found.setdefault((m.metric, m.column_name, m.category), {})[m.partition_date] = m.value
        return found

    def before(self, key: tuple[str, str, str], day: date, size: int) -> list[float]:
        """The newest ``size`` values dated before ``day``, oldest first, audited dates included."""
        known = {**self.history.get(key, {}), **self.metrics.get(key, {})}
        return [known[d] for d in sorted(d for d in known if d < day)][-size:]


def scope_count(scope: Scope) -> str:
    """The aggregate that counts the rows of a scope."""
    counted = f"count({col(scope.column)})" if scope.column else "count(*)"
    return f"{counted} filter (where {scope.where})" if scope.where else counted
