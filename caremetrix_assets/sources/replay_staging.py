"""Which rows of a drop and of the state have to be compared exactly, found by hashes of units.

A nightly full drop repeats nearly everything. Per unit (key, claim) the number of rows and the sum of their hashes are
compared first, so that only what differs is read in full: 1.3 million ledger rows take 0.2 s that way, joined on every
column 1.5 s. A changed unit is overlooked when its sum is the state's by chance, 1 in 2^64.
"""

from __future__ import annotations

import duckdb

from caremetrix_assets.lake.changelog import state_sql
from caremetrix_assets.sources.replay_changes import write_everything
from caremetrix_assets.sources.replay_incoming import Incoming, are_many
from caremetrix_assets.sources.replay_log import ChangeLog
from caremetrix_assets.sources.replay_model import listed, scalar


def needs_comparison(log: ChangeLog, incoming: Incoming) -> bool:
    """True when units are compared by hash first: a full drop, or very many rows, on a log that has rows."""
    return not log.is_empty and (incoming.drop.is_full or are_many(incoming.rows))


def compare_units(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming) -> None:
    """Creates ``diff`` (unit_hash, incoming, known): units of the drop or, for a full one, of the state whose rows differ.

    ``incoming`` and ``known`` are their numbers of rows in the drop and in the state.
    """
    shape, unit, source = incoming.shape, incoming.shape.unit_hash(), log.relation
    if not incoming.drop.is_full:
        source = shape.relation("part")
        _take_part(con, log, incoming, f"{unit} in (select {unit} from {shape.relation('in')})")
    row_hash = f"cast(hash({listed(incoming.counted)}) as hugeint)"
    con.execute(
        f"""create or replace temp table {shape.relation("diff")} as
        select unit_hash, cast(sum(incoming) as bigint) as incoming, cast(sum(known) as bigint) as known
        from (
            select {unit} as unit_hash, 1 as incoming, 0 as known, {row_hash} as total from {shape.relation("in")}
            union all
            select {unit} as unit_hash, 0 as incoming, 1 as known, -{row_hash} as total from ({state_sql(shape.table, source)}) as s
        ) as q
        group by unit_hash
        having sum(incoming) <> sum(known) or sum(total) <> 0"""
    )


def stage_rows(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, number: int) -> int:
    """Creates ``inc`` and ``sta``; returns how many rows of new units it appended to the log at once, they being very many.

    ``inc``: the drop's acceptable rows that may change something. ``sta``: with ``state_id``, the state's rows of the
    same units, and those in ``gone``. ``number`` keeps the drop's names apart.
    """
    shape, unit, added = incoming.shape, incoming.shape.unit_hash(), 0
    chosen, known = "true", f"{unit} in (select {unit} from {shape.relation('in')})"
    if needs_comparison(log, incoming):
        added = _append_new_units(con, log, incoming, number)
        different = f"select unit_hash from {shape.relation('diff')} where incoming > 0"
        chosen = f"{unit} in ({different} {'and known > 0' if added else ''})"
        known = f"{unit} in ({different} and known > 0 union all select unit_hash from {shape.relation('gone')})"
    elif are_many(incoming.rows):
        added, chosen, known = incoming.rows, "false", "false"
        write_everything(con, log, incoming, None, number)
    con.execute(f"create or replace temp table {shape.relation('inc')} as select * from {shape.relation('in')} where {chosen}")
    _take_part(con, log, incoming, known)
    con.execute(
        f"""create or replace temp table {shape.relation("sta")} as
        select row_number() over () as state_id, s.* from ({state_sql(shape.table, shape.relation("part"))}) as s"""
    )
    return added


def _append_new_units(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, number: int) -> int:
    diff, units = incoming.shape.relation("diff"), incoming.shape.relation("new_units")
    rows = scalar(con, f"select sum(incoming) from {diff} where known = 0")
    if not are_many(rows):
        return 0
    con.execute(f"create or replace temp table {units} as select unit_hash from {diff} where known = 0")
    write_everything(con, log, incoming, units, number)
    return rows


def _take_part(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, condition: str) -> None:
    # The state of a key needs that key's change rows only, and taking them first is what keeps a delta cheap.
    part = incoming.shape.relation("part")
    con.execute(f"create or replace temp view {part} as select * from {log.relation} where {condition}")
