"""Change rows of one drop's file: what is new, what differs, and which rows of a claim are no more.

Works on the relations ``inc`` (the drop's rows to be looked at) and ``sta`` (the state's rows of the same units).
What lives elsewhere: how the two are found (``replay_staging``), what left the file (``replay_vanished``).
"""

from __future__ import annotations

import duckdb

from caremetrix_assets.lake.changelog import quoted, same
from caremetrix_assets.sources.replay_incoming import Incoming, good_rows
from caremetrix_assets.sources.replay_log import ChangeLog
from caremetrix_assets.sources.replay_model import listed
from caremetrix_assets.sources.replay_pairing import new_ordinals, pair_rows


def write_changes(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming) -> None:
    """Appends the drop's insert and update rows, and the delete rows of shortened claims, to the log."""
    shape = incoming.shape
    inc, sta = shape.relation("inc"), shape.relation("sta")
    if shape.source.unit:
        _write_claims(con, log, incoming)
        return
    ordinal, known = "0", f"left join {sta} as s on {same(shape.key, 's', 'i')}"
    if shape.source.ordinal:
        pair_rows(con, incoming)
        ordinal = "p.source_ordinal"
        known = f"""inner join {shape.relation("pairs")} as p on p.line_id = i.line_id left join {sta} as s on s.state_id = p.state_id"""
    log.insert(
        incoming.drop,
        f"""select {_values(incoming, keeps_first=True)}, {ordinal} as source_ordinal,
            case when s.state_id is null then 'insert' else 'update' end as change_type, i.source_file, i.source_line
        from {inc} as i {known}
        where s.state_id is null or not ({same(incoming.counted, "i", "s")})""",
    )


def write_everything(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming, units: str | None, number: int) -> None:
    """Appends very many rows whose keys are all new to the log, without copying them.

    ``units`` names a relation of their unit hashes, None for all acceptable rows; ``number`` keeps the drop's names apart.
    """
    shape = incoming.shape
    rows, source, ordinal = f"select * from {shape.relation('in')}", f"({good_rows(shape, incoming.drop)}) as g", "0"
    if units or incoming.counts.rows_waiting:
        lines = shape.relation(f"lines_{number}")
        chosen = f"where {shape.unit_hash()} in (select unit_hash from {units})" if units else ""
        con.execute(f"create or replace temp table {lines} as select line_id from {shape.relation('in')} {chosen}")
        rows = f"select i.* from {shape.relation('in')} as i semi join {lines} as l on l.line_id = i.line_id"
        source += f" semi join {lines} as l on l.line_id = g.line_id"
    if shape.source.ordinal:
        ordinals = shape.relation(f"ordinals_{number}")
        con.execute(f"create or replace temp table {ordinals} as {new_ordinals(shape, incoming.present, rows)}")
        source += f" left join {ordinals} as o on o.line_id = g.line_id"
        ordinal = "coalesce(o.source_ordinal, 0)"
    columns = listed((c.name for c in shape.columns), "g")
    log.insert_view(
        incoming.drop,
        f"""select {columns}, cast({ordinal} as integer) as source_ordinal, 'insert' as change_type, g.source_file, g.source_line
        from {source}""",
    )


def _values(incoming: Incoming, keeps_first: bool) -> str:
    """The resulting row: the drop's values, but the state's where the file lacks the column.

    With ``keeps_first`` also where it does not count: the values of the earliest drop stay.
    """
    values = []
    for column in incoming.shape.columns:
        name = quoted(column.name)
        value = f"i.{name}" if column.name in incoming.present else f"s.{name}"
        if keeps_first and column.name in incoming.present and column.name not in incoming.counted:
            value = f"case when s.state_id is null then i.{name} else s.{name} end"
        values.append(f"{value} as {name}")
    return ", ".join(values)


def _write_claims(con: duckdb.DuckDBPyConnection, log: ChangeLog, incoming: Incoming) -> None:
    shape = incoming.shape
    inc, sta, changed = shape.relation("inc"), shape.relation("sta"), shape.relation("changed")
    by_place = same(shape.key, "i", "s")
    con.execute(
        f"""create or replace temp table {changed} as
        select c.*, k.is_known
        from (
            select {listed(shape.unit, "i")} from {inc} as i left join {sta} as s on {by_place}
            where s.state_id is null or not ({same(incoming.counted, "i", "s")})
            union
            select {listed(shape.unit, "s")} from {sta} as s anti join {inc} as i on {by_place}
        ) as c
        left join (select distinct {listed(shape.unit)}, true as is_known from {sta}) as k on {same(shape.unit, "c", "k")}"""
    )
    log.insert(
        incoming.drop,
        f"""select {_values(incoming, keeps_first=False)}, 0 as source_ordinal,
            case when c.is_known then 'update' else 'insert' end as change_type, i.source_file, i.source_line
        from {inc} as i inner join {changed} as c on {same(shape.unit, "c", "i")} left join {sta} as s on {by_place}""",
    )
    log.delete(
        incoming.drop,
        f"select s.* from {sta} as s semi join {inc} as u on {same(shape.unit, 'u', 's')} anti join {inc} as i on {by_place}",
    )
