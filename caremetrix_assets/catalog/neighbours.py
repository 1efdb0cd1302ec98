"""Which relations a table's rules look into besides what its SQL reads: they must be complete before it is audited.

Reading a table's own SQL is ``sqltext``; what the rules do with their neighbours is ``audit/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from caremetrix_assets.catalog.drill import simulated_behind
from caremetrix_assets.catalog.models import Column, Driving, Table
from caremetrix_assets.catalog.parts import Match
from caremetrix_assets.catalog.sqltext import names_in

STAGED = ("all", "state", "held", "log")


def neighbours(table: Table, tables: Mapping[str, Table]) -> frozenset[str]:
    """Names that the rules of ``table`` read: what columns refer to, driving sources, the contract's own queries, a mart's drill.

    Besides, an audit has the table itself under its name, ``<name>__all`` (complete content), ``<name>__state`` (raw) and
    ``<name>__held`` (rows held back), of a raw neighbour ``<name>__log``, and what every query may name.
    """
    found = {target for target, _ in references(table, tables).values()}
    for column in table.columns:
        found |= {column.parent} if column.parent else set()
        found |= {column.equals.lstrip("-").partition(".")[0]} if column.equals else set()
    queries = [*own_queries(table), *(driving_query(d) for d in table.driving)]
    queries += [match_query(table, match) for _, match in joins(table, tables)]
    queries += simulated_behind(tables, table) if table.has("data_basis") else []
    for query in queries:
        found |= {_plain(name) for name in names_in(query)}
    return frozenset(found - {table.name})


def references(table: Table, tables: Mapping[str, Table]) -> dict[str, tuple[str, str]]:
    """Column to (dimension, column) it must resolve in: what ``ref`` says, else for a ``_key`` the dimension named like it."""
    found: dict[str, tuple[str, str]] = {}
    for column in table.columns:
        if column.ref:
            target, _, target_column = column.ref.partition(".")
            found[column.name] = (target, target_column)
        elif column.type == "key" and column.name not in table.key and table.layer != "raw":
            guess = _dimension_of(column.name, tables)
            if guess:
                found[column.name] = guess
    # a dimension's own natural id points nowhere
    return {c: r for c, r in found.items() if r != (table.name, c)}


def joins(table: Table, tables: Mapping[str, Table]) -> list[tuple[Column, Match]]:
    """Keys of a fact with how often the join behind them must find a member: all but the day's, which no join fills."""
    if table.layer != "facts":
        return []
    keys = references(table, tables).keys() - {"date_key"}
    return [(c, _named(table, c)) for c in table.columns if c.name in keys and c.type == "key"]


def _named(table: Table, column: Column) -> Match:
    match, own = column.match or Match(), f"{column.name.removesuffix('_key')}_id"
    if match.when is None and table.has(own):
        return match.model_copy(update={"when": f"t.{own} is not null"})
    return match


def own_queries(table: Table) -> Iterator[str]:
    """The SELECTs that a contract writes out."""
    for check in table.checks.values():
        yield check.sql
        if check.not_applicable_when:
            yield check.not_applicable_when
    if table.empty_when:
        yield table.empty_when


def driving_query(driving: Driving) -> str:
    """A SELECT that reads what the choice of a fact's driving rows reads."""
    return f"select 1 as one from {driving.table} where {driving.where or 'true'}"


def match_query(table: Table, match: Match) -> str:
    """A SELECT that reads what the choice of the rows of a join reads."""
    return f"select 1 as one from {table.name} as t where {match.when or 'true'}"


def _dimension_of(column: str, tables: Mapping[str, Table]) -> tuple[str, str] | None:
    candidates = [
        (t.name, t.key[0])
        for t in tables.values()
        if t.layer == "dims" and len(t.key) == 1 and (column == t.key[0] or column.endswith("_" + t.key[0]))
    ]
    return max(candidates, key=lambda c: len(c[1]), default=None)


def _plain(name: str) -> str:
    """The table behind one of its staged relations."""
    table, _, part = name.rpartition("__")
    return table if part in STAGED else name
