"""Which relations the rules of a table read, and which of them a connection has."""

from __future__ import annotations

from functools import lru_cache

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from caremetrix_assets.catalog.models import Catalog, Table

GIVEN = frozenset({"run_dates", "run_settings", "drop_ledger", "dq_metrics"})


@lru_cache(maxsize=4096)
def names_in(sql: str) -> frozenset[str]:
    """Bare names of the relations a SELECT reads, its CTEs left out; empty when it cannot be parsed (it then fails as itself)."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError:
        return frozenset()
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return frozenset(t.name for t in tree.find_all(exp.Table) if t.name and not isinstance(t.this, exp.Func)) - ctes


def own_names(table: Table) -> frozenset[str]:
    """The relations that are this table itself: staged rows, complete content, newest state, rows held back."""
    return frozenset({table.name, *(f"{table.name}__{part}" for part in ("all", "state", "held"))})


def references(catalog: Catalog, table: Table) -> dict[str, tuple[str, str]]:
    """Column to (dimension, column) it must resolve in: what ``ref`` says, else for a ``_key`` the dimension named like it."""
    found: dict[str, tuple[str, str]] = {}
    for column in table.columns:
        if column.ref:
            target, _, target_column = column.ref.partition(".")
            found[column.name] = (target, target_column)
        elif column.type == "key" and column.name not in table.key and table.layer != "raw":
            guess = _dimension_of(catalog, column.name)
            if guess:
                found[column.name] = guess
    # a dimension's own natural id points nowhere
    return {c: r for c, r in found.items() if r != (table.name, c)}


def _dimension_of(catalog: Catalog, column: str) -> tuple[str, str] | None:
    candidates = [
        (t.name, t.key[0])
        for t in catalog.tables.values()
        if t.layer == "dims" and len(t.key) == 1 and (column == t.key[0] or column.endswith("_" + t.key[0]))
    ]
    return max(candidates, key=lambda c: len(c[1]), default=None)


def required_relations(catalog: Catalog, table: Table) -> set[str]:
    """Tables and seeds, of those in the catalog, that auditing ``table`` reads: upstream, references, parents, checks.

    Besides, the connection must have the table itself (``<name>``, and ``<name>__all`` where it applies), ``run_dates``,
    ``run_settings`` and ``drop_ledger``. ``<name>__held`` (rows built but held back), ``<parent>__log`` (a raw parent's whole
    change log) and ``dq_metrics`` (``grades.read_metrics``) are used when they are there.
    """
    wanted = set(table.upstream) | {target for target, _ in references(catalog, table).values()}
    wanted |= {c.parent for c in table.columns if c.parent}
    wanted |= {c.equals.lstrip("-").partition(".")[0] for c in table.columns if c.equals}
    for driving in table.driving:
        wanted |= {driving.table} | names_in(f"select 1 from {driving.table} where {driving.where or 'true'}")
    for check in table.checks.values():
        wanted |= names_in(check.sql) | (names_in(check.not_applicable_when) if check.not_applicable_when else set())
    wanted |= names_in(table.empty_when) if table.empty_when else frozenset()
    known = set(catalog.tables) | set(catalog.seeds)
    return {n for n in wanted if n in known and n != table.name}


def present(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Names of the relations that a connection can read."""
    found = con.execute("select view_name from duckdb_views() where not internal union all select table_name from duckdb_tables()")
    return frozenset(row[0] for row in found.fetchall())
