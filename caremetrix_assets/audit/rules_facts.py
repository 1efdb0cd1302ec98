"""Rules of facts and event dimensions against their driving source and the versions they point at.

Other references are ``rules_tables``; marts are ``rules_marts``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from caremetrix_assets.audit.fragments import OPENING, RESERVED, both, col, entity, event_day, key_text, name, same, staged
from caremetrix_assets.audit.fragments import is_member as members_of
from caremetrix_assets.audit.model import NO_PARENT, Aggregate, Offenders, Outcome, Predicate, Procedure, Rule, Scope
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.catalog.models import Catalog, Column, Driving, Table
from caremetrix_assets.catalog.neighbours import driving_query, joins, match_query, references
from caremetrix_assets.catalog.parts import Match
from caremetrix_assets.catalog.sqltext import names_in

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment


def fact_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Rules of one fact or event dimension."""
    if table.driving:
        yield from _against_sources(catalog, table)
    if table.layer != "facts":
        return
    for joined, match in joins(table, catalog.tables):
        yield _matches(catalog, table, joined, match)
    for column, (target, target_column) in references(table, catalog.tables).items():
        if table.column(column).type != "key":
            continue
        if not table.column(column).optional_key and column != "date_key":
            yield rule("unknown_member_share", Predicate(f"{col(column)} = -1", always=True), Scope(column), column=column)
        dimension = catalog.tables.get(target)
        if dimension is not None and dimension.scd == 2 and (target_column,) == dimension.key:
            yield _covers(table, column, target, target_column)


def _matches(catalog: Catalog, table: Table, column: Column, match: Match) -> Rule:
    """Rows on the unknown member of all that name one, over the whole build: a day of a few rows has no rate."""
    target, key = references(table, catalog.tables)[column.name]
    parent = f"select 1 from {name(target)} as d where {col(key, 'd')} not in {tuple(RESERVED)} limit 1"
    counted = f"select count(*), count(*) filter (where {col(column.name)} = -1) from {name(table.name + '__all')} as t"
    named = both(match.when, f"{col(column.name)} <> -2")

    def run(env: Environment) -> Mapping[date, Outcome]:
        rows, unknown = env.rows(f"{counted} where {named}")[0]
        found = Outcome(1, int(rows - unknown < match.rate * rows), (column.name,), None if rows else "no row names one")
        if not env.rows(parent):
            found = Outcome(0, 0, reason=NO_PARENT)
        return dict.fromkeys(env.dates, found)

    needs = {f"{table.name}__all", target} | (names_in(match_query(table, match)) - {table.name})
    return rule("join_match_rate", Procedure(run), column=column.name, needs=frozenset(needs))


def _covers(table: Table, column: str, target: str, key: str) -> Rule:
    """The version's validity contains the event date. Rows folded into the opening partition need a date_key to say theirs."""
    day = event_day(table) or "date_key(t.partition_date)"
    folded = "" if event_day(table) else f" and t.partition_date <> {OPENING}"
    sql = (
        f"select t.partition_date, {key_text(table)} as key from {staged(table)} inner join (select {name(key)} as k, "
        f"date_key(valid_from) as f, date_key(valid_to) as u from {name(target)} where {name(key)} >= 0) as d on d.k = {col(column)} "
        f"where not ({day} >= d.f and {day} < d.u){folded}"
    )
    return rule("version_covers_event", Offenders(sql), Scope(column), column=column, needs=frozenset({target}))


def _against_sources(catalog: Catalog, table: Table) -> Iterator[Rule]:
    upstreams = [catalog.tables.get(d.table) for d in table.driving]
    # a row that is not in the source by its key is what rows_out_equals_rows_in finds
    source = f"{staged(table)} inner join {_sources(catalog, table)} as s on {_match(table)}"
    needs = frozenset(d.table for d in table.driving)
    for d in table.driving:
        needs |= names_in(driving_query(d)) - {table.name}
    yield rule("rows_out_equals_rows_in", Procedure(_rows), needs=needs | {f"{table.name}__all"}, on_empty=True)
    known = [u for u in upstreams if u is not None]
    if len(known) < len(upstreams):
        return
    for column in table.columns:
        if column.equals and column.type == "money":
            yield _money(catalog, table, column, needs)
        if len(known) == 1 and (text := _code_source(table, column, known[0])) is not None:
            bad = f"{col(column.name)} is distinct from {col(text, 's')}"
            yield rule("code_keeps_text", Predicate(bad, source=source), column=column.name, needs=needs)
    if len(table.driving) == 1 and table.driving[0].date and not event_day(table):
        bad = f"s.event_day > t.partition_date or (s.event_day < t.partition_date and t.partition_date <> {OPENING})"
        yield rule("only_this_day", Predicate(bad, source=source), needs=needs)
    if table.has("is_simulated") and all(u.has("is_simulated") for u in known):
        bad = "t.is_simulated is distinct from s.is_simulated"
        yield rule("simulated_flag_true", Predicate(bad, source=source), needs=needs)


def _sources(catalog: Catalog, table: Table) -> str:
    """The driving rows of all sources; of several only the keys and the flag, which all of them have."""
    if len(table.driving) == 1:
        return _source(catalog, table.driving[0])
    keys = ", ".join(f"k{i}" for i in range(len(table.driving[0].key)))
    parts = (f"select is_simulated, {keys} from {_source(catalog, d)} as d" for d in table.driving)
    return f"({' union all '.join(parts)})"


def _source(catalog: Catalog, driving: Driving) -> str:
    """The driving rows with their key as k0, k1 …; a key part may be an expression over the driving table."""
    upstream, table = catalog.tables.get(driving.table), name(driving.table)
    keys = ", ".join(f"{col(k, table) if upstream is None or upstream.has(k) else k} as k{i}" for i, k in enumerate(driving.key))
    where = f" where {driving.where}" if driving.where else ""
    day = f", {driving.date} as event_day" if driving.date else ""
    return f"(select {table}.*, {keys}{day} from {table}{where})"


def _match(table: Table, own: str = "t") -> str:
    return same((col(o, own), f"s.k{i}") for i, o in enumerate(table.driving[0].own_key))


def _money(catalog: Catalog, table: Table, column: Column, needs: frozenset[str]) -> Rule:
    """Sums of a date's rows to the cent. ``equals`` may turn the sign (``-table.column``) and choose rows (``… where s.type = 'X'``)."""
    assert column.equals is not None
    sign = "-" if column.equals.startswith("-") else ""
    target, _, chosen = column.equals.lstrip("-").partition(".")
    amount, _, where = chosen.partition(" where ")
    only = f" filter (where {where})" if where else ""
    own, other = f"coalesce(sum({col(column.name)}), 0)", f"{sign}coalesce(sum({col(amount, 's')}){only}, 0)"
    driving = next((d for d in table.driving if d.table == target), None)
    if driving is not None:
        # rows of another source have no such amount: none in the source, and none in the fact
        join = "inner" if len(table.driving) == 1 else "left"
        source = f"{staged(table)} {join} join {_source(catalog, driving)} as s on {_match(table)}"
        test = Aggregate(f"cast({own} <> {other} as integer)", checked="1", source=source, keys=(column.name,))
        return rule("money_equals_source", test, column=column.name, needs=needs)
    sql = (
        f"select cast(null as date) as partition_date, '{column.name}' as key where (select {own} from {name(table.name + '__all')} as t) "
        f"<> (select {other} from {name(target)} as s)"
    )
    return rule("money_equals_source", Offenders(sql), column=column.name, needs=frozenset({target, f"{table.name}__all"}))


def _code_source(table: Table, column: Column, upstream: Table) -> str | None:
    """The driving column whose text a ``_code``, ZIP or FIPS repeats, found by name (``diagnosis_code_1``: ``diagnosis1``)."""
    if upstream.layer != "raw" or not column.is_text:
        return None
    if column.name not in ("zip", "fips") and "_code" not in column.name:
        return None
    wanted = {column.name.replace("_", ""), column.name.replace("_code_", "")}
    if column.name == f"{entity(table)}_code":
        wanted.add("code")
    return next((c.name for c in upstream.source_columns if c.is_text and c.name.replace("_", "") in wanted), None)


def _rows(env: Environment) -> Mapping[date, Outcome]:
    """Missing driving rows stop every audited date, since nobody knows where they belong; doubled or strange ones their own.

    Equal counts and equal sums of the keys' 64-bit hashes mean that every driving row is there once: a scan of each side,
    where a join of 1.4 million keys took 1.9 s. Only otherwise the rows are looked at.
    """
    table, driving = env.table, env.table.driving[0]
    everything = _everything(env)
    source = f"{_sources(env.catalog, table)} as s"
    members = members_of(table) or "true"
    own = f"(select {', '.join(col(o) for o in driving.own_key)} from {everything} where {members}) as t"
    rows = env.counts.rows
    if env.rows(f"select {_key_sum(table, driving.own_key)} from {own}") == env.rows(
        f"select {_key_sum(table, driving.own_key, [f's.k{i}' for i in range(len(driving.key))])} from {source}"
    ):
        return {day: Outcome(rows.get(day, 0), 0) for day in env.dates}
    missing_sql = f"from {source} where not exists (select 1 from {own} where {_match(table)})"
    missing = env.rows(f"select count(*) {missing_sql}")[0][0]
    shown = " || '|' || ".join(f"coalesce(cast(s.k{i} as varchar), '')" for i in range(len(driving.key)))
    missing_keys = tuple(r[0] for r in env.rows(f"select {shown} as key {missing_sql} order by 1 limit 5"))
    extra = _surplus(env, everything, source, members)
    return {
        day: Outcome(rows.get(day, 0) + missing, len(extra.get(day, ())) + missing, (*missing_keys, *sorted(set(extra.get(day, ())))))
        for day in env.dates
    }


def _key_sum(table: Table, own_key: Sequence[str], spelled: Sequence[str] | None = None) -> str:
    """Number of rows and sum of their keys' hashes; the parts, ``spelled`` otherwise in the source, in the types of ``own_key``."""
    parts = [f"cast({s} as {table.column(o).sql_type})" for o, s in zip(own_key, spelled or [col(o) for o in own_key], strict=True)]
    return f"count(*), coalesce(sum(cast(hash({', '.join(parts)}) as hugeint)), 0)"


def _everything(env: Environment) -> str:
    """The complete new content and, where the engine says which, the rows it holds back."""
    table = env.table.name
    held = f" union all by name select * from {name(table + '__held')}" if f"{table}__held" in env.relations else ""
    return f"(select * from {name(table + '__all')}{held}) as t"


def _surplus(env: Environment, everything: str, source: str, members: str) -> dict[date, list[str]]:
    """Keys of staged rows that stand twice in the table, or that no driving row has, by date."""
    driving = env.table.driving[0]
    key = ", ".join(col(o) for o in driving.own_key)
    often = f"(select {key} from {everything} where {members} group by all having count(*) > 1)"
    twice = " and ".join(f"{col(o)} is not distinct from {col(o, 'o')}" for o in driving.own_key)
    sql = (
        f"select t.partition_date, {key_text(env.table)} as key from {staged(env.table)} where {members} and "
        f"(exists (select 1 from {often} as o where {twice}) or not exists (select 1 from {source} where {_match(env.table)}))"
    )
    found: dict[date, list[str]] = {}
    for day, key_of_row in env.rows(sql):
        found.setdefault(day, []).append(key_of_row)
    return found
