"""Names and places in the lake: which key holds which partition, pointer, state or drop.

Every other module builds keys through these functions, so the layout that other programs rely on is written down
once. What lives elsewhere: reading and writing the objects (``storage``), what they mean (``state``, ``reader``).
"""

import re
from datetime import date
from typing import NamedTuple

LAYERS = ("raw", "dims", "facts", "marts", "ops")

LAKE_KEY = "ops/lake.json"
LEASE_KEY = "ops/lease.json"
BUILT_KEY = "ops/built.json"
STATE_PREFIX = "ops/state/"
DROPS_PREFIX = "ops/drops/"
QUARANTINE_PREFIX = "quarantine/"
BASE_KEY = "ops/base.json"
BASE_PREFIX = "ops/base/"

_PARTITION_KEY = re.compile(
    r"(?P<layer>raw|dims|facts|marts|ops)/(?P<table>[a-z][a-z0-9_]*)/partition_date=(?P<day>\d{4}-\d{2}-\d{2})/(?P=table)\.parquet"
)


class Place(NamedTuple):
    """The partition an object holds, read back from its key."""

    layer: str
    table: str
    partition_date: date


def table_prefix(layer: str, table: str) -> str:
    """``marts/mart_ar_aging/``: everything the lake holds of one table."""
    if layer not in LAYERS:
        raise ValueError(f"unknown layer {layer!r}; one of {', '.join(LAYERS)}")
    return f"{layer}/{table}/"


def object_key(layer: str, table: str, partition_date: date) -> str:
    """The one object of a partition: ``facts/fact_payment/partition_date=2025-01-31/fact_payment.parquet``."""
    return f"{table_prefix(layer, table)}partition_date={partition_date.isoformat()}/{table}.parquet"


def parse_object_key(key: str) -> Place | None:
    """The inverse of :func:`object_key`; None for every other key (pointers, state, drops, strangers)."""
    match = _PARTITION_KEY.fullmatch(key)
    if match is None:
        return None
    try:
        return Place(match["layer"], match["table"], date.fromisoformat(match["day"]))
    except ValueError:  # a name such as partition_date=2025-02-30 is nobody's partition
        return None


def pointer_key(table: str) -> str:
    """``dims/<table>/_latest.json``: names the newest partition of an entity dimension."""
    return f"{table_prefix('dims', table)}_latest.json"


def state_key(table: str) -> str:
    """``ops/state/<table>.json``: what is known of a table's partitions (``state.TableState``)."""
    return f"{STATE_PREFIX}{table}.json"


def drop_prefix(drop_id: str) -> str:
    """``ops/drops/<drop_id>/``: the archive of one accepted drop."""
    return f"{DROPS_PREFIX}{drop_id}/"


def drop_file_key(drop_id: str, file: str) -> str:
    """``ops/drops/<drop_id>/<file>.parquet``: all records of one file of an accepted drop."""
    return f"{drop_prefix(drop_id)}{file}.parquet"


def drop_report_key(drop_id: str) -> str:
    """``ops/drops/<drop_id>/report.json``: what was found while reading the drop."""
    return f"{drop_prefix(drop_id)}report.json"


def base_key(folder: str, file: str, part: str) -> str:
    """``ops/base/<folder>/<file>.<part>.parquet``: one file of all folded drops, ``rows`` or ``places``."""
    return f"{BASE_PREFIX}{folder}/{file}.{part}.parquet"


def quarantine_prefix(file: str) -> str:
    """``quarantine/<file>/``: rows of one source file that could not be accepted."""
    return f"{QUARANTINE_PREFIX}{file}/"
