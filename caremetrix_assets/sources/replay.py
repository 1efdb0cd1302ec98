"""The raw change log as a pure function of the archive: accepted drops replayed in drop order, one table at a time.

What lives elsewhere: from which date a replay is needed (``replay_plan``), reading and typing files (``intake``),
writing partitions and the ledger (``steps``, ``defs``). The steps of one drop are the other ``replay_*`` modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import literal
from caremetrix_assets.lake.changelog import quoted
from caremetrix_assets.sources.replay_changes import write_changes
from caremetrix_assets.sources.replay_incoming import Incoming, fingerprint_of, open_incoming
from caremetrix_assets.sources.replay_log import ChangeLog
from caremetrix_assets.sources.replay_model import AcceptedDrop, DropCounts, ReplayResult, Shape
from caremetrix_assets.sources.replay_staging import compare_units, needs_comparison, stage_rows
from caremetrix_assets.sources.replay_vanished import find_gone, remove_vanished

__all__ = ["AcceptedDrop", "DropCounts", "ReplayResult", "known_ids", "replay"]


def replay(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    drops: Sequence[AcceptedDrop],
    from_date: date,
    opening_date: date,
    published: str | None,
    parents: dict[str, str],
) -> ReplayResult:
    """Change rows of ``table`` for partitions from ``from_date`` on.

    ``drops``: all accepted ones, in any order. ``published``: a relation with the table's change rows of partitions
    before ``from_date``, None when there are none. ``parents``: per parent table a relation with a column ``id``: the ids
    that any accepted drop has (see :func:`known_ids`). Temp relations are named after the table and replaced by the next
    replay of the same table on this connection.
    """
    shape = Shape(table)
    log = ChangeLog(con, shape, published, opening_date)
    waiting = f"{table.name}__waiting"
    con.execute(
        f"create or replace temp table {quoted(waiting)} "
        "(drop_id varchar, source_file varchar, source_line bigint, rule varchar, key varchar)"
    )
    ordered = sorted((d for d in drops if shape.source.file in d.columns), key=lambda d: d.order)
    counts: dict[str, DropCounts] = {}
    fingerprints: dict[str, str] = {}
    for number, drop in enumerate(ordered):
        if log.partition_of(drop) < from_date:
            continue
        incoming = open_incoming(con, shape, drop, parents)
        _apply(con, log, incoming, ordered[:number], number)
        counts[drop.drop_id] = incoming.counts
        fingerprints[drop.drop_id] = fingerprint_of(con, shape) if incoming.counts.rows_waiting else ""
        con.execute(
            f"""insert into {quoted(waiting)} select {literal(drop.drop_id)}, source_file, source_line, rule, key
            from {shape.relation("wait")}"""
        )
    return ReplayResult(log.new_rows(), waiting, counts, fingerprints)


def known_ids(con: duckdb.DuckDBPyConnection, parent: Table, drops: Sequence[AcceptedDrop]) -> str:
    """Creates the relation of a parent table's ids over all ``drops``, whatever their date; returns its name.

    Broken rows bring no id. A row that itself waits for a parent does: it is in a drop, and comes in with its parent.
    """
    shape = Shape(parent)
    key = shape.key[0]
    paths = [d.path(shape.source.file) for d in drops if shape.source.file in d.columns]
    name = f"{parent.name}__ids"
    rows = "select cast(null as varchar) as id where false"
    if paths:
        files = ", ".join(literal(str(p)) for p in paths)
        rows = f"select distinct {quoted(key)} as id from read_parquet([{files}]) where broken_rule is null"
    con.execute(f"create or replace temp table {quoted(name)} as {rows}")
    return name


def _apply(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, earlier: Sequence[AcceptedDrop], number: int) -> None:
    counts = incoming.counts
    is_compared = needs_comparison(log, incoming)
    if is_compared:
        compare_units(con, log, incoming)
        counts.rows_vanished = find_gone(con, incoming, earlier)
    added = stage_rows(con, log, incoming, number)
    write_changes(con, log, incoming)
    if is_compared:
        counts.rows_vanished += remove_vanished(con, log, incoming, earlier)
    made = log.counts_of(incoming.drop)
    counts.rows_new = added + made.get("insert", 0)
    counts.rows_changed = made.get("update", 0)
    counts.deletes = made.get("delete", 0)
    counts.rows_unchanged = incoming.rows - counts.rows_new - counts.rows_changed
