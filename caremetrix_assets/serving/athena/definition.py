"""What Athena is told of a table: names, types, comments, place, partitions; from its contract and the lake's dates.

A daily table is one table over all its partitions, which Athena works out from the dates asked for (partition
projection), so a published day is visible at once. An entity dimension is a table whose location is its newest
snapshot's folder: the pointer, which ``sync`` moves. Texts and API calls are made from this elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

from caremetrix_assets.catalog.models import SQL_TYPES, Catalog, Table
from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.layout import object_key, table_prefix
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.lake.state import read_start_date
from caremetrix_assets.settings import Settings

# Where Hive's name of a type is not the SQL one in lower case.
HIVE_NAMES = {"VARCHAR": "string", "INTEGER": "int"}
ATHENA_TYPES = {name: HIVE_NAMES.get(sql, sql.lower()) for name, sql in SQL_TYPES.items()}
# Limits of the Glue catalog; a longer text makes it refuse the table.
COLUMN_COMMENT_BYTES = 255
TABLE_COMMENT_BYTES = 2048
OWN_TABLE = "caremetrix.table"
PARTITION = "partition_date"


class AthenaColumn(NamedTuple):
    """Name, Hive type (``decimal(18,2)``) and comment."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class LakePlace:
    """What of a lake the definitions depend on: its address, its opening date, the newest snapshot per entity dimension."""

    url: str
    start: date
    newest: dict[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """One table in Athena. ``partition`` is None for an entity dimension, whose date is an ordinary column."""

    name: str
    comment: str
    columns: tuple[AthenaColumn, ...]
    partition: AthenaColumn | None
    location: str
    parameters: dict[str, str]


def place_of(lake: Lake, settings: Settings) -> LakePlace:
    """The lake's address, opening date and pointers; ServiceError for a lake without an opening date."""
    start = read_start_date(lake.storage) or settings.start_date
    if start is None:
        raise ServiceError(f"The lake {lake.url} has no start date yet; run `caremetrix run` first, or set CAREMETRIX_START_DATE.")
    found = {t.name: lake.table(t.name).newest() for t in lake.catalog.tables.values() if t.dimension == "entity"}
    url = lake.storage.url if "://" in lake.storage.url else Path(lake.storage.url).resolve().as_uri()
    return LakePlace(url.rstrip("/"), start, {name: day for name, day in found.items() if day})


def definitions(catalog: Catalog, place: LakePlace) -> list[Definition]:
    """All tables of the catalog in build order, so that a dimension is there before the facts that name it."""
    return [definition(table, place) for table in catalog.tables.values()]


def definition(table: Table, place: LakePlace) -> Definition:
    """The table as Athena sees it; an entity dimension without a snapshot points to the opening date's empty folder."""
    columns = [AthenaColumn(c.name, ATHENA_TYPES[c.type], shortened(c.doc, COLUMN_COMMENT_BYTES)) for c in table.columns]
    comment = shortened(table.doc, TABLE_COMMENT_BYTES)
    parameters = {"EXTERNAL": "TRUE", "classification": "parquet", OWN_TABLE: table.name}
    if table.dimension == "entity":
        newest = object_key(table.layer, table.name, place.newest.get(table.name, place.start))
        return Definition(table.name, comment, tuple(columns), None, f"{place.url}/{newest.rpartition('/')[0]}/", parameters)
    partition = next(c for c in columns if c.name == PARTITION)
    return Definition(
        name=table.name,
        comment=comment,
        columns=tuple(c for c in columns if c != partition),
        partition=partition,
        location=f"{place.url}/{table_prefix(table.layer, table.name)}",
        parameters=parameters | projection(place.start),
    )


def projection(start: date) -> dict[str, str]:
    """Partition projection over the lake's days: from its opening date to today (UTC), whatever was published last."""
    return {
        "projection.enabled": "true",
        f"projection.{PARTITION}.type": "date",
        f"projection.{PARTITION}.format": "yyyy-MM-dd",
        f"projection.{PARTITION}.range": f"{start.isoformat()},NOW",
        f"projection.{PARTITION}.interval": "1",
        f"projection.{PARTITION}.interval.unit": "DAYS",
    }


def shortened(text: str, limit: int) -> str:
    """The text in one line of at most ``limit`` bytes, cut between words with an ellipsis."""
    line = " ".join(text.split())
    if len(line.encode()) <= limit:
        return line
    cut = line.encode()[: limit - len("…".encode())].decode(errors="ignore")
    return f"{cut.rpartition(' ')[0] or cut}…"
