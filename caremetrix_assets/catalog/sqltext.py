"""A table's SQL to what the catalog needs of it: upstream relations, output columns, its bare words.

A long query may have steps in files of their own beside it, ``<table>__<step>.sql``: each is one SELECT, and the table's
own SQL and the other steps read it under the name of the step. Queries of ``tables/shared/`` are steps that any table may
read. Parsing only; no engine runs here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from caremetrix_assets.errors import UsageError

SHARED = "shared_"
_WITH = re.compile(r"(?:\s|--[^\n]*\n)*with\s", re.IGNORECASE)


@dataclass(frozen=True)
class Query:
    """A table's SELECT: its text, upstream relation names, output columns in order."""

    text: str
    upstream: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def canonical(self) -> str:
        """The text without what means nothing: its words, in order, without comments and white space."""
        return " ".join(f"{token.token_type.name}:{token.text}" for token in sqlglot.tokenize(self.text, dialect="duckdb"))


def parse_query(path: Path, shared: Mapping[str, Query] | None = None) -> Query:
    """Reads ``path``, its steps and the shared queries they name; UsageError with file, line and column when one is not
    one plain SELECT.
    """
    own = parse_text(path.read_text("utf-8"), path.name)
    files = {step.stem.removeprefix(f"{path.stem}__"): step for step in sorted(path.parent.glob(f"{path.stem}__*.sql"))}
    steps = {name: parse_text(step.read_text("utf-8"), step.name) for name, step in files.items()}
    unread = sorted(set(steps) - {name for query in (own, *steps.values()) for name in query.upstream})
    if unread:
        raise UsageError(f"{files[unread[0]].name}: nothing reads the step {unread[0]!r}.")
    steps |= _read_by([own, *steps.values()], shared or {})
    return _joined(own, steps, path.name) if steps else own


def read_shared(folder: Path) -> dict[str, Query]:
    """The queries of ``folder`` by name (``shared_visits``): any table may name one, and reads it as a step of its own.

    They are no tables: no contract, no column of theirs is stored. One shared query may name others.
    """
    found = {path.stem: parse_text(path.read_text("utf-8"), path.name) for path in sorted(folder.glob("*.sql"))}
    for name in found:
        if not name.startswith(SHARED):
            raise UsageError(f"{name}.sql: the name of a shared query begins with {SHARED!r}.")
    return found


def _read_by(queries: list[Query], shared: Mapping[str, Query]) -> dict[str, Query]:
    found: dict[str, Query] = {}
    while queries:
        new = {name: shared[name] for query in queries for name in query.upstream if name in shared and name not in found}
        found |= new
        queries = list(new.values())
    return found


def _joined(own: Query, steps: Mapping[str, Query], name: str) -> Query:
    """One query: the steps as CTEs in front of its own, each behind those it reads. Its parts are parsed already."""
    try:
        order = list(
            TopologicalSorter({step: sorted(set(steps).intersection(steps[step].upstream)) for step in sorted(steps)}).static_order()
        )
    except CycleError as error:
        raise UsageError(f"{name}: its steps read each other in a circle: {' -> '.join(error.args[1])}.") from error
    parts = ",\n\n".join(f"{step} as (\n{steps[step].text.strip()}\n)" for step in order)
    head = _WITH.match(own.text)
    rest = f",\n\n{own.text[head.end() :]}" if head else f"\n\n{own.text}"
    upstream = {name for query in (own, *steps.values()) for name in query.upstream} - set(steps)
    return Query(f"with {parts}{rest}", tuple(sorted(upstream)), own.columns)


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
    return Query(text, tuple(sorted(_names(tree))), columns)


@lru_cache(maxsize=4096)
def names_in(sql: str) -> frozenset[str]:
    """Bare names of the relations a SELECT reads, its CTEs left out; empty when it cannot be parsed (it then fails as itself)."""
    try:
        return _names(sqlglot.parse_one(sql, dialect="duckdb"))
    except SqlglotError:
        return frozenset()


def _names(tree: exp.Expr) -> frozenset[str]:
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return frozenset(t.name for t in tree.find_all(exp.Table) if t.name and not isinstance(t.this, exp.Func)) - ctes
