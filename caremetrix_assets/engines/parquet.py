"""One partition of a relation to one Parquet file: sorted, zstd, nullability as in the contract, the same bytes every time.

DuckDB sorts and streams, PyArrow writes. DuckDB's own writer encodes nulls by how they arrive and marks columns required
by what they happen to hold, so the same rows from two plans gave two files (2 of 105 in one comparison).
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import file_sha256, literal, quote, sort_columns
from caremetrix_assets.lake.reader import ARROW_TYPES

# Level 3 takes a third longer for files of the same size: their longest columns are hashes.
# A multiple of DuckDB's vector size, so a batch of the stream is a row group; byte-identical files depend on it.
ROW_GROUP_ROWS = 122_880
ZSTD_LEVEL = 1


def arrow_schema(table: Table, nullable: frozenset[str] = frozenset()) -> pa.Schema:
    """The contract's columns, ``nullable`` and those that may be null by contract nullable; metadata: name and definition."""
    filled = table.never_null - nullable
    fields = [pa.field(c.name, ARROW_TYPES[c.type], nullable=c.name not in filled) for c in table.columns]
    return pa.schema(fields, {"caremetrix.table": table.name, "caremetrix.definition": table.definition})


def write_partition(con: duckdb.DuckDBPyConnection, table: Table, relation: str, day: str, path: Path) -> str:
    """Writes the rows of one date of ``relation``, sorted; returns the file's sha256.

    A null in a required column is written all the same, as nullable: the audit names it, and nothing is published.
    """
    try:
        _write(con, table, relation, day, path, arrow_schema(table))
    except pa.ArrowInvalid:
        _write(con, table, relation, day, path, arrow_schema(table, _with_nulls(con, table, relation, day)))
    return file_sha256(path)


def _with_nulls(con: duckdb.DuckDBPyConnection, table: Table, relation: str, day: str) -> frozenset[str]:
    columns = sorted(table.never_null)
    counted = ", ".join(f"count(*) - count({quote(c)})" for c in columns)
    rows = con.execute(f"select {counted} from {quote(relation)} where partition_date = date {literal(day)}").fetchall()
    return frozenset(c for c, n in zip(columns, rows[0], strict=True) if n)


def _write(con: duckdb.DuckDBPyConnection, table: Table, relation: str, day: str, path: Path, schema: pa.Schema) -> None:
    columns = ", ".join(quote(c.name) for c in table.columns)
    order = ", ".join(f"{quote(c)} nulls first" for c in sort_columns(table))
    rows = con.sql(f"select {columns} from {quote(relation)} where partition_date = date {literal(day)} order by {order}")
    options = {"compression": "zstd", "compression_level": ZSTD_LEVEL, "store_schema": False, "store_decimal_as_integer": True}
    with rows.to_arrow_reader(ROW_GROUP_ROWS) as batches, pq.ParquetWriter(path, schema, **options) as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.cast(_as_nullable(schema)).columns, schema=schema), ROW_GROUP_ROWS)


def _as_nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([f.with_nullable(True) for f in schema])
