"""The two ends of a run: new drops into the archive and the ledger; at the end what counts as applied, and what stays stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.audit.model import RuleResult
from caremetrix_assets.audit.results import drop_result, write_results
from caremetrix_assets.errors import InputError
from caremetrix_assets.lake.reader import open_place
from caremetrix_assets.sources.examine import ReadOptions
from caremetrix_assets.sources.intake import Taken
from caremetrix_assets.sources.intake import take_in as take_drops
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.forget import erase

LEDGER = "drop_ledger"
STALE_KEY = "ops/stale/stale.parquet"
STALE_SCHEMA = pa.schema([("table_name", pa.string()), ("from_date", pa.date32()), ("to_date", pa.date32()), ("drop_ids", pa.string())])
SUMMED = ("rows_new", "rows_changed", "rows_unchanged", "rows_superseded", "rows_waiting", "rows_vanished")


@dataclass
class IngestReport:
    """What became of the drops that were due: ledger entries, and rows read."""

    accepted: list[Entry] = field(default_factory=list)
    rejected: list[Entry] = field(default_factory=list)
    rows_in: int = 0


def take_in(context: RunContext, progress: Callable[[str], None] = lambda _: None) -> IngestReport:
    """Archives or rejects every due drop of the inbox, oldest first. InputError when all that were due are rejected."""
    settings = context.settings
    erase(settings, context.storage, context.catalog, context.check_lease)  # what a killed `forget` left undone
    inbox = open_place(settings.inbox, settings)
    ledger = Ledger.load(context.storage)
    options = ReadOptions.of(settings, context.work_dir)
    report = IngestReport()
    results: list[RuleResult] = []
    for taken in take_drops(inbox, context.storage, context.catalog, ledger, datetime.now(UTC).date(), options, context.only):
        if taken.report is None:
            report.rejected.append(taken.entry)
        else:
            report.accepted.append(taken.entry)
            report.rows_in += taken.entry.rows_in or 0
        results += _results(taken)
        progress(f"drop {taken.entry.name}: {taken.entry.status}, {taken.entry.rows_in or 0} rows")
    write_results(context.storage, results, run_id=context.run_id, attempt=context.attempt, newest=context.newest_date)
    if report.rejected and not report.accepted and not ledger.pending():
        raise InputError("; ".join(f"drop {e.name} was rejected: {e.reason}" for e in report.rejected))
    return report


def _results(taken: Taken) -> list[RuleResult]:
    """What the checks of whole drops say of one: the one it failed, or both of a full drop, else the one of every drop."""
    entry, files = taken.entry, len((taken.report or {}).get("files", ())) or 1
    if entry.drop_date is None:
        return []
    asked = [taken.failed] if taken.failed else ["drop_complete", *(["keys_redrawn"] if entry.kind == "full" else [])]
    failed, keys = int(bool(taken.failed)), [entry.drop_id[:12]]
    return [drop_result(check, LEDGER, entry.drop_date, checked=files, failed=failed, keys=keys) for check in asked]


def finish(context: RunContext) -> dict[str, Any]:
    """Marks the accepted drops applied with the counts of the current replay, records what stays stale; a short summary."""
    ledger = Ledger.load(context.storage)
    counts = _counts(context)
    fresh = {e.drop_id for e in ledger.pending()} & {d["drop_id"] for d in context.drops}
    first = min(context.published, default=None)
    before = ledger.to_arrow()
    taking_part = {d["drop_id"] for d in context.drops}
    forgotten = {d.drop_id: d.forgotten for d in context.archive}
    for entry in ledger.in_force():
        if entry.drop_id not in taking_part:
            continue
        found = counts.get(entry.drop_id, {})
        report = {name: found.get(name, 0) for name in SUMMED}
        broken = found.get("rows_broken", 0)
        ledger.apply(
            entry.drop_id,
            {**report, "rows_quarantined": broken + report["rows_waiting"], "rows_forgotten": forgotten[entry.drop_id]},
            first if entry.drop_id in fresh else None,
        )
    if not ledger.to_arrow().equals(before):
        ledger.save(context.storage)
    stale = _record_stale(context, fresh)
    return {"drops_applied": len(fresh), "stale_partitions": stale, "newest_date": context.newest_date.isoformat()}


def _counts(context: RunContext) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for table in context.catalog.layer("raw"):
        for drop_id, counts in context.state(table.name).extra.get("counts", {}).items():
            mine = total.setdefault(drop_id, {})
            for name, value in counts.items():
                mine[name] = mine.get(name, 0) + value
    return total


def read_stale(context_storage: Any) -> list[dict[str, Any]]:
    """Rows of ``ops/stale``: table_name, from_date, to_date, drop_ids."""
    if not context_storage.exists(STALE_KEY):
        return []
    return pq.read_table(context_storage.local_path(STALE_KEY)).to_pylist()


def _record_stale(context: RunContext, fresh: set[str]) -> int:
    earlier = {row["table_name"]: set((row["drop_ids"] or "").split()) for row in read_stale(context.storage)}
    rows, days = [], 0
    for table in context.catalog.tables.values():
        for first, last in context.state(table.name).extra.get("stale", []):
            ids = sorted(earlier.get(table.name, set()) | fresh)
            start, end = date.fromisoformat(first), date.fromisoformat(last)
            days += (end - start).days + 1
            rows.append({"table_name": table.name, "from_date": start, "to_date": end, "drop_ids": " ".join(ids)})
    if rows or context.storage.exists(STALE_KEY):
        target = BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, schema=STALE_SCHEMA), target, compression="zstd")
        context.storage.write(STALE_KEY, target.getvalue())
    return days
