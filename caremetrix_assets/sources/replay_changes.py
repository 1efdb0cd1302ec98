"""Change rows of one drop's file: what is new, what differs, and which lines of a claim are no more.

Works on the relations ``inc`` (the drop's rows to be looked at) and ``sta`` (the state's rows of the same units).
What lives elsewhere: how the two are found (``replay_staging``), what left the file (``replay_vanished``).
"""

from __future__ import annotations

import duckdb

from caremetrix_assets.lake.changelog import quoted, same
from caremetrix_assets.sources.replay_incoming import Incoming, good_rows
from caremetrix_assets.sources.replay_log import ChangeLog
from caremetrix_assets.sources.replay_model import listed
from caremetrix_assets.sources.replay_pairing import fresh_ordinals, pair_rows


def write_changes(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming) -> None:
    """Appends the drop's insert and update rows, and the delete rows of shortened claims, to the log."""
    if incoming.shape.source.unit:
        _write_claims(con, log, incoming)
        return
    if incoming.shape.source.ordinal:
        pair_rows(con, incoming)
    log.insert(incoming.drop, _changed_rows(incoming))


def write_everything(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, fresh: str | None, number: int) -> None:
    """Appends very many rows whose keys are all new, without copying them.

    ``fresh`` names the relation of their unit hashes, None for all rows of the file; ``number`` keeps names apart.
    """
    shape = incoming.shape
    rows = f"select * from {shape.names('in')}"
    source = f"({good_rows(shape, incoming.drop, incoming.path)}) as g"
    if fresh or incoming.counts.rows_waiting:
        lines = shape.names(f"lines_{number}")
        chosen = f" where hash({listed(shape.unit)}) in (select unit_hash from {fresh})" if fresh else ""
        con.execute(f"create or replace temp table {lines} as select line_id from {shape.names('in')}{chosen}")
        rows = f"select i.* from {shape.names('in')} as i semi join {lines} as l on l.line_id = i.line_id"
        source += f" semi join {lines} as l on l.line_id = g.line_id"
    ordinal = "0"
    if shape.source.ordinal:
        ordinals = shape.names(f"ordinals_{number}")
        con.execute(f"create or replace temp table {ordinals} as {fresh_ordinals(shape, incoming.present, f'({rows}) as q')}")
        source += f" left join {ordinals} as o on o.line_id = g.line_id"
        ordinal = "coalesce(o.source_ordinal, 0)"
    columns = listed([c.name for c in shape.columns], "g")
    selected = (
        f"select {columns}, cast({ordinal} as integer) as source_ordinal, 'insert' as change_type, "
        f"g.source_file, g.source_line from {source}"
    )
    log.insert_view(incoming.drop, selected)


def _changed_rows(incoming: Incoming) -> str:
    shape = incoming.shape
    ordinal = "0"
    joined = f"left join {shape.names('sta')} as s on {same(shape.key, 's', 'i')}"
    if shape.source.ordinal:
        ordinal = "p.source_ordinal"
        joined = (
            f"inner join {shape.names('pairs')} as p on p.line_id = i.line_id "
            f"left join {shape.names('sta')} as s on s.state_id = p.state_id"
        )
    return (
        f"select {_values(incoming, keeps_first=True)}, {ordinal} as source_ordinal, "
        "case when s.state_id is null then 'insert' else 'update' end as change_type, i.source_file, i.source_line "
        f"from {shape.names('inc')} as i {joined} where s.state_id is null or not ({same(incoming.counted, 'i', 's')})"
    )


def _values(incoming: Incoming, keeps_first: bool) -> str:
    """The resulting row: the drop's values, but the state's where the file lacks the column or it does not count."""
    values = []
    for column in incoming.shape.columns:
        name = quoted(column.name)
        if column.name not in incoming.present:
            value = f"s.{name}"
        elif keeps_first and not column.counts and column.name not in incoming.shape.key:
            value = f"case when s.state_id is null then i.{name} else s.{name} end"
        else:
            value = f"i.{name}"
        values.append(f"{value} as {name}")
    return ", ".join(values)


def _write_claims(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming) -> None:
    shape = incoming.shape
    inc, sta, changed = shape.names("inc"), shape.names("sta"), shape.names("changed")
    by_place, unit = same(shape.key, "i", "s"), listed(shape.unit)
    con.execute(
        f"create or replace temp table {changed} as select d.*, k.is_known from ("
        f"select {listed(shape.unit, 'i')} from {inc} as i left join {sta} as s on {by_place} "
        f"where s.state_id is null or not ({same(incoming.counted, 'i', 's')}) "
        f"union select {listed(shape.unit, 's')} from {sta} as s anti join {inc} as i on {by_place}"
        f") as d left join (select distinct {unit}, true as is_known from {sta}) as k on {same(shape.unit, 'd', 'k')}"
    )
    log.insert(
        incoming.drop,
        f"select {_values(incoming, keeps_first=False)}, 0 as source_ordinal, "
        "case when c.is_known then 'update' else 'insert' end as change_type, i.source_file, i.source_line "
        f"from {inc} as i inner join {changed} as c on {same(shape.unit, 'c', 'i')} left join {sta} as s on {by_place}",
    )
    lines_gone = f"select s.* from {sta} as s semi join {inc} as u on {same(shape.unit, 'u', 's')} anti join {inc} as i on {by_place}"
    log.delete(incoming.drop, lines_gone)
