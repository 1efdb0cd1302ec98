"""The results that count now: of each table and date those of the run whose grade stands, in its last attempt."""

from __future__ import annotations

from datetime import date as day
from typing import Any

from caremetrix_assets.audit.grades import read_grades
from caremetrix_assets.audit.results import read_results
from caremetrix_assets.lake.storage import Storage


def newest_results(
    storage: Storage, *, table: str | None = None, date: day | None = None, status: str | None = None
) -> list[dict[str, Any]]:
    """Rows of ``dq_results`` that match, by table, newest date first, check name."""
    stands = {(g["table_name"], g["partition_date"]): g["run_id"] for g in read_grades(storage, table).to_pylist()}
    rows = read_results(storage, table=table, date=date).to_pylist()
    rows = [r for r in rows if stands.get((r["table_name"], r["partition_date"])) == r["run_id"]]
    last: dict[tuple[str, day], int] = {}
    for r in rows:
        key = (r["table_name"], r["partition_date"])
        last[key] = max(last.get(key, 0), r["attempt"])
    rows = [r for r in rows if r["attempt"] == last[(r["table_name"], r["partition_date"])] and status in (None, r["status"])]
    return sorted(rows, key=lambda r: (r["table_name"], -r["partition_date"].toordinal(), r["check_name"]))
