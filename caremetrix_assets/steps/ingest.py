"""The two ends of a run: new drops into the archive and the ledger; at the end what counts as applied, and what stays stale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
from caremetrix_assets.steps.stale import record_stale

LEDGER = "drop_ledger"
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
    context.note_drops()
    stale = record_stale(context, fresh)
    return {"drops_applied": len(fresh), "stale_partitions": stale, "newest_date": context.newest_date.isoformat()}


def _counts(context: RunContext) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for table in context.catalog.layer("raw"):
        for drop_id, counts in context.state(table.name).extra.get("counts", {}).items():
            mine = total.setdefault(drop_id, {})
            for name, value in counts.items():
                mine[name] = mine.get(name, 0) + value
    return total
