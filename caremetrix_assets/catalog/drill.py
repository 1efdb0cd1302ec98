"""From a mart's row to the rows behind it: the ``drill`` of a contract, checked when the catalog is read and filled with one row's values.

Running the query is ``serving/explain.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError
from sqlglot.optimizer.simplify import simplify

from caremetrix_assets.catalog.models import Column, Drill, Table
from caremetrix_assets.errors import UsageError

ALL_KEY, ALL_TEXT = -3, "all"
FACT, ROW = "f", "m"


def check_drills(tables: Mapping[str, Table]) -> None:
    """UsageError for a drill that names a table or column that does not exist, or cannot be read as SQL."""
    for table in tables.values():
        for drill in table.drill:
            if drill.fact not in tables:
                raise UsageError(f"{table.name}.yml: drill names {drill.fact!r}, and no table has that name.")
            sides = {FACT: tables[drill.fact], ROW: table}
            for text in (drill.where, *drill.measures.values()):
                for column in _parsed(table, text).find_all(exp.Column):
                    side = sides.get(column.table)
                    if side and not side.has(column.name):
                        raise UsageError(f"{table.name}.yml: drill names {column.sql()}, and {side.name} has no such column.")
            for name in drill.measures:
                if not table.has(name):
                    raise UsageError(f"{table.name}.yml: drill measures {name!r}, which the table does not have.")


def filter_of(tables: Mapping[str, Table], table: Table, drill: Drill, row: Mapping[str, Any]) -> str:
    """The filter on the fact (alias ``f``) that finds the rows behind ``row`` of the mart, with the row's values in it."""
    return _filled(table, " and ".join([f"({drill.where})", *_keys(tables, table, drill)]), row)


def measures_of(table: Table, drill: Drill, row: Mapping[str, Any]) -> dict[str, str]:
    """The expressions that compute columns of ``row`` anew from the rows of the fact, with the row's values in them."""
    return {name: _filled(table, text, row) for name, text in drill.measures.items()}


def columns_of(table: Table, drill: Drill) -> set[str]:
    """Columns of the fact that the drill speaks of."""
    texts = (drill.where, *drill.measures.values())
    return {c.name for text in texts for c in _parsed(table, text).find_all(exp.Column) if c.table == FACT}


def _keys(tables: Mapping[str, Table], table: Table, drill: Drill) -> list[str]:
    """A condition for every key of the mart that the fact has too and the drill's own filter does not speak of."""
    fact = tables[drill.fact]
    spoken = {c.name for c in _parsed(table, drill.where).find_all(exp.Column) if c.table == ROW}
    found = []
    for name in table.key:
        column = table.column(name)
        if name in spoken or not fact.has(name) or column.type not in ("key", "text") or name in ("period_grain", "breakdown"):
            continue
        whole = str(ALL_KEY) if column.type == "key" else f"'{ALL_TEXT}'"
        dimension = tables.get((column.ref or "").partition(".")[0])
        same = f"{FACT}.{name} = {ROW}.{name}"
        if dimension and dimension.scd == 2 and fact.layer == "facts":
            key = dimension.key[0]
            same = f"{FACT}.{name} in (select d.{key} from {dimension.name} as d where d.member_key = {ROW}.{name})"
        found.append(f"({ROW}.{name} = {whole} or {same})")
    return found


def _parsed(table: Table, condition: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(f"select 1 where {condition}", dialect="duckdb").find(exp.Where)
    except ParseError as error:
        raise UsageError(f"{table.name}.yml: drill is not readable as SQL: {condition}") from error
    assert tree is not None
    return tree


def _filled(table: Table, text: str, row: Mapping[str, Any]) -> str:
    tree = _parsed(table, text)
    for column in list(tree.find_all(exp.Column)):
        if column.table == ROW:
            column.replace(_literal(table.column(column.name), row[column.name]))
    return simplify(tree.this, dialect="duckdb").sql(dialect="duckdb")


def _literal(column: Column, value: Any) -> exp.Expr:
    if value is None:
        return exp.null()
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(str(value)), "timestamp" if column.type == "ts" else "date")
    if isinstance(value, bool):
        return exp.true() if value else exp.false()
    if isinstance(value, (int, float, Decimal)):
        return exp.convert(value)
    return exp.Literal.string(str(value))
