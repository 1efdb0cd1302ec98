"""Which upstream columns a table's columns take their values from, read from the SQL by sqlglot.

Value lineage: columns used only to filter or join do not appear, and ``count(*)`` has no source.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.errors import UsageError

Source = tuple[str, str]
GIVEN_SCHEMA = {
    "run_dates": {"partition_date": "DATE"},
    "run_settings": {"opening_date": "DATE", "newest_date": "DATE", "fiscal_start_month": "INT", "history_start": "DATE"},
    "drop_ledger": {
        "drop_id": "TEXT",
        "drop_date": "DATE",
        "drop_sequence": "INT",
        "producer": "TEXT",
        "kind": "TEXT",
        "has_feed": "BOOLEAN",
        "history_start": "DATE",
        "practice_start": "DATE",
    },
}


def schema_of(catalog: Catalog, table: Table) -> dict[str, object]:
    """Columns and types of everything the table reads, as sqlglot wants them."""
    found: dict[str, object] = {}
    for name in table.upstream:
        if name in catalog.tables:
            found[name] = {c.name: c.sql_type for c in catalog.tables[name].columns}
        elif name in catalog.seeds:
            found[name] = {column: "TEXT" for column in catalog.seeds[name].columns}
        else:
            found[name] = dict(GIVEN_SCHEMA[name])
    return found


def check_columns(catalog: Catalog, table: Table) -> None:
    """UsageError when the SQL names a column that what it reads does not have."""
    _qualified(catalog, table)


def column_lineage(catalog: Catalog, table: Table) -> dict[str, list[Source]]:
    """Per column the (table, column) pairs its value comes from, sorted. Raises as ``check_columns``."""
    if not table.sql:
        return {}
    known: dict[int, list[tuple[str, set[Source]]]] = {}
    found: list[tuple[str, set[Source]]] = []
    for scope in traverse_scope(_qualified(catalog, table)):  # what a scope reads comes before it
        query: Any = scope.expression  # a query, or a table function
        if isinstance(query, exp.SetOperation):
            left, right = (known[id(s)] for s in scope.set_operation_scopes)
            found = [(name, a | b) for (name, a), (_, b) in zip(left, right, strict=True)]
        else:
            found = [(item.alias_or_name, _sources(item, scope, known)) for item in query.selects]
        known[id(scope)] = found
    return {name: sorted(sources) for name, sources in found}


def _qualified(catalog: Catalog, table: Table) -> exp.Expr:
    tree = parse_one(str(table.sql), dialect="duckdb")
    try:
        return qualify(tree, schema=schema_of(catalog, table), dialect="duckdb", quote_identifiers=False)
    except SqlglotError as error:
        raise UsageError(f"{table.name}.sql: {str(error).splitlines()[0]}") from error


def _sources(item: exp.Expr, scope: Scope, known: dict[int, list[tuple[str, set[Source]]]]) -> set[Source]:
    """What the columns of one select item come from; a scalar subquery in it gives what its own columns come from."""
    found: set[Source] = set()
    inside = {id(s.expression): s for s in scope.subquery_scopes}
    nested = [inside[id(e)] for e in item.find_all(exp.Query) if id(e) in inside]
    for subquery in nested:
        found.update(*(sources for _, sources in known[id(subquery)]))
    below = {id(c) for subquery in nested for c in subquery.expression.find_all(exp.Column)}
    for column in item.find_all(exp.Column):
        source = scope.sources.get(column.table) if id(column) not in below else None
        if isinstance(source, exp.Table):
            found.add((source.name, column.name))
        elif isinstance(source, Scope):
            found |= dict(known[id(source)]).get(column.name, set())
    return found
