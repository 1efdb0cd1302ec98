"""Which row of a drop is which row of the state, in files that repeat whole rows: the rule *Pairing* of the sources' spec.

Rows of a key are taken in four rounds: equal in all counted columns; equal stop; the drop's closed row with the
state's open one; the rest in order. What is left over gets the next free ordinal.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from caremetrix_assets.lake.changelog import quoted, same
from caremetrix_assets.sources.replay_incoming import Incoming
from caremetrix_assets.sources.replay_model import Shape, listed, scalar


def pair_rows(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> None:
    """Creates ``pairs`` (line_id, state_id or null, source_ordinal) for the relations ``inc`` and ``sta``."""
    shape, pairs = incoming.shape, incoming.shape.names("pairs")
    inc, sta, repeated = shape.names("inc"), shape.names("sta"), shape.names("repeated")
    counted = f"select {listed(shape.key)} from {{}} group by {listed(shape.key)} having count(*) > 1"
    con.execute(f"create or replace temp table {repeated} as {counted.format(inc)} union {counted.format(sta)}")
    once = f" where not exists (select 1 from {repeated} as r where {same(shape.key, 'r', 'i')})"
    con.execute(
        f"create or replace temp table {pairs} as select i.line_id, s.state_id, s.source_ordinal "
        f"from {inc} as i inner join {sta} as s on {same(shape.key, 'i', 's')}{once}"
    )
    if scalar(con, f"select count(*) from {repeated}"):
        for by, order, condition in _rounds(incoming):
            _pair(con, shape, by, order, condition)
    _number_the_rest(con, incoming)


def fresh_ordinals(shape: Shape, present: frozenset[str], rows: str) -> str:
    """A SELECT (line_id, source_ordinal) for those of ``rows``, all with keys new to the log, whose key may repeat."""
    key_hash = f"hash({listed(shape.key)})"
    places = f"row_number() over (partition by {listed(shape.key)} order by {_order(shape, present)}, line_id) - 1"
    return (
        f"select line_id, {places} as source_ordinal from {rows} where {key_hash} in "
        f"(select {key_hash} from {rows} group by 1 having count(*) > 1)"
    )


def _rounds(incoming: Incoming) -> list[tuple[Sequence[str], str, str]]:
    """Per round: columns that must agree, order in which rows that agree are taken, which rows take part."""
    shape, present = incoming.shape, incoming.present
    others = ", ".join(shape.others_as_text(present))
    stop = shape.source.stop if shape.source.stop in present else None
    rounds: list[tuple[Sequence[str], str, str]] = [(incoming.counted, "", "")]
    if stop:
        rounds.append(((*shape.key, stop), others, ""))
        rounds.append((shape.key, _order(shape, present), f"{quoted(stop)} is {{}} null"))
    if not stop or incoming.drop.is_full:
        # In a delta every state row still left here has another stop that is not null: never paired.
        rounds.append((shape.key, _order(shape, present), ""))
    return rounds


def _order(shape: Shape, present: frozenset[str]) -> str:
    stop = [f"{quoted(shape.source.stop)} nulls last"] if shape.source.stop and shape.source.stop in present else []
    return ", ".join([*stop, *shape.others_as_text(present)]) or "1"


def _pair(con: duckdb.DuckDBPyConnection, shape: Shape, by: Sequence[str], order: str, condition: str) -> None:
    pairs, repeated = shape.names("pairs"), shape.names("repeated")

    def unpaired(relation: str, row_id: str, tie: str, side: str) -> str:
        places = f"row_number() over (partition by {listed(by)} order by {', '.join(o for o in (order, tie) if o)})"
        where = f" and {condition.format(side)}" if condition else ""
        return (
            f"select *, {places} as place from {relation} as u where not exists (select 1 from {pairs} as p "
            f"where p.{row_id} = u.{row_id}) and exists (select 1 from {repeated} as r where {same(shape.key, 'r', 'u')}){where}"
        )

    con.execute(
        f"insert into {pairs} select i.line_id, s.state_id, s.source_ordinal "
        f"from ({unpaired(shape.names('inc'), 'line_id', 'line_id', 'not')}) as i "
        f"inner join ({unpaired(shape.names('sta'), 'state_id', 'source_ordinal', '')}) as s on {same(tuple(by), 'i', 's')} and i.place = s.place"
    )


def _number_the_rest(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> None:
    shape = incoming.shape
    pairs, inc, sta = shape.names("pairs"), shape.names("inc"), shape.names("sta")
    rest = f"select * from {inc} as i where not exists (select 1 from {pairs} as p where p.line_id = i.line_id)"
    places = f"row_number() over (partition by {listed(shape.key)} order by {_order(shape, incoming.present)}, line_id)"
    taken = f"select {listed(shape.key)}, max(source_ordinal) + 1 as next_free from {sta} group by {listed(shape.key)}"
    con.execute(
        f"insert into {pairs} select u.line_id, null, coalesce(t.next_free, 0) + u.place - 1 "
        f"from (select *, {places} as place from ({rest}) as r) as u left join ({taken}) as t on {same(shape.key, 't', 'u')}"
    )
