"""Creates on a connection the relations that a table's SQL and rules may name, each in its read mode."""

from __future__ import annotations

from datetime import date

import duckdb

from caremetrix_assets.catalog.load import GIVEN_RELATIONS
from caremetrix_assets.catalog.models import ReadMode, Table
from caremetrix_assets.engines.duckdb import empty_relation, parquet_relation, quote
from caremetrix_assets.engines.given import create_given, create_seeds
from caremetrix_assets.engines.relation import LakeRelation
from caremetrix_assets.lake.changelog import state_sql
from caremetrix_assets.lake.layout import object_key
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.packing import partition_paths


def published_dates(context: RunContext, table: Table) -> list[date]:
    """Dates of the table's published partitions, oldest first."""
    return sorted(date.fromisoformat(str(d)) for d in context.state(table.name).partitions)


def prepare(
    con: duckdb.DuckDBPyConnection, context: RunContext, table: Table, dates: list[date], names: set[str]
) -> dict[str, LakeRelation]:
    """Creates the given relations, seeds and every lake table among ``names`` for a build of ``dates``; returns the latter."""
    create_given(con, context.given(dates))
    create_seeds(con, context.catalog, names)
    found = {}
    for name in sorted(names - GIVEN_RELATIONS - set(context.catalog.seeds)):
        if name in context.catalog.tables and name != table.name:
            upstream = context.catalog.tables[name]
            found[name] = in_sight(con, context, upstream, table.read_mode(upstream), dates)
            create_relation(con, found[name])
    return found


def in_sight(con: duckdb.DuckDBPyConnection, context: RunContext, table: Table, mode: ReadMode, dates: list[date]) -> LakeRelation:
    """The published partitions of ``table`` that a build of ``dates`` sees in the given mode."""
    available = [d for d in published_dates(context, table) if d <= context.newest_date]
    if mode == "newest":
        available = available[-1:]
    elif mode == "same_date":
        available = [d for d in available if d in set(dates)]
    keys = tuple(object_key(table.layer, table.name, d) for d in available)
    return LakeRelation(table, keys, tuple(partition_paths(con, context, table, available)), mode == "state")


def create_relation(con: duckdb.DuckDBPyConnection, relation: LakeRelation) -> None:
    """Creates a view named like the table over its rows."""
    name, paths = relation.table.name, list(relation.paths)
    if not paths:
        empty_relation(con, relation.table, name)
    elif relation.is_log:
        parquet_relation(con, f"{name}__log", paths)
        con.execute(f"create or replace temp view {quote(name)} as {state_sql(relation.table, f'{name}__log')}")
    else:
        parquet_relation(con, name, paths)
