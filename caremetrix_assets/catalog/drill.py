"""From a mart's row to the rows behind it: the ``drill`` of a contract, checked when the catalog is read and filled with one row's values;
and the ``formula`` of a column that follows from others of its row.

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

from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.catalog.parts import Drill
from caremetrix_assets.errors import UsageError

ALL_KEY, ALL_TEXT = -3, "all"
FACT, ROW, BETWEEN = "f", "m", "t"
QUOTIENTS = {"rate": "rate_of", "money": "money_of", "number": "number_of"}
MEASURES = ("int", "bigint", "money", "rate", "number")


def is_summary(table: Table) -> bool:
    """True for a mart whose rows are about many patients: they are counted from rows of a fact, or of a mart of patients."""
    return table.layer == "marts" and not table.has("patient_id")


def numbers_of(table: Table) -> list[Column]:
    """The columns of a mart that tell a number, and neither name its row nor describe it."""
    return [c for c in table.columns if c.type in MEASURES and c.measure and c.name not in table.key]


def measure_columns(table: Table) -> list[Column]:
    """The numbers of a summary mart's row that are counted from other rows; none for other tables."""
    return numbers_of(table) if is_summary(table) else []


def formula_of(column: Column) -> str | None:
    """How the column follows from others of its row: its formula, or the quotient of its parts."""
    if column.formula or not column.parts:
        return column.formula
    return f"{QUOTIENTS[column.type]}({column.parts[0]}, {column.parts[1]})"


def check_drills(tables: Mapping[str, Table]) -> None:
    """UsageError for a drill or formula that names a table or column that does not exist, or cannot be read as SQL."""
    for table in tables.values():
        for drill in table.drill:
            _check_drill(tables, table, drill)
        for column in table.columns:
            ways = sum(1 for d in table.drill if column.name in d.measures) + bool(column.formula) + bool(column.no_drill)
            if ways > 1:
                raise UsageError(f"{table.name}.yml: {column.name} has several of drill, `formula` and `no_drill`.")
            for named in _parsed(table, column.formula).find_all(exp.Column) if column.formula else ():
                if not table.has(named.name):
                    raise UsageError(f"{table.name}.yml: the formula of {column.name} names {named.sql()}, which the table does not have.")


def _check_drill(tables: Mapping[str, Table], table: Table, drill: Drill) -> None:
    sides = {ROW: table}
    for alias, name in ((FACT, drill.fact), *([(BETWEEN, drill.through.table)] if drill.through else [])):
        if name not in tables:
            raise UsageError(f"{table.name}.yml: drill names {name!r}, and no table has that name.")
        sides[alias] = tables[name]
    for text in (*_filters(drill), *drill.measures.values()):
        for column in _parsed(table, text).find_all(exp.Column):
            side = sides.get(column.table)
            if side and not side.has(column.name):
                raise UsageError(f"{table.name}.yml: drill names {column.sql()}, and {side.name} has no such column.")
    for side in (sides[FACT], sides[BETWEEN]) if drill.through else ():
        for name in drill.through.by if drill.through else ():
            if not side.has(name):
                raise UsageError(f"{table.name}.yml: drill goes through {name!r}, and {side.name} has no such column.")
    for name in (*drill.measures, *drill.without):
        if not table.has(name):
            raise UsageError(f"{table.name}.yml: drill speaks of {name!r}, which the table does not have.")


def filter_of(tables: Mapping[str, Table], table: Table, drill: Drill, row: Mapping[str, Any]) -> str:
    """The filter on the fact (alias ``f``) that finds the rows behind ``row`` of the mart, with the row's values in it."""
    return _filled(table, condition_of(tables, table, drill), row)


def measures_of(table: Table, drill: Drill, row: Mapping[str, Any]) -> dict[str, str]:
    """The expressions that compute columns of ``row`` anew from the rows of the fact, with the row's values in them."""
    return {name: _filled(table, text, row) for name, text in drill.measures.items()}


def condition_of(tables: Mapping[str, Table], table: Table, drill: Drill) -> str:
    """The condition under which a row of the fact (alias ``f``) stands behind a row of the mart (alias ``m``)."""
    of_fact = [f"({drill.where})", *_keys(tables, table, drill, FACT)]
    if drill.through:
        same = [f"{BETWEEN}.{name} = {FACT}.{name}" for name in drill.through.by]
        inner = " and ".join([*same, f"({drill.through.where})", *_keys(tables, table, drill, BETWEEN)])
        of_fact.append(f"exists (select 1 from {drill.through.table} as {BETWEEN} where {inner})")
    return " and ".join(of_fact)


def simulated_behind(tables: Mapping[str, Table], table: Table) -> list[str]:
    """For each drill into a table that says so, a SELECT of the simulated rows behind a row of the mart (alias ``m``)."""
    marked = [d for d in table.drill if d.fact in tables and tables[d.fact].has("is_simulated")]
    return [f"select 1 as one from {d.fact} as {FACT} where {FACT}.is_simulated and {condition_of(tables, table, d)}" for d in marked]


def columns_of(table: Table, drill: Drill) -> set[str]:
    """Columns of the fact that the drill speaks of."""
    texts = (*_filters(drill), *drill.measures.values())
    return {c.name for text in texts for c in _parsed(table, text).find_all(exp.Column) if c.table == FACT}


def _filters(drill: Drill) -> tuple[str, ...]:
    return (drill.where, drill.through.where) if drill.through else (drill.where,)


def _keys(tables: Mapping[str, Table], table: Table, drill: Drill, alias: str) -> list[str]:
    """A condition for every key of the mart that the fact, or before it the table between, has too and no filter speaks of."""
    between = tables[drill.through.table] if drill.through else None
    source = between if between and alias == BETWEEN else tables[drill.fact]
    spoken = {c.name for text in _filters(drill) for c in _parsed(table, text).find_all(exp.Column) if c.table == ROW}
    unasked = spoken | {*drill.without, "period_grain", "breakdown"}
    found = []
    for name in table.key:
        column = table.column(name)
        if name in unasked or not source.has(name) or column.type not in ("key", "text"):
            continue
        if alias == FACT and between and between.has(name):
            continue
        whole = str(ALL_KEY) if column.type == "key" else f"'{ALL_TEXT}'"
        dimension = tables.get((column.ref or "").partition(".")[0])
        same = f"{alias}.{name} = {ROW}.{name}"
        if dimension and dimension.scd == 2 and source.layer == "facts":
            key = dimension.key[0]
            same = f"{alias}.{name} in (select d.{key} from {dimension.name} as d where d.member_key = {ROW}.{name})"
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
