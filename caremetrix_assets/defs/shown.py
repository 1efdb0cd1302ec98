"""What the UI shows beside a materialization: rows, what changed and why, totals that moved, what stays stale, the drops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from caremetrix_assets.sources.ledger import Entry
from caremetrix_assets.steps.publish import ranges
from caremetrix_assets.steps.staged import Staged

# The event log keeps them for ever; the rest is in ops/changes.
MOST_PARTITIONS, MOST_TOTALS, MOST_DROPS = 31, 60, 30


def records(rows: Sequence[dict[str, Any]]) -> dg.TableMetadataValue:
    """Rows as a table; dates as text, nothing as an empty cell."""
    return dg.MetadataValue.table([dg.TableRecord({k: _cell(v) for k, v in row.items()}) for row in rows])


def _cell(value: Any) -> str | int | float | bool:
    return value if isinstance(value, (str, int, float, bool)) else "" if value is None else str(value)


def run_metadata(staged: Staged) -> dict[str, Any]:
    """One table after its step."""
    dates = [*staged.state.partitions, *(p.day.isoformat() for p in staged.partitions)]
    found: dict[str, Any] = {
        "dagster/row_count": staged.rows,
        "partitions_published": len(staged.partitions) + len(staged.removed),
        "partitions_stale": len(staged.stale),
        "seconds": round(staged.seconds, 3),
    }
    if dates:
        found["newest_partition"] = max(dates)
    if staged.grade:
        found["grade"] = staged.grade
    if staged.stale:
        spans = ", ".join("..".join(span) for span in ranges(staged.stale))
        found["stale"] = f"{spans}: rebuilt by `caremetrix run --restate` or a backfill of these partitions"
    if staged.preview:
        found["totals"] = records(staged.preview)
    return {**found, **_changes(staged)}


def _changes(staged: Staged) -> dict[str, Any]:
    parts = [c for c in staged.changes if c.measure is None][-MOST_PARTITIONS:]
    totals = [c for c in staged.changes if c.measure is not None][:MOST_TOTALS]
    if not parts:
        return {}
    shown = ("partition_date", "compared_with", "rows_before", "rows_after", "rows_added", "rows_changed", "rows_removed", "cause")
    found: dict[str, Any] = {"changes": records([{n: getattr(c, n) for n in shown} for c in reversed(parts)])}
    drops = parts[-1].drop_ids.split()
    if drops:
        found["because_of_drops"] = " ".join(d[:12] for d in drops)
    if totals:
        moved = ("measure", "period_grain", "value_before", "value_after", "compared_with")
        found["totals_moved"] = records([{n: getattr(c, n) for n in moved} for c in totals])
    return found


def drops_metadata(entries: Sequence[Entry]) -> dict[str, Any]:
    """The newest drops of the ledger, with what became of them and why."""
    newest = list(entries)[-MOST_DROPS:]
    rows = [{"drop": e.name, "id": e.drop_id[:12], "date": e.drop_date, "status": e.status, "reason": e.reason} for e in reversed(newest)]
    return {"drops": records(rows)} if rows else {}
