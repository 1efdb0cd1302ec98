"""Rows of the state that a full drop lacks though its producer sent them before; removed when the drop deletes.

"Sent" and "lacks" are judged per natural key (claim) and per file, over all earlier drops: broken and waiting rows
count as present. What another producer sent too is never removed.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from caremetrix_assets.lake.changelog import same
from caremetrix_assets.sources.replay_incoming import Incoming, hold_keys, keys_sent
from caremetrix_assets.sources.replay_log import ChangeLog
from caremetrix_assets.sources.replay_model import AcceptedDrop, scalar, unit_hash


def find_gone(con: duckdb.DuckDBPyConnection, incoming: Incoming, earlier: Sequence[AcceptedDrop]) -> int:
    """Creates ``gone`` (unit_hash): units of ``diff`` that only the state has, to be read in full if the drop deletes.

    ``earlier`` are the drops before this one that have the file. Returns the rows of the others, which are only counted.
    """
    shape, drop = incoming.shape, incoming.drop
    gone, diff = shape.names("gone"), shape.names("diff")
    con.execute(f"create or replace temp table {gone} (unit_hash ubigint)")
    own = [d for d in earlier if d.producer == drop.producer]
    if not drop.is_full or not own:
        return 0
    unit = unit_hash(shape)
    hold_keys(con, incoming)
    con.execute(f"create or replace temp table {shape.names('sent')} as {keys_sent(shape, own, diff)}")
    condition = f"incoming = 0 and unit_hash not in (select {unit} from {shape.names('held')})"
    if len(own) < len(earlier):
        condition += f" and unit_hash in (select {unit} from {shape.names('sent')})"
    if not drop.deletes:
        return scalar(con, f"select sum(known) from {diff} where {condition}")
    con.execute(f"insert into {gone} select unit_hash from {diff} where {condition}")
    return 0


def remove_vanished(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, earlier: Sequence[AcceptedDrop]) -> int:
    """Counts the rows of ``sta`` that no row of the drop stands for; appends their delete rows if the drop deletes."""
    shape, drop = incoming.shape, incoming.drop
    own = [d for d in earlier if d.producer == drop.producer]
    if not drop.is_full or not own or log.is_empty:
        return 0
    conditions = [_unmatched(incoming), f"not exists (select 1 from {shape.names('held')} as h where {same(shape.unit, 'h', 's')})"]
    if len(own) < len(earlier):
        conditions.append(f"exists (select 1 from {shape.names('sent')} as o where {same(shape.unit, 'o', 's')})")
    vanished = f"select s.* from {shape.names('sta')} as s where {' and '.join(conditions)}"
    count = scalar(con, f"select count(*) from ({vanished}) as v")
    if not count or not drop.deletes:
        return count
    if len(own) < len(earlier):
        foreign = [d for d in earlier if d.producer != drop.producer]
        kept = keys_sent(shape, foreign, shape.names("diff"))
        vanished += f" and not exists (select 1 from ({kept}) as f where {same(shape.unit, 'f', 's')})"
    log.delete(drop, vanished)
    return count


def _unmatched(incoming: Incoming) -> str:
    shape = incoming.shape
    if shape.source.ordinal:
        return f"not exists (select 1 from {shape.names('pairs')} as p where p.state_id = s.state_id)"
    return f"not exists (select 1 from {shape.names('inc')} as i where {same(shape.unit, 'i', 's')})"
