"""A DuckDB file with a view per table of a lake, for the ``duckdb`` shell, notebooks and BI tools. It holds no data.

Daily tables are read through a pattern, so partitions that later runs publish are seen without writing the file anew;
an entity dimension shows the partition its pointer names. SQL from the command line is ``query``.
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import literal, no_rows
from caremetrix_assets.errors import ServiceError, UsageError
from caremetrix_assets.lake.changelog import quoted
from caremetrix_assets.lake.layout import pointer_key, table_prefix
from caremetrix_assets.lake.reader import Lake

SUFFIX = ".new"


def write_views(lake: Lake, file: Path) -> dict[str, list[str]]:
    """Writes ``file`` anew with one view per table of the catalog; the layers' tables by layer.

    A table without a partition becomes a view without rows; write the file again once it has some. UsageError when another
    kind of file stands there, ServiceError when DuckDB cannot reach the lake.
    """
    if file.is_dir() or (file.exists() and not _is_database(file)):
        raise UsageError(f"{file} is there and no DuckDB file; name another one.")
    new = file.with_name(file.name + SUFFIX)
    new.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(new), config={"autoinstall_known_extensions": False}) as con:
            if lake.storage.url.startswith("s3://"):
                _reach_bucket(con)
            for table in lake.catalog.tables.values():
                con.execute(f"create view {quoted(table.name)} as {_view(lake, table)}")
                con.execute(f"comment on view {quoted(table.name)} is {literal(table.doc)}")
        os.replace(new, file)
    except duckdb.Error as error:
        raise ServiceError(f"DuckDB cannot read the lake {lake.storage.url} ({type(error).__name__}); see `caremetrix doctor`.") from error
    finally:
        new.unlink(missing_ok=True)
    return {layer: [t.name for t in lake.catalog.tables.values() if t.layer == layer] for layer in ("raw", "dims", "facts", "marts")}


def _view(lake: Lake, table: Table) -> str:
    columns = ", ".join(f"t.{quoted(c.name)}" for c in table.columns)
    if not lake.table(table.name).partitions():
        return no_rows(table)
    pattern = f"{lake.storage.url}/{table_prefix(table.layer, table.name)}partition_date=*/{table.name}.parquet"
    rows = f"select {columns} from read_parquet({literal(pattern)}, hive_partitioning = false) as t"
    if table.dimension != "entity":
        return rows
    pointer = literal(f"{lake.storage.url}/{pointer_key(table.name)}")
    return f"{rows} where t.partition_date = (select p.partition_date from read_json({pointer}, columns = {{partition_date: 'DATE'}}) as p)"


def _is_database(file: Path) -> bool:
    with open(file, "rb") as handle:
        return handle.read(12)[8:12] == b"DUCK"


def _reach_bucket(con: duckdb.DuckDBPyConnection) -> None:
    try:
        con.execute("load httpfs")
    except duckdb.Error as error:
        raise ServiceError(
            "Views over a bucket need DuckDB's httpfs extension, which is not installed here; run `duckdb -c 'install httpfs'` where "
            "the network allows it, or read the lake with `caremetrix query` and `Lake(...)`."
        ) from error
