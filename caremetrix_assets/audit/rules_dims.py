"""Rules of dimensions: reserved members, stable keys, versions of type 2, completeness.

That natural keys are unique is a column rule (``rules_columns``).
"""

from __future__ import annotations

from collections.abc import Iterator

from caremetrix_assets.audit.fragments import (
    FIRST_DAY,
    OPEN_END,
    OPENING,
    RESERVED,
    as_text,
    both,
    col,
    entity,
    is_member,
    key_text,
    literal,
    name,
    same,
    staged,
)
from caremetrix_assets.audit.model import Aggregate, Offenders, Predicate, Rule, Scope
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.catalog.models import Catalog, Column, Table

TYPE_2 = ("is_current", "valid_from", "valid_to")


def dim_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Rules of one dimension or bridge, by what its contract declares."""
    if table.member_column:
        yield _reserved(table)
        if table.natural_key and table.natural_key != table.key:
            yield _stable_hash(table)
    if table.scd == 2 and table.natural_key:
        yield from _versions(table)
    if table.dimension == "entity" and table.driving:
        yield _complete(catalog, table)
    if table.dimension == "entity":
        yield from _codes(catalog, table)


def _reserved(table: Table) -> Rule:
    """Each member once and as the conventions say; of an event dimension in the opening partition only."""
    key = col(str(table.member_column))
    wrong = []
    for number, label in RESERVED.items():
        right = both(f"{key} = {number}", *(_attribute(table, c, number, label) for c in table.columns))
        wrong.append(f"(case when count(*) filter (where {key} = {number}) = 1 and count(*) filter (where {right}) = 1 then 0 else 1 end)")
    failed, any_of = " + ".join(wrong), f"count(*) filter (where {key} in (-1, -2, -3))"
    if table.by_event_date:
        failed = f"case when any_value(t.partition_date) = {OPENING} then {failed} else {any_of} end"
    test = Aggregate(failed, checked="3", keys=tuple(str(n) for n in RESERVED), if_empty=0 if table.by_event_date else 3)
    return rule("reserved_members_present", test, on_empty=not table.by_event_date)


def _attribute(table: Table, column: Column, number: int, label: str) -> str | None:
    c = col(column.name)
    if column.name in (*table.key, "partition_date"):
        return None
    if column.name == "member_key":
        return f"{c} = {number}"
    if table.scd == 2 and column.name in TYPE_2:
        return {"is_current": c, "valid_from": f"{c} = {literal(FIRST_DAY)}", "valid_to": f"{c} = {literal(OPEN_END)}"}[column.name]
    return f"{c} = {literal(label)}" if column.is_text else f"{c} is null"


def _stable_hash(table: Table) -> Rule:
    key = str(table.member_column)
    parts = " || '|' || ".join([literal(entity(table)), *(as_text(table.column(n)) for n in table.natural_key)])
    first = f"stable_key({parts} || '|{FIRST_DAY.isoformat()}')"
    if table.scd == 2:
        bad = f"{col(key)} is distinct from stable_key({parts} || '|' || iso_date(t.valid_from))"
        if table.has("member_key"):
            bad += f" or t.member_key is distinct from {first}"
    else:
        bad = f"{col(key)} is distinct from stable_key({parts})"
    members = is_member(table)
    return rule("key_is_stable_hash", Predicate(both(bad, members) or bad), Scope(None, members))


def _versions(table: Table) -> Iterator[Rule]:
    keys = ", ".join(col(n) for n in (*table.natural_key, "partition_date"))
    window = f"over (partition by {keys} order by t.valid_from, t.valid_to)"
    members = is_member(table) or "true"
    scope = Scope(None, members)
    chain = (
        f"select t.partition_date, {key_text(table)} as key, t.valid_from, t.valid_to, lag(t.valid_to) {window} as ended, "
        f"lag(true) {window} as later, lead(true) {window} as earlier from {staged(table)} where {members}"
    )
    broken = (
        f"(later is null and valid_from <> {literal(FIRST_DAY)}) or (later and valid_from is distinct from ended) "
        f"or (earlier is null and valid_to <> {literal(OPEN_END)}) or valid_from >= valid_to or valid_from is null or valid_to is null"
    )
    yield rule("scd2_no_gap_no_overlap", Offenders(f"select partition_date, key from ({chain}) where {broken}"), scope)
    grouped = f"select t.partition_date, any_value({key_text(table)}) as key from {staged(table)} where {members} group by {keys}"
    current = f"count(*) filter (where t.is_current) <> 1 or count(*) filter (where t.is_current and t.valid_to = {literal(OPEN_END)}) <> 1"
    yield rule("scd2_one_current", Offenders(f"{grouped} having {current}"), scope)
    tracked = ", ".join(col(c.name) for c in table.columns if c.scd == "tracked")
    if tracked:
        chain = (
            f"select t.partition_date, {key_text(table)} as key, row({tracked}) as seen, lag(row({tracked})) {window} as before, "
            f"lag(true) {window} as later from {staged(table)} where {members}"
        )
        equal = f"select partition_date, key from ({chain}) where later and seen is not distinct from before"
        yield rule("scd2_real_change", Offenders(equal), scope)
    budget = f"{grouped} having count(*) > 1 + (select count(*) from drop_ledger as l where l.drop_date <= t.partition_date)"
    yield rule("scd2_version_budget", Offenders(budget), scope, needs=frozenset({"drop_ledger"}))


def _complete(catalog: Catalog, table: Table) -> Rule:
    """Natural keys of the log up to each date against the members of that date. Fixed members are spelled LIKE_THIS."""
    driving = table.driving[0]
    key = [(f"s.k{i}", col(own)) for i, own in enumerate(driving.own_key)]
    upstream = catalog.tables.get(driving.table)
    table_name = name(driving.table)
    has = [upstream is None or upstream.has(k) for k in driving.key]
    selected = ", ".join(f"{col(k, table_name) if h else k} as k{i}" for i, (k, h) in enumerate(zip(driving.key, has, strict=True)))
    groups = ", ".join(str(i + 1) for i in range(len(key)))
    where = f"where {driving.where}" if driving.where else ""
    first = f"select {selected}, min({table_name}.partition_date) as first_seen from {table_name} {where} group by {groups}"
    shown = " || '|' || ".join(f"coalesce(cast(s.k{i} as varchar), '')" for i in range(len(key)))
    members, own = is_member(table) or "true", staged(table)
    fixed = " or ".join(f"regexp_full_match(cast({o} as varchar), '[A-Z]+(_[A-Z]+)+')" for _, o in key)
    sql = (
        f"with source as ({first}) select r.partition_date, {shown} as key from run_dates as r inner join source as s "
        f"on s.first_seen <= r.partition_date where not exists (select 1 from {own} where t.partition_date = r.partition_date "
        f"and {members} and {same(key)}) union all select t.partition_date, {key_text(table)} as key from {own} "
        f"where {members} and not coalesce({fixed}, false) and not exists (select 1 from source as s "
        f"where s.first_seen <= t.partition_date and {same(key)})"
    )
    return rule("dimension_complete", Offenders(sql), Scope(None, members), needs=frozenset({driving.table}), on_empty=True)


def _codes(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """ZIP and FIPS must be a text that the raw table behind the dimension has for the same one-column natural key."""
    if len(table.natural_key) != 1:
        return
    names = [d.table for d in table.driving] or table.upstream
    sources = [t for t in (catalog.tables.get(n) for n in names) if t and t.layer == "raw" and len(t.natural_key) == 1]
    for column in (c for c in table.columns if c.name in ("zip", "fips")):
        having = [s for s in sources if s.has(column.name)]
        if len(having) != 1:
            continue
        raw, own = col(having[0].natural_key[0], "s"), col(table.natural_key[0])
        members = both(is_member(table), f"{col(column.name)} is not null")
        sql = (
            f"select t.partition_date, {key_text(table)} as key from {staged(table)} where {members} and not exists "
            f"(select 1 from {name(having[0].name)} as s where {raw} = {own} and {col(column.name, 's')} = {col(column.name)})"
        )
        needs = frozenset({having[0].name})
        yield rule("code_keeps_text", Offenders(sql), Scope(column.name, members), column=column.name, needs=needs)
