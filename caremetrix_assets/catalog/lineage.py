"""Which upstream columns a table's columns take their values from, read from the SQL by sqlglot.

Value lineage: columns used only to filter or join do not appear, and ``count(*)`` has no source.
"""

from __future__ import annotations

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage
from sqlglot.optimizer.qualify import qualify

from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.errors import UsageError

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
    try:
        qualify(parse_one(str(table.sql), dialect="duckdb"), schema=schema_of(catalog, table), dialect="duckdb", quote_identifiers=False)
    except SqlglotError as error:
        raise UsageError(f"{table.name}.sql: {str(error).splitlines()[0]}") from error


def column_lineage(catalog: Catalog, table: Table) -> dict[str, list[tuple[str, str]]]:
    """Per column the (table, column) pairs its value comes from, sorted."""
    if not table.sql:
        return {}
    nodes = lineage(None, parse_one(table.sql, dialect="duckdb"), schema_of(catalog, table), dialect="duckdb")
    return {column.name: _sources(nodes[column.name]) for column in table.columns}


def _sources(node: Node) -> list[tuple[str, str]]:
    leaves = (leaf for leaf in node.walk() if isinstance(leaf.expression, exp.Table) and not leaf.downstream)
    return sorted({(str(leaf.expression.name), leaf.name.rpartition(".")[2]) for leaf in leaves})
