"""Rows of the state that a full drop lacks though its producer sent them before; removed when the drop deletes.

"Sent" and "lacks" are judged per natural key (claim) and per file, over all earlier drops: broken and waiting rows
count as present. What another producer sent too is never removed.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from caremetrix_assets.lake.changelog import same
from caremetrix_assets.sources.replay_incoming import Incoming, hold_units, units_sent
from caremetrix_assets.sources.replay_log import ChangeLog
from caremetrix_assets.sources.replay_model import AcceptedDrop, scalar


def find_gone(con: duckdb.DuckDBPyConnection, incoming: Incoming, earlier: Sequence[AcceptedDrop]) -> int:
    """Creates ``gone`` (unit_hash): units of ``diff`` that only the state has, to be read in full because the drop deletes.

    ``earlier``: the drops before this one that have the file. Returns the number of rows that need not be read, only counted.
    """
    shape, drop = incoming.shape, incoming.drop
    gone, diff = shape.relation("gone"), shape.relation("diff")
    con.execute(f"create or replace temp table {gone} (unit_hash ubigint)")
    own, foreign = _by_producer(drop, earlier)
    if not drop.is_full or not own:
        return 0
    hold_units(con, incoming)
    condition = f"incoming = 0 and unit_hash not in (select {shape.unit_hash()} from {shape.relation('held')})"
    if foreign:
        con.execute(f"create or replace temp table {shape.relation('sent')} as {units_sent(shape, own, diff)}")
        condition += f" and unit_hash in (select {shape.unit_hash()} from {shape.relation('sent')})"
    if not drop.deletes:
        return scalar(con, f"select sum(known) from {diff} where {condition}")
    con.execute(f"insert into {gone} select unit_hash from {diff} where {condition}")
    return 0


def remove_vanished(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, earlier: Sequence[AcceptedDrop]) -> int:
    """Counts the rows of ``sta`` that no row of the drop stands for; appends their delete rows if the drop deletes.

    Needs what ``find_gone`` and ``write_changes`` created for the same drop.
    """
    shape, drop = incoming.shape, incoming.drop
    own, foreign = _by_producer(drop, earlier)
    if not drop.is_full or not own:
        return 0
    vanished = f"""select s.* from {shape.relation("sta")} as s
        where {_is_unmatched(incoming)} and not exists (select 1 from {shape.relation("held")} as h where {same(shape.unit, "h", "s")})"""
    if foreign:
        vanished += f" and exists (select 1 from {shape.relation('sent')} as o where {same(shape.unit, 'o', 's')})"
    count = scalar(con, f"select count(*) from ({vanished}) as v")
    if count and drop.deletes:
        if foreign:
            kept = units_sent(shape, foreign, shape.relation("diff"))
            vanished += f" and not exists (select 1 from ({kept}) as f where {same(shape.unit, 'f', 's')})"
        log.delete(drop, vanished)
    return count


def _by_producer(drop: AcceptedDrop, earlier: Sequence[AcceptedDrop]) -> tuple[list[AcceptedDrop], list[AcceptedDrop]]:
    return [d for d in earlier if d.producer == drop.producer], [d for d in earlier if d.producer != drop.producer]


def _is_unmatched(incoming: Incoming) -> str:
    shape = incoming.shape
    if shape.source.ordinal:
        return f"not exists (select 1 from {shape.relation('pairs')} as p where p.state_id = s.state_id)"
    return f"not exists (select 1 from {shape.relation('inc')} as i where {same(shape.unit, 'i', 's')})"
