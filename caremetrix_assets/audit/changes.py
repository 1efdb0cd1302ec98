"""What runs changed in the tables and why, as kept in ``ops/changes``: one small Parquet object per run and table.

Counts, totals and drop ids only. Working them out is ``steps/changes.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from caremetrix_assets.audit.results import read_parquet, to_parquet
from caremetrix_assets.lake.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

CHANGES = "ops/changes"
ROWS = ("rows_added", "rows_changed", "rows_removed")


class Change(NamedTuple):
    """One partition, or one total of it: then ``measure`` is set, with its value before and after as text."""

    table_name: str
    compared_with: date | None
    rows_before: int | None
    rows_after: int | None
    rows_added: int | None
    rows_changed: int | None
    rows_removed: int | None
    period_grain: str | None
    measure: str | None
    value_before: str | None
    value_after: str | None
    cause: str
    drop_ids: str
    run_id: str
    partition_date: date


def change_schema() -> pa.Schema:
    """Columns of ``ops/changes`` in order."""
    import pyarrow as pa

    def kind(name: str) -> pa.DataType:
        if name in ("partition_date", "compared_with"):
            return pa.date32()
        return pa.int64() if name.startswith("rows_") else pa.string()

    return pa.schema([(name, kind(name)) for name in Change._fields])


def write_changes(storage: Storage, changes: Sequence[Change], started: datetime) -> str | None:
    """Keeps the changes that one run, begun at ``started``, made to one table; returns the object's key, None without any."""
    import pyarrow as pa

    if not changes:
        return None
    key = f"{CHANGES}/{started:%Y-%m}/{started:%Y%m%dT%H%M%SZ}.{changes[0].run_id}.{changes[0].table_name}.parquet"
    storage.write(key, to_parquet(pa.Table.from_pylist([c._asdict() for c in changes], schema=change_schema())))
    return key


def read_changes(storage: Storage, table: str | None = None, day: date | None = None) -> list[dict[str, Any]]:
    """Changes of one table, newest run first; without a table those of the newest run, or of the newest one that shows ``day``."""
    runs: dict[tuple[str, str], list[str]] = {}
    for info in storage.list(f"{CHANGES}/"):
        started, run_id, name = info.key.rsplit("/", 1)[1].removesuffix(".parquet").split(".")
        if table in (None, name):
            runs.setdefault((started, run_id), []).append(info.key)
    found: list[dict[str, Any]] = []
    for (started, _), keys in sorted(runs.items(), reverse=True):
        rows = [row for key in keys for row in read_parquet(storage, key, change_schema()).to_pylist()]
        if day is None or any(row["partition_date"] == day for row in rows):
            found += [{"run_started": started, **row} for row in rows]
            if table is None:
                break
    return found
