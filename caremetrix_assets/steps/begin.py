"""Starts a run: opens the lake, fixes its dates, lists the accepted drops. Reading new drops is ``ingest.py``."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.lake.layout import drop_report_key
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.lake.state import fix_start_date, load_built, read_start_date
from caremetrix_assets.settings import Settings, partitions_start
from caremetrix_assets.sources.base import Archive
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets.sources.replay_model import AcceptedDrop
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.stale import read_stale

# Synthea keeps ten years by default, so the earliest date of a first export says nothing about where history begins.
DEFAULT_HISTORY_YEARS = 10


def begin_run(
    settings: Settings, run_id: str, dates: list[date], restate: tuple[date, date] | None = None, only: frozenset[str] | None = None
) -> RunContext:
    """The context of a run of ``dates``; several dates are a backfill and are rebuilt whatever their inputs say.

    ``only``: the not yet applied drops that the run is about; None for all of them.
    """
    storage = open_lake(settings)
    opening = read_start_date(storage) or fix_start_date(storage, partitions_start(settings))
    run_date = max(dates)
    ledger, built = Ledger.load(storage), load_built(storage)
    entries = [e for e in ledger.in_force() if only is None or e.status == "applied" or e.drop_id in only]
    reports = {e.drop_id: json.loads(storage.read(drop_report_key(e.drop_id))) for e in entries}
    context = RunContext(
        storage=storage,
        catalog=load_catalog(),
        settings=settings,
        run_id=run_id,
        run_date=run_date,
        opening_date=opening,
        newest_date=max(run_date, built.newest_date or run_date),
        drops=[_ledger_row(e, reports[e.drop_id]) for e in entries],
        history_start=settings.history_start or history_start(entries),
        forced=frozenset(dates) if len(dates) > 1 else frozenset(),
        restate=restate,
        fresh_drops=tuple(e.drop_id for e in entries if e.status == "accepted"),
        gone_drops=tuple(sorted(set(built.extra.get("drops", ())) - {e.drop_id for e in entries})),
        stale_before=read_stale(storage),
        only=only,
    )
    archive = Archive(storage, context.work_dir)
    context.archive = [accepted_drop(archive, e, reports[e.drop_id]) for e in entries]
    return context


def accepted_drop(archive: Archive, entry: Entry, report: dict[str, Any]) -> AcceptedDrop:
    """A drop of the ledger as the replay takes it."""

    def path(file: str) -> Path | None:
        return archive.path(entry.drop_id, file)

    return AcceptedDrop(
        drop_id=entry.drop_id,
        drop_date=entry.drop_date or date.min,
        sequence=entry.sequence or 0,
        kind=entry.kind or "full",
        producer=entry.producer or "default",
        deletes=bool(report.get("deletes")),
        columns={name: set(found["columns"]) for name, found in report["files"].items()},
        paths=path,
        forgotten=sum(found.get("forgotten", 0) for found in report["files"].values()),
        simulated=frozenset(name for name, found in report["files"].items() if found.get("simulated")),
        unknown={name: found.get("unknown_columns", ()) for name, found in report["files"].items()},
    )


def history_start(entries: list[Entry]) -> date | None:
    """Where complete history begins: what the newest full drop that states it says, else ten years before the first one."""
    full = [e for e in entries if e.kind == "full"]
    stated = [e.history_start for e in full if e.history_start]
    if stated:
        return stated[-1]
    if not full or full[0].drop_date is None:
        return None
    first = full[0].drop_date
    try:
        return first.replace(year=first.year - DEFAULT_HISTORY_YEARS)
    except ValueError:
        return (first - timedelta(days=1)).replace(year=first.year - DEFAULT_HISTORY_YEARS)


def _ledger_row(entry: Entry, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "drop_id": entry.drop_id,
        "drop_date": entry.drop_date,
        "drop_sequence": entry.sequence,
        "producer": entry.producer,
        "kind": entry.kind,
        "has_feed": bool(report.get("practice")),
        "history_start": entry.history_start,
        "practice_start": entry.practice_start,
    }
