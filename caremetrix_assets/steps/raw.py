"""Builds one raw table: replays the accepted drops from the first date that can differ, compares, stages, audits."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import date

import duckdb

from caremetrix_assets.audit.model import FileCounts
from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.engines.duckdb import empty_relation, literal, parquet_relation, quote
from caremetrix_assets.lake.changelog import state_sql
from caremetrix_assets.lake.state import load_table, save_table
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.sources.contracts import raw_files
from caremetrix_assets.sources.quarantine import write_quarantine
from caremetrix_assets.sources.replay import known_ids, replay
from caremetrix_assets.sources.replay_incoming import sent_rows, waiting_fingerprint
from caremetrix_assets.sources.replay_model import AcceptedDrop, ReplayResult, Shape
from caremetrix_assets.sources.replay_plan import next_state, plan_from
from caremetrix_assets.steps.changes import compare
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.relations import prepare, published_dates
from caremetrix_assets.steps.staged import Staged
from caremetrix_assets.steps.table import BUILD, audit_staged, existing_dates, stage

PUBLISHED = "published_log"


def build_raw(context: RunContext, table: Table) -> Staged:
    """Stages what the accepted drops make of the table's change log where it differs from the published one."""
    started = time.perf_counter()
    staged = Staged(context, table, context.state(table.name))
    staged.fingerprint = staged.state.fingerprint
    drops = [_only(drop, table) for drop in context.archive]
    with context.engine.session() as con:
        previous = staged.state.extra.get("replay", {})
        if _changed(staged, previous, drops):
            parents = _parents(con, context, table) if any(d.columns for d in drops) else {}
            first = _first_date(con, staged, previous, drops, parents)
            if first is not None:
                _replay(con, staged, drops, first, parents)
            staged.extra["replay"] = _next(staged, previous, drops)
            staged.fingerprint = table.definition
    staged.seconds = time.perf_counter() - started
    return staged


def _only(drop: AcceptedDrop, table: Table) -> AcceptedDrop:
    file = Shape(table).source.file
    return replace(drop, columns={file: drop.columns[file]} if file in drop.columns else {})


def _changed(staged: Staged, previous: dict, drops: list[AcceptedDrop]) -> bool:
    known = [d["drop_id"] for d in previous.get("drops", [])]
    current = [d.drop_id for d in sorted(drops, key=lambda d: d.order)]
    return known != current or staged.state.fingerprint != staged.table.definition or bool(staged.context.forced)


def _parents(con: duckdb.DuckDBPyConnection, context: RunContext, table: Table) -> dict[str, str]:
    names = sorted({c.parent for c in table.source_columns if c.parent})
    return {name: known_ids(con, context.catalog.tables[name], context.archive) for name in names}


def _first_date(
    con: duckdb.DuckDBPyConnection, staged: Staged, previous: dict, drops: list[AcceptedDrop], parents: dict[str, str]
) -> date | None:
    opening = staged.context.opening_date
    if staged.state.fingerprint != staged.table.definition or staged.context.forced:
        return opening
    shape = Shape(staged.table)

    def waiting_now(drop: AcceptedDrop, file: str) -> str:
        return waiting_fingerprint(con, staged.table, drop, parents)

    return plan_from(previous, drops, waiting_now, opening).get(shape.source.file)


def _replay(con: duckdb.DuckDBPyConnection, staged: Staged, drops: list[AcceptedDrop], first: date, parents: dict[str, str]) -> None:
    context, table = staged.context, staged.table
    kept = [d for d in published_dates(context, table) if d < first]
    if kept:
        parquet_relation(con, PUBLISHED, [context.published_file(table, d) for d in kept])
    result = replay(con, table, drops, first, context.opening_date, PUBLISHED if kept else None, parents)
    days = stage(con, staged, result.relation, {})
    staged.removed = [d for d in existing_dates(staged) if d >= first and d not in days]
    _write_waiting(con, staged, result)
    _note(staged, result)
    _open_sent(con, staged, result, drops)
    staged.changes = compare(con, staged)
    _audit(con, staged, _files(staged, result, drops), {*kept, *days})


def _write_waiting(con: duckdb.DuckDBPyConnection, staged: Staged, result: ReplayResult) -> None:
    context, file = staged.context, raw_files(staged.context.catalog)[Shape(staged.table).source.file]
    known = staged.state.extra.get("counts", {})
    for drop_id, counts in result.counts.items():
        if counts.rows_waiting or known.get(drop_id, {}).get("rows_waiting"):
            waiting = con.sql(f"select * from {quote(result.waiting)} where drop_id = {literal(drop_id)}").to_arrow_table()
            write_quarantine(context.storage, file, drop_id, waiting, context.work_dir)


def _open_sent(con: duckdb.DuckDBPyConnection, staged: Staged, result: ReplayResult, drops: list[AcceptedDrop]) -> None:
    """Creates ``<table>__brought``: what full drops that are alone on their day brought, in the columns of the file."""
    shape, by_day = Shape(staged.table), defaultdict(list)
    for drop in drops:
        if drop.drop_id in result.counts:
            by_day[_partition_of(staged, drop)].append(drop)
    columns = ", ".join(quote(c.name) for c in shape.columns)
    parts = [
        f"select {columns}, cast(null as integer) as source_ordinal, date {literal(day.isoformat())} as partition_date "
        f"from ({sent_rows(shape, only[0], result.waiting)})"
        for day, only in by_day.items()
        if len(only) == 1 and only[0].is_full
    ]
    if parts:
        con.execute(f"create or replace temp view {quote(staged.table.name + '__brought')} as {' union all '.join(parts)}")
    else:
        empty_relation(con, staged.table, staged.table.name + "__brought")


def _partition_of(staged: Staged, drop: AcceptedDrop) -> date:
    return max(drop.drop_date, staged.context.opening_date)


def _audit(con: duckdb.DuckDBPyConnection, staged: Staged, files: dict[date, list[FileCounts]], days: set[date]) -> None:
    context, table = staged.context, staged.table
    if not staged.partitions:
        return
    new = {p.day: p.path for p in staged.partitions}
    log = table.name + BUILD
    parquet_relation(con, log, [new.get(d) or context.published_file(table, d) for d in sorted(days)])
    con.execute(f"create or replace temp view {quote(table.name + '__state')} as {state_sql(table, quote(log))}")
    prepare(con, context, table, [context.run_date], set(table.after))
    audit_staged(con, staged, files)


def _files(staged: Staged, result: ReplayResult, drops: list[AcceptedDrop]) -> dict[date, list[FileCounts]]:
    shape = Shape(staged.table)
    found: dict[date, list[FileCounts]] = {}
    for drop in drops:
        counts = result.counts.get(drop.drop_id)
        if counts is None:
            continue
        accepted = counts.rows_new + counts.rows_changed + counts.rows_unchanged
        unknown, missing = _drift(staged, drop)
        line = FileCounts(
            drop_id=drop.drop_id,
            kind="full" if drop.is_full else "delta",
            rows=counts.rows_in,
            accepted=accepted,
            broken=counts.rows_broken,
            waiting=counts.rows_waiting,
            superseded=counts.rows_superseded,
            vanished=counts.rows_vanished,
            keys_before=counts.rows_vanished + counts.rows_changed + counts.rows_unchanged,
            headers=len(next(iter(drop.columns.values()))) + unknown + missing,
            headers_off=unknown + missing,
            compared=shape.counted(shape.present(drop)),
        )
        found.setdefault(_partition_of(staged, drop), []).append(line)
    return found


def _drift(staged: Staged, drop: AcceptedDrop) -> tuple[int, int]:
    """Header names of the drop's file that no contract has, and contract columns of every release that it lacks."""
    raw = raw_files(staged.context.catalog)[Shape(staged.table).source.file]
    missing = [c for c in raw.columns if c.since is None and c.name not in drop.columns[raw.source.file]]
    return len(drop.unknown.get(raw.source.file, ())), len(missing)


def _note(staged: Staged, result: ReplayResult) -> None:
    counts = dict(staged.state.extra.get("counts", {}))
    counts.update({drop_id: asdict(c) for drop_id, c in result.counts.items()})
    staged.extra["counts"] = counts
    staged.extra["waiting"] = dict(result.fingerprints)


def _next(staged: Staged, previous: dict, drops: list[AcceptedDrop]) -> dict:
    replayed = {Shape(staged.table).source.file: staged.extra.pop("waiting", {})}
    accepted = {d.drop_id for d in drops}
    staged.extra["counts"] = {k: v for k, v in staged.extra.get("counts", staged.state.extra.get("counts", {})).items() if k in accepted}
    return next_state(previous, drops, replayed, staged.context.opening_date)


def replay_again(storage: Storage, catalog: Catalog, files: set[str]) -> None:
    """Has the next run replay these source files from the opening partition: their archive changed under the same drop ids."""
    for table in catalog.layer("raw"):
        if Shape(table).source.file in files:
            save_table(storage, table.name, replace(load_table(storage, table.name), fingerprint=""))
