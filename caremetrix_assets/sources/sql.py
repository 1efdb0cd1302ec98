"""The few words of SQL that the readers of drops share: literals, names, one row of a query."""

from __future__ import annotations

from typing import Any

import duckdb

PARQUET = "(format parquet, compression zstd)"
# numbers that grow from row to row take a fraction of the space
PARQUET_OF_NUMBERS = "(format parquet, compression zstd, parquet_version v2)"


def literal(text: object) -> str:
    """A SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def name(identifier: str) -> str:
    """A quoted SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def one_row(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row of a query, read to its end: DuckDB keeps a connection busy with a result that is not."""
    (row,) = con.execute(query).fetchall()
    return row
