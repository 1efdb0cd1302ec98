"""Builds one dimension, fact or mart: which dates, one query, compare, stage, audit. Publishing is ``publish.py``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import duckdb

from caremetrix_assets.audit.evaluate import audit, blocking
from caremetrix_assets.audit.grades import collect_metrics, read_metrics
from caremetrix_assets.audit.model import AuditContext, FileCounts
from caremetrix_assets.audit.model import Staged as AuditInput
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import (
    literal,
    parquet_relation,
    parquet_source,
    partition_dates,
    partition_hashes,
    quote,
)
from caremetrix_assets.engines.parquet import write_partition
from caremetrix_assets.errors import CheckFailed
from caremetrix_assets.lake.reader import partitions_of
from caremetrix_assets.steps.changes import compare
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.fingerprint import fingerprints, is_due, signature, whole_fingerprint
from caremetrix_assets.steps.narrow import RESTS_ON, narrowed, rests_on, with_kept
from caremetrix_assets.steps.preview import preview
from caremetrix_assets.steps.relations import prepare
from caremetrix_assets.steps.retention import is_expired
from caremetrix_assets.steps.staged import Staged, StagedPartition

BUILD = "__all"
HELD = "__held"
BUILT = "built_rows"


def build_table(context: RunContext, table: Table) -> Staged:
    """Stages and audits what the run has to show of ``table``; nothing is published. An up-to-date table costs no query."""
    started = time.perf_counter()
    staged = Staged(context, table, context.state(table.name))
    marks: dict[date, str] = {}
    if table.by_event_date:
        staged.fingerprint = whole_fingerprint(context, table)
        stale = staged.state.fingerprint != staged.fingerprint or is_due(context, table)
        todo = [context.run_date] if stale or context.forced else []
    else:
        marks, todo, staged.stale = _snapshot_plan(context, table)
    if todo:
        with context.engine.session() as con:
            _run(con, staged, todo, marks)
    staged.seconds = time.perf_counter() - started
    return staged


def _snapshot_plan(context: RunContext, table: Table) -> tuple[dict[date, str], list[date], list[date]]:
    days = (context.newest_date - context.opening_date).days
    every = [context.opening_date + timedelta(days=n) for n in range(days + 1)]
    marks = fingerprints(context, table, sorted({*every, *context.forced}))
    built = context.state(table.name).partitions
    stale = [d for d, mark in marks.items() if d.isoformat() not in built or built[d.isoformat()].fingerprint != mark]
    stale = [d for d in stale if d in context.forced or not is_expired(context.state(table.name), d)]
    window = set(context.window())
    todo = [d for d in stale if d in window] + [d for d in context.forced if d not in stale]
    return marks, sorted(todo), [d for d in stale if d not in window]


def _run(con: duckdb.DuckDBPyConnection, staged: Staged, todo: list[date], marks: dict[date, str]) -> None:
    context, table = staged.context, staged.table
    read = prepare(con, context, table, todo, set(table.after))
    target = table.name + BUILD
    own = {name: relation for name, relation in read.items() if name in table.upstream}
    dates = narrowed(con, staged, own, BUILT) if table.narrow else None
    if dates is None:
        context.selects.run(con, table, own, BUILT if table.by_event_date else target)
    if table.by_event_date:
        _date_rows(con, context, table)
    # a snapshot without a row is written too: missing means not built
    days = stage(con, staged, target, marks, [] if table.by_event_date else todo)
    if not table.by_event_date:
        changed = {p.day for p in staged.partitions}
        staged.refreshed = {d: marks[d] for d in todo if d not in changed and d in days}
        newest = max([*days, *(date.fromisoformat(d) for d in staged.state.partitions)], default=None)
        if table.dimension == "entity" and newest in days:
            rows = f"(select * from {quote(target)} where partition_date = date {literal(str(newest))}) as t"
            staged.extra["signature"] = signature(con, table, rows)
    else:
        staged.removed = [d for d in existing_dates(staged) if d not in days and (dates is None or d in dates)]
        if dates is not None:
            with_kept(con, table, target, dates)
        if table.narrow:
            staged.extra[RESTS_ON] = rests_on(context, table)
        held = partition_dates(con, table.name + HELD)
        staged.extra["held_from"] = held[0] if held else None
    if staged.partitions:
        staged.preview = preview(con, table, staged.partitions[-1].path)
    staged.changes = compare(con, staged)
    audit_staged(con, staged)


def existing_dates(staged: Staged) -> list[date]:
    """Dates of the table's objects in the lake; the lake itself is asked when a publication was cut short."""
    if staged.state.fingerprint:
        return [date.fromisoformat(d) for d in staged.state.partitions]
    return list(partitions_of(staged.context.storage, staged.table))


def _date_rows(con: duckdb.DuckDBPyConnection, context: RunContext, table: Table) -> None:
    """Folds rows dated before the opening partition into it, holds back those dated after the newest built date."""
    undated = con.execute(f"select count(*) from {BUILT} where partition_date is null").fetchone()
    if undated and undated[0]:
        raise CheckFailed(f"{table.name}: {undated[0]} rows have no date, so they belong to no partition; nothing was published.")
    opening, newest = (f"date {literal(d.isoformat())}" for d in (context.opening_date, context.newest_date))
    columns = ", ".join(quote(c.name) for c in table.columns if c.name != "partition_date")
    folded = f"case when partition_date < {opening} then {opening} else partition_date end as partition_date"
    for suffix, condition in ((BUILD, f"<= {newest}"), (HELD, f"> {newest}")):
        con.execute(
            f"create or replace temp view {quote(table.name + suffix)} as "
            f"select {columns}, {folded} from {BUILT} where partition_date {condition}"
        )


def stage(con: duckdb.DuckDBPyConnection, staged: Staged, relation: str, marks: dict[date, str], also: Sequence[date] = ()) -> set[date]:
    """Writes the partitions of ``relation`` whose rows or definition differ from the published ones; returns its dates.

    Of the dates ``also`` a partition is written even when it has no row.

    Rows of a date that is published already are hashed first and written only when they differ; other dates are written
    and then hashed from the file, which spares computing a large relation twice.
    """
    table, known = staged.table, staged.state.partitions
    days = sorted({*partition_dates(con, relation), *(d.isoformat() for d in also)})
    prefix = f"{table.definition}-{duckdb.__version__}:"
    compared = [d for d in days if d in known]
    found = partition_hashes(con, table, quote(relation), compared) if compared else {}
    for day in days:
        mark = marks.get(date.fromisoformat(day), "")
        same = day in found and known[day].row_hash == prefix + found[day][1]
        if same and date.fromisoformat(day) not in staged.context.forced:
            continue
        _write(con, staged, relation, day, mark, prefix)
    return {date.fromisoformat(d) for d in days}


def _write(con: duckdb.DuckDBPyConnection, staged: Staged, relation: str, day: str, mark: str, prefix: str) -> None:
    folder = staged.context.work_dir / "stage" / staged.table.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{day}.parquet"
    sha256 = write_partition(con, staged.table, relation, day, path)
    rows, value = partition_hashes(con, staged.table, parquet_source([path]), [day])[day]
    published = staged.state.partitions.get(day)
    if published and published.sha256 == sha256:
        staged.refreshed[date.fromisoformat(day)] = mark
        path.unlink()
        return
    staged.partitions.append(StagedPartition(date.fromisoformat(day), path, rows, prefix + value, sha256, mark))


def audit_staged(con: duckdb.DuckDBPyConnection, staged: Staged, files: Mapping[date, Sequence[FileCounts]] | None = None) -> None:
    """Evaluates every rule on the staged dates and notes the first date that must not be published.

    ``files``: for a raw table, what became of the rows of its drops, by partition date.
    """
    context, table, days = staged.context, staged.table, [p.day for p in staged.partitions]
    if not days:
        return
    parquet_relation(con, table.name, [p.path for p in staged.partitions])
    newest = max(staged.state.partitions, default=None)
    audited = AuditContext(
        opening=context.opening_date,
        published=context.published_file(table, date.fromisoformat(newest)) if newest else None,
        contract_changed=staged.state.definition != table.definition,
        files=files or {},
        quarantine_limit=context.settings.quarantine_limit,
        gx_row_limit=context.settings.gx_row_limit,
    )
    _register_history(con, context, table, days)
    given = AuditInput(days, {p.day: p.path for p in staged.partitions}, {p.day: p.rows for p in staged.partitions})
    staged.results += audit(con, context.catalog, table, given, audited)
    staged.metrics = collect_metrics(con, context.catalog, table, given, audited)
    held = blocking(staged.results)
    staged.blocked = held.dates[0] if held else None
    staged.blocking_rules = held.rules


def _register_history(con: duckdb.DuckDBPyConnection, context: RunContext, table: Table, days: list[date]) -> None:
    """What the drift checks compare with, as relation ``dq_metrics``."""
    con.register("dq_metrics", read_metrics(context.storage, table.name, min(days), max(days)))
