"""What stays stale beyond the restate window: ``ops/stale``, ranges of dates per table and the drops behind them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.steps.context import RunContext

STALE_KEY = "ops/stale/stale.parquet"
STALE_SCHEMA = pa.schema([("table_name", pa.string()), ("from_date", pa.date32()), ("to_date", pa.date32()), ("drop_ids", pa.string())])


def read_stale(storage: Storage) -> list[dict[str, Any]]:
    """Rows of ``ops/stale``: table_name, from_date, to_date, drop_ids."""
    if not storage.exists(STALE_KEY):
        return []
    return pq.read_table(storage.local_path(STALE_KEY)).to_pylist()


def drops_behind(rows: Iterable[dict[str, Any]], table: str, day: date) -> list[str]:
    """The drops recorded in rows of ``ops/stale`` as what made a partition stale."""
    found = [r for r in rows if r["table_name"] == table and r["from_date"] <= day <= r["to_date"]]
    return sorted({d for r in found for d in (r["drop_ids"] or "").split()})


def record_stale(context: RunContext, fresh: Iterable[str]) -> int:
    """Keeps what every table's state calls stale; returns the number of days. ``fresh``: the drops this run applied."""
    earlier = {row["table_name"]: set((row["drop_ids"] or "").split()) for row in read_stale(context.storage)}
    rows, days = [], 0
    for table in context.catalog.tables.values():
        for first, last in context.state(table.name).extra.get("stale", []):
            ids = sorted(earlier.get(table.name, set()) | set(fresh))
            start, end = date.fromisoformat(first), date.fromisoformat(last)
            days += (end - start).days + 1
            rows.append({"table_name": table.name, "from_date": start, "to_date": end, "drop_ids": " ".join(ids)})
    if rows or context.storage.exists(STALE_KEY):
        target = BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=STALE_SCHEMA), target, compression="zstd")
        context.storage.write(STALE_KEY, target.getvalue())
    return days
