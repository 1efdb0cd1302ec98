"""The portable-SQL rules over a table's syntax tree: what DuckDB, Spark and Trino would read differently is refused.

The list and its reasons stand in ``tables/README.md``. Types need an engine, so sums over DOUBLE are the parity
suite's to find.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from caremetrix_assets.catalog.models import Catalog, Table

# Not deterministic, or with another meaning or result in another engine.
DENIED_FUNCTIONS = frozenset(
    "hash random uuid gen_random_uuid now today current_localtimestamp quantile_cont quantile_disc quantile median mode "
    "approx_quantile approx_count_distinct list_aggregate list_value struct_pack unnest json_extract dayofweek isodow "
    "weekday dayname monthname week weekofyear age greatest least first any_value arg_max_null arbitrary string_agg list".split()
)
# Functions of the project with digits behind the point.
FRACTIONS = frozenset({"minutes_between", "rate_of", "money_of", "number_of"})
ALLOWED_EXTRACT = frozenset({"YEAR", "MONTH", "DAY"})


def lint(catalog: Catalog) -> list[str]:
    """One line per finding over all tables of the catalog; empty when every table is portable."""
    return [finding for table in catalog.tables.values() if table.sql for finding in lint_table(table)]


def lint_table(table: Table) -> list[str]:
    """The findings of one table: ``name: what, and what to write instead``."""
    tree = sqlglot.parse_one(str(table.sql), dialect="duckdb")
    found = [message for node in tree.walk() if (message := _finding(node, table))]
    return [f"{table.name}: {message}" for message in dict.fromkeys(found)]


def _finding(node: exp.Expr, table: Table) -> str | None:
    if isinstance(node, exp.DateDiff):
        unit = node.text("unit").lower() or "day"
        return None if unit == "day" else f"date_diff in {unit}s differs between engines; use days, age_years or minutes_between"
    if isinstance(node, exp.Extract) and node.name.upper() not in ALLOWED_EXTRACT:
        return f"extract({node.name}) differs between engines; the calendar dimension has the weekday and week columns"
    if isinstance(node, exp.Star) and (node.args.get("except_") or node.args.get("except") or node.args.get("replace")):
        return "`* exclude` and `* replace` are DuckDB's alone; name the columns"
    if isinstance(node, exp.Group) and node.args.get("all"):
        return "`group by all` is DuckDB's alone; name the columns"
    if isinstance(node, exp.SetOperation) and node.args.get("by_name"):
        return "`union by name` is DuckDB's alone; give both sides the same order"
    if isinstance(node, (exp.Pivot, exp.Lateral, exp.Qualify)):
        return f"{type(node).__name__.lower()} is not portable; use row_number() in a CTE and a filter"
    if isinstance(node, exp.Join) and (node.args.get("using") or node.method):
        return "joins name their condition: no `using`, `natural` or `asof`"
    if isinstance(node, (exp.CurrentDate, exp.CurrentTimestamp, exp.Rand)):
        return "nothing asks the clock or chance; `run_dates` and `run_settings` have the dates"
    if isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.INTEGER_TYPES) and _has_fraction(node.this):
        return "a cast of a fraction to an integer rounds in DuckDB and cuts in Spark; write round(…, 0) inside it"
    return _denied_function(node, table)


def _has_fraction(value: exp.Expr) -> bool:
    if isinstance(value, exp.Binary) and not isinstance(value, exp.Predicate):
        return isinstance(value, exp.Div) or _has_fraction(value.left) or _has_fraction(value.right)
    return _has_fraction(value.this) if isinstance(value, exp.Paren) else value.name.lower() in FRACTIONS


def _denied_function(node: exp.Expr, table: Table) -> str | None:
    if not isinstance(node, exp.Func):
        return None
    name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    if name in ("generate_series", "range", "exploding_generate_series") and table.layer in ("facts", "marts"):
        return "generate_series is not for facts and marts; join the calendar dimension or run_dates"
    return f"{name}() is not on the portable list" if name in DENIED_FUNCTIONS else None
