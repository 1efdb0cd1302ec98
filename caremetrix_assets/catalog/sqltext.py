"""One SQL file to what the catalog needs of it: upstream relations, output columns, a canonical text.

Parsing only; no engine runs here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from caremetrix_assets.errors import UsageError


@dataclass(frozen=True)
class Query:
    """A table's SELECT: its text, upstream relation names, output columns in order, and a canonical spelling."""

    text: str
    upstream: tuple[str, ...]
    columns: tuple[str, ...]
    canonical: str


def parse_query(path: Path) -> Query:
    """Reads ``path``; UsageError with file, line and column when it is not one plain SELECT."""
    return parse_text(path.read_text("utf-8"), path.name)


def parse_text(text: str, name: str) -> Query:
    """The same for a text; ``name`` stands in the errors."""
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        where = f"line {detail.get('line')}, column {detail.get('col')}" if detail else "somewhere"
        raise UsageError(f"{name}, {where}: not readable as SQL ({detail.get('description', error)}).") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UsageError(f"{name}: a table is exactly one SELECT.")
    tree = statements[0]
    last = tree.selects
    for item in last:
        if isinstance(item, exp.Star) or not item.output_name:
            raise UsageError(f"{name}: the last SELECT names every column; {item.sql(dialect='duckdb')!r} has no name.")
    columns = tuple(item.output_name for item in last)
    if len(set(columns)) != len(columns):
        raise UsageError(f"{name}: the last SELECT names a column twice.")
    return Query(text, _upstream(tree), columns, tree.sql(dialect="duckdb", comments=False))


def _upstream(tree: exp.Expr) -> tuple[str, ...]:
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    names = {t.name for t in tree.find_all(exp.Table) if t.name and not isinstance(t.this, exp.Func)}
    return tuple(sorted(names - ctes))
