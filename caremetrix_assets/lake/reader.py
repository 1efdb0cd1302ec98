"""Reading published tables from Python: ``Lake("path").table("mart_ar_aging").to_pandas()``.

Only published objects are looked at. SQL over several tables is ``serving/query.py``; writing is ``steps/``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.layout import object_key, parse_object_key, pointer_key, table_prefix
from caremetrix_assets.lake.storage import MissingObject, ObjectInfo, Storage, open_storage
from caremetrix_assets.settings import Settings

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

ARROW_TYPES: dict[str, pa.DataType] = {
    "key": pa.int64(),
    "bigint": pa.int64(),
    "id": pa.string(),
    "text": pa.string(),
    "int": pa.int32(),
    "money": pa.decimal128(18, 2),
    "rate": pa.decimal128(9, 4),
    "number": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "ts": pa.timestamp("us"),
}


class Lake:
    """A lake in a folder or bucket, for reading."""

    def __init__(self, url: str | Path, storage: Storage | None = None) -> None:
        """``url`` is a folder or ``s3://bucket/prefix`` (credentials by the standard AWS chain)."""
        self.url = str(url)
        self.storage = storage or open_storage(self.url)
        self.catalog: Catalog = load_catalog()

    @classmethod
    def open(cls, settings: Settings) -> Lake:
        """The lake of the settings, with their S3 options."""
        return cls(settings.lake, open_lake(settings))

    def table(self, name: str) -> LakeTable:
        """A table by name; UsageError when the catalog has none of that name."""
        if name not in self.catalog.tables:
            raise UsageError(f"There is no table {name}; `caremetrix tables` lists them.")
        return LakeTable(self, self.catalog.tables[name])


class LakeTable:
    """One published table. Entity dimensions show their newest partition unless dates are given."""

    def __init__(self, lake: Lake, table: Table) -> None:
        """Made by :meth:`Lake.table`."""
        self.lake, self.contract = lake, table

    @property
    def name(self) -> str:
        """The table's name."""
        return self.contract.name

    def partitions(self) -> dict[date, ObjectInfo]:
        """Published partitions by date, oldest first."""
        return partitions_of(self.lake.storage, self.contract)

    def newest(self) -> date | None:
        """The newest date to read: the pointer of an entity dimension, else the newest partition; None without one."""
        if self.contract.dimension == "entity":
            try:
                return date.fromisoformat(json.loads(self.lake.storage.read(pointer_key(self.name)))["partition_date"])
            except MissingObject:
                return None
        return max(self.partitions(), default=None)

    def paths(self, dates: Iterable[date | str] | None = None) -> list[Path]:
        """Local paths of the partitions' files, oldest first (a bucket's objects are fetched once into a cache)."""
        if dates is None and self.contract.dimension == "entity":
            newest = self.newest()
            return [self.lake.storage.local_path(object_key("dims", self.name, newest))] if newest else []
        wanted = None if dates is None else {date.fromisoformat(str(d)) for d in dates}
        found = self.partitions()
        return [self.lake.storage.local_path(i.key) for d, i in found.items() if wanted is None or d in wanted]

    def to_arrow(self, dates: Iterable[date | str] | None = None) -> pa.Table:
        """All rows of the dates (default: all partitions, of an entity dimension the newest) as Arrow."""
        tables = [pq.read_table(path, partitioning=None).cast(self.schema()) for path in self.paths(dates)]
        return pa.concat_tables([self.schema().empty_table(), *tables])

    def to_pandas(self, dates: Iterable[date | str] | None = None) -> pd.DataFrame:
        """The same as pandas; decimals and dates as Python objects."""
        return self.to_arrow(dates).to_pandas()

    def to_duckdb(self, connection: duckdb.DuckDBPyConnection, dates: Iterable[date | str] | None = None) -> None:
        """Creates a view named like the table on ``connection``."""
        paths = [str(p) for p in self.paths(dates)]
        if not paths:
            connection.register(self.name, self.schema().empty_table())
            return
        files = ", ".join("'" + p.replace("'", "''") + "'" for p in paths)
        connection.execute(f'create or replace view "{self.name}" as select * from read_parquet([{files}], hive_partitioning = false)')

    def schema(self) -> pa.Schema:
        """The contract's columns as an Arrow schema."""
        return pa.schema([(c.name, ARROW_TYPES[c.type]) for c in self.contract.columns])


def partitions_of(storage: Storage, table: Table) -> dict[date, ObjectInfo]:
    """Objects of the table's partitions that are in the lake, by date, oldest first."""
    found = {}
    for info in storage.list(table_prefix(table.layer, table.name)):
        place = parse_object_key(info.key)
        if place:
            found[place.partition_date] = info
    return dict(sorted(found.items()))


def open_lake(settings: Settings) -> Storage:
    """The lake's storage with the settings' S3 options."""
    return open_place(settings.lake, settings)


def open_place(url: str, settings: Settings) -> Storage:
    """Storage at ``url`` (lake or inbox) with the settings' S3 options; connects to nothing yet."""
    if not url.startswith("s3://"):
        return open_storage(url)
    from caremetrix_assets.lake.s3 import S3Options

    options = S3Options(
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
        cache_dir=settings.work_dir / "cache",
    )
    return open_storage(url, options)
