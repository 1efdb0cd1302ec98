"""Which row of a drop is which row of the state, in files that repeat whole rows: the rule *Pairing* of the sources' spec.

Rows of a key are taken in four rounds: equal in all counted columns; equal stop; the drop's closed row with the
state's open one; the rest in order. What is left over gets the next free ordinal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from caremetrix_assets.lake.changelog import quoted, same
from caremetrix_assets.sources.replay_incoming import Incoming
from caremetrix_assets.sources.replay_model import Shape, listed, scalar


class Round(NamedTuple):
    """Rows that agree in ``by`` are paired one by one in ``order``; the conditions say which rows take part."""

    by: Sequence[str]
    order: Sequence[str]
    of_drop: str = "true"
    of_state: str = "true"


def pair_rows(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> None:
    """Creates ``pairs`` (line_id, state_id or null, source_ordinal) for the relations ``inc`` and ``sta``.

    A key that stands once in each is paired at once; the rounds are for keys that repeat in one of them.
    """
    shape = incoming.shape
    inc, sta, repeated = shape.relation("inc"), shape.relation("sta"), shape.relation("repeated")
    key = listed(shape.key)
    con.execute(
        f"""create or replace temp table {repeated} as
        select {key} from {inc} group by {key} having count(*) > 1
        union select {key} from {sta} group by {key} having count(*) > 1"""
    )
    con.execute(
        f"""create or replace temp table {shape.relation("pairs")} as
        select i.line_id, s.state_id, s.source_ordinal
        from {inc} as i inner join {sta} as s on {same(shape.key, "i", "s")}
        where not exists (select 1 from {repeated} as r where {same(shape.key, "r", "i")})"""
    )
    if scalar(con, f"select count(*) from {repeated}"):
        for step in _rounds(incoming):
            _pair(con, shape, step)
    _number_the_rest(con, incoming)


def new_ordinals(shape: Shape, present: frozenset[str], rows: str) -> str:
    """A SELECT (line_id, source_ordinal) for those of ``rows``, all with keys new to the log, whose key may repeat."""
    key_hash = f"hash({listed(shape.key)})"
    return f"""
        select line_id, {_place(shape.key, [*_order(shape, present), "line_id"])} - 1 as source_ordinal from ({rows}) as q
        where {key_hash} in (select {key_hash} from ({rows}) as q group by 1 having count(*) > 1)"""


def _rounds(incoming: Incoming) -> list[Round]:
    shape, present, stop = incoming.shape, incoming.present, incoming.shape.source.stop
    rounds = [Round(incoming.counted, [])]
    in_order = Round(shape.key, _order(shape, present))
    if stop is None or stop not in present:
        return [*rounds, in_order]
    rounds.append(Round((*shape.key, stop), shape.others_as_text(present)))
    rounds.append(in_order._replace(of_drop=f"{quoted(stop)} is not null", of_state=f"{quoted(stop)} is null"))
    # In a delta every state row still left has another stop that is not null, and is never paired.
    return [*rounds, in_order] if incoming.drop.is_full else rounds


def _order(shape: Shape, present: frozenset[str]) -> list[str]:
    stop = shape.source.stop
    return [*([f"{quoted(stop)} nulls last"] if stop and stop in present else []), *shape.others_as_text(present)]


def _place(by: Sequence[str], order: Sequence[str]) -> str:
    return f"row_number() over (partition by {listed(by)} order by {', '.join(order)})"


def _pair(con: duckdb.DuckDBPyConnection, shape: Shape, step: Round) -> None:
    pairs = shape.relation("pairs")
    is_repeated = f"exists (select 1 from {shape.relation('repeated')} as r where {same(shape.key, 'r', 'u')})"
    con.execute(
        f"""insert into {pairs} select i.line_id, s.state_id, s.source_ordinal
        from (
            select *, {_place(step.by, [*step.order, "line_id"])} as place
            from {shape.relation("inc")} as u anti join {pairs} as p on p.line_id = u.line_id
            where {is_repeated} and {step.of_drop}
        ) as i
        inner join (
            select *, {_place(step.by, [*step.order, "source_ordinal"])} as place
            from {shape.relation("sta")} as u anti join {pairs} as p on p.state_id = u.state_id
            where {is_repeated} and {step.of_state}
        ) as s on {same(tuple(step.by), "i", "s")} and i.place = s.place"""
    )


def _number_the_rest(con: duckdb.DuckDBPyConnection, incoming: Incoming) -> None:
    shape, pairs = incoming.shape, incoming.shape.relation("pairs")
    con.execute(
        f"""insert into {pairs} select i.line_id, null, coalesce(t.next_free, 0) + i.place - 1
        from (
            select *, {_place(shape.key, [*_order(shape, incoming.present), "line_id"])} as place
            from {shape.relation("inc")} as u anti join {pairs} as p on p.line_id = u.line_id
        ) as i
        left join (
            select {listed(shape.key)}, max(source_ordinal) + 1 as next_free
            from {shape.relation("sta")} group by {listed(shape.key)}
        ) as t on {same(shape.key, "t", "i")}"""
    )
