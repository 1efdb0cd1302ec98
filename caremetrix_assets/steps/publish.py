"""Publishes audited files, oldest first: one atomic object per partition, then the pointer, then the state.

Before the first object is replaced the state forgets the partitions concerned, so a killed publication is simply
repeated by the next run: a reader sees each partition old or new, and the next run writes what is missing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

from caremetrix_assets.audit.changes import write_changes
from caremetrix_assets.audit.grades import write_metrics
from caremetrix_assets.engines.duckdb import file_sha256
from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.layout import object_key, pointer_key
from caremetrix_assets.lake.state import PartitionState, TableState, save_table
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.staged import Staged, StagedPartition
from caremetrix_assets.steps.tally import tally


def publish(staged: Staged) -> list[date]:
    """Makes the staged partitions before the first blocked date visible; returns the dates published or removed."""
    context, table, state = staged.context, staged.table, staged.state
    ready = [p for p in staged.partitions if staged.blocked is None or p.day < staged.blocked]
    removed = staged.removed if staged.blocked is None else []
    complete = staged.blocked is None
    partitions = {d: p for d, p in state.partitions.items() if date.fromisoformat(d) not in {*removed, *(p.day for p in ready)}}
    if len(partitions) != len(state.partitions) or (ready and state.fingerprint):
        _save(context, table.name, TableState(state.definition, "", dict(partitions), state.extra))
    context.check_lease()
    for part in ready:
        _put(staged, part)
        partitions[part.day.isoformat()] = PartitionState(part.rows, part.row_hash, part.sha256, part.fingerprint)
    for day in removed:
        context.storage.delete(object_key(table.layer, table.name, day))
    for day, mark in staged.refreshed.items():
        if day.isoformat() in partitions:
            partitions[day.isoformat()] = replace(partitions[day.isoformat()], fingerprint=mark)
    if table.dimension == "entity" and partitions and ready:
        newest = {"partition_date": max(partitions)}
        context.storage.write(pointer_key(table.name), json.dumps(newest).encode() + b"\n")
    if complete:
        known = {"stale": ranges(staged.stale), "grade": staged.grade or state.extra.get("grade")}
        extra = {**state.extra, **staged.extra, **known}
        after = TableState(table.definition, staged.fingerprint, dict(sorted(partitions.items())), extra)
    else:
        after = TableState(state.definition, "", dict(sorted(partitions.items())), state.extra)
    _save(context, table.name, after)
    if complete and staged.metrics:
        write_metrics(context.storage, staged.metrics)
    shown = sorted([*(p.day for p in ready), *removed])
    context.published.update(shown)
    write_changes(context.storage, [c for c in staged.changes if c.partition_date in shown], context.started)
    context.tallies[table.name] = tally(staged, len(shown))
    return shown


def _put(staged: Staged, part: StagedPartition) -> None:
    key = object_key(staged.table.layer, staged.table.name, part.day)
    storage = staged.context.storage
    etag = storage.put_file(key, part.path)
    if file_sha256(storage.local_path(key, etag)) != part.sha256:
        raise ServiceError(f"published_equals_staged: {key} read back differs from the audited file; run again, and check the storage.")


def _save(context: RunContext, name: str, state: TableState) -> None:
    if state != context.state(name) or not context.storage.exists(f"ops/state/{name}.json"):
        save_table(context.storage, name, state)
    context.remember(name, state)


def ranges(days: list[date]) -> list[list[str]]:
    """Dates as ranges ``[first, last]`` without gaps, ISO text."""
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1][1] = day
        else:
            found.append([day, day])
    return [[a.isoformat(), b.isoformat()] for a, b in found]
