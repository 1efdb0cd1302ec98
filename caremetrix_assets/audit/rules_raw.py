"""Rules of raw tables: keys and parents of the change log, what a drop may write, and the counts of its files.

Reading a drop is ``sources``; what a single table promises beyond this is in its contract's ``checks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from caremetrix_assets.audit.fragments import col, key_text, literal, name, staged, unresolved
from caremetrix_assets.audit.model import NO_PARENT, SAMPLES, FileCounts, Offenders, Outcome, Predicate, Procedure, Rule, Scope
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.catalog.models import Catalog, Column, Table
from caremetrix_assets.lake.changelog import state_sql

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment

CATEGORIES = frozenset({"encounterclass", "race", "gender", "ownership", "plan_ownership"})
EVENT_COLUMNS = ("start", "date", "start_date", "fromdate", "servicedate")
ORDER = "drop_date, drop_sequence, drop_id"
OLD_DAYS = 7
ROWS_A_WEEK = 100
FEW_ROWS = 100
# What makes a spreadsheet run a cell of an exported CSV; numbers and phone numbers with a sign cannot do anything.
FORMULA_STARTS = "'=', '+', '-', '@', chr(9), chr(13)"
SIGNED_NUMBER = r"[+-][0-9 .,()/-]*([eE][+-]?[0-9]+)?"
NO_FILE = "no file of this date"
DELTA = "delta drop"
OTHER_DROP = "other drop of the date"


def raw_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Rules of the change log, of the categories and ages of its rows, and of the files it came from."""
    assert table.source is not None
    state, log = f"{table.name}__state", f"{table.name}__all"
    yield rule("raw_key_unique", Offenders(_doubled_state(table)), needs=frozenset({state}))
    for column in table.columns:
        if column.parent:
            yield _parent(catalog, table, column)
        if column.name in CATEGORIES:
            yield _new_category(table, column)
    sql = _rewritten_unit(table) if table.source.unit else _rewritten_row(table)
    yield rule("change_log_minimal", Offenders(sql), Scope(None, "t.change_type <> 'delete'"), needs=frozenset({log}))
    needs = frozenset({log, f"{table.name}__brought"})
    yield rule("replayed_state_equals_drop", Procedure(_unlike_drop), needs=needs)
    if _event_column(table):
        yield rule("newest_event_age", Procedure(_newest_event), needs=frozenset({log}))
    # a parent's id must be one that the parent's file has, so it is looked at there
    texts = [col(c.name) for c in table.source_columns if c.is_text and not c.values and not c.parent]
    if texts:
        screen = " or ".join(f"left({text}, 1) in ({FORMULA_STARTS})" for text in texts)
        bad = " or ".join(f"(left({text}, 1) in ({FORMULA_STARTS}) and not regexp_full_match({text}, '{SIGNED_NUMBER}'))" for text in texts)
        yield rule("formula_cell", Predicate(bad, screen=screen), Scope(None, "t.change_type <> 'delete'"))
    for check, measure in FILE_MEASURES.items():
        yield rule(check, Procedure(_per_file(measure)), on_empty=True)


def _state_key(table: Table, alias: str = "t") -> str:
    names = dict.fromkeys((*table.natural_key, "source_ordinal"))
    return ", ".join(col(n, alias) for n in names)


def _doubled_state(table: Table) -> str:
    state, key = name(f"{table.name}__state"), _state_key(table)
    doubled = f"select hash({key}) from {state} as t group by 1 having count(*) > 1"
    return (
        f"select max(t.partition_date) as partition_date, {key_text(table)} as key from {state} as t "
        f"where hash({key}) in ({doubled}) group by {key} having count(*) > 1"
    )


def _parent(catalog: Catalog, table: Table, column: Column) -> Rule:
    assert column.parent is not None
    parent = catalog.tables.get(column.parent)
    key = (parent.natural_key or parent.key)[0] if parent else "id"
    target = f"$log({column.parent})"
    sql = unresolved(table, column.name, f"{target} as d", key, "t.change_type <> 'delete'")
    absent = f"select '{NO_PARENT}' where not exists (select 1 from {target})"
    needs = frozenset({column.parent})
    return rule("raw_fk_resolves", Offenders(sql, unless=absent), Scope(column.name), column=column.name, needs=needs)


def _counted(table: Table) -> list[str]:
    key = {*table.natural_key, "source_ordinal"}
    return [c.name for c in table.source_columns if c.counts and c.name not in key]


def _compared(table: Table) -> str:
    """Staged rows, of keys that the log has more than once, with the row before in drop order beside them."""
    key, log = _state_key(table), name(f"{table.name}__all")
    counted = ", ".join(col(n) for n in _counted(table)) or "true"
    return (
        f"with often as (select hash({key}) as h from {log} as t group by 1 having count(*) > 1), "
        f"rows as (select t.*, row({counted}) as counted, lag(row({counted})) over keys as before, "
        f"lag(t.change_type) over keys as change_before from {log} as t where hash({key}) in (select h from often) "
        f"window keys as (partition by {key} order by {', '.join(f't.{o}' for o in ORDER.split(', '))})) "
    )


_UNCHANGED = "change_before is not null and change_before <> 'delete' and t.counted is not distinct from t.before"


def _rewritten_row(table: Table) -> str:
    rewritten = f"t.change_type <> 'delete' and {_UNCHANGED}"
    return f"{_compared(table)} select t.partition_date, {key_text(table)} as key from rows as t where {rewritten}"


def _rewritten_unit(table: Table) -> str:
    """A unit is written whole, so only one whose rows are all as before, none gone and none new, is too much."""
    assert table.source is not None
    unit = ", ".join(col(n) for n in table.source.key[:-1])
    key = " || '|' || ".join(f"cast({col(n)} as varchar)" for n in table.source.key[:-1])
    log = name(f"{table.name}__all")
    same_unit = " and ".join(f"{col(n)} = {col(n, 'w')}" for n in table.source.key[:-1])
    return (
        f"{_compared(table)}, units as (select t.partition_date, t.drop_id, {unit}, {key} as key, count(*) as n from rows as t "
        f"where t.change_type <> 'delete' and {_UNCHANGED} group by t.partition_date, t.drop_id, {unit}) "
        f"select t.partition_date, t.key from units as t where t.n = (select count(*) from {log} as w "
        f"where w.drop_id = t.drop_id and w.partition_date = t.partition_date and {same_unit})"
    )


def _unlike_drop(env: Environment) -> Mapping[date, Outcome]:
    """Rows of a full drop against the state that its day ends with; only where no other drop of the day changes it again."""
    found = {}
    for day in env.dates:
        files = env.context.files.get(day, ())
        if len(files) == 1 and files[0].kind == "full":
            found[day] = _differing(env, day, files[0])
        else:
            found[day] = Outcome(0, 0, reason=OTHER_DROP if len(files) > 1 else DELTA if files else NO_FILE)
    return found


def _differing(env: Environment, day: date, file: FileCounts) -> Outcome:
    """Equal counts and sums of hashes mean equal rows, which is usual; the state may also have rows that the drop lacks."""
    log = f"(select * from {name(env.table.name + '__all')} where partition_date <= {literal(day)})"
    drop = f"select * from {name(env.table.name + '__brought')} where partition_date = {literal(day)}"
    row = f"hash({', '.join(col(c) for c in file.compared)})"
    sent, state = (f"select {row} as h from ({rows}) as t" for rows in (drop, state_sql(env.table, log)))
    totals = [env.rows(f"select count(*), sum(cast(h as hugeint)) from ({hashes})") for hashes in (sent, state)]
    if totals[0] == totals[1]:
        return Outcome(file.accepted, 0)
    sides = [f"(select h, count(*) as n from ({hashes}) group by h)" for hashes in (sent, state)]
    odd = f"select s.h from {sides[0]} as s left join {sides[1]} as k on k.h = s.h where k.h is null or k.n < s.n"
    keys = env.rows(f"select distinct {key_text(env.table)} as key from ({drop}) as t where {row} in ({odd}) order by 1")
    return Outcome(file.accepted, len(keys), tuple(key for (key,) in keys[:SAMPLES]))


def _new_category(table: Table, column: Column) -> Rule:
    """Rows with a value that no earlier partition of the log has."""
    c, log = col(column.name), name(f"{table.name}__all")
    sql = (
        f"with seen as (select {c} as v, min(t.partition_date) as first_seen from {log} as t where {c} is not null group by 1) "
        f"select t.partition_date, {key_text(table)} as key from {staged(table)} inner join seen on seen.v = {c} "
        f"and seen.first_seen = t.partition_date"
    )
    needs = frozenset({f"{table.name}__all"})
    first = f"select 'first drop', min(w.partition_date) from {log} as w"
    return rule("new_category_value", Offenders(sql, unless=first), Scope(column.name), column=column.name, needs=needs)


def _event_column(table: Table) -> str | None:
    """The column that dates a row: the day or time in its key, else the start of what it describes."""
    assert table.source is not None
    dated = {c.name for c in table.source_columns if c.type in ("date", "ts")}
    named = [n for n in (*table.source.key, *EVENT_COLUMNS) if n in dated]
    return named[0] if named else None


def _newest_event(env: Environment) -> Mapping[date, Outcome]:
    column = _event_column(env.table)
    assert column is not None
    event, log = f"cast({col(column)} as date)", name(f"{env.table.name}__all")
    found = {}
    for day in env.dates:
        sql = (
            f"select max({event}), max(t.drop_date) filter (where t.partition_date = {literal(day)}), "
            f"count(*) filter (where {event} between {literal(day - timedelta(371))} and {literal(day - timedelta(OLD_DAYS + 1))}) "
            f"from {log} as t where t.partition_date <= {literal(day)}"
        )
        newest, dropped, in_year = env.rows(sql)[0]
        if newest is None or dropped is None or in_year < 52 * ROWS_A_WEEK:
            found[day] = Outcome(0, 0, reason="under 100 rows a week")
        else:
            found[day] = Outcome(1, int(newest < dropped - timedelta(OLD_DAYS)), (env.table.name,))
    return found


Measure = Callable[["Environment", FileCounts], tuple[int, int] | None]


def _per_file(measure: Measure) -> Callable[[Environment], Mapping[date, Outcome]]:
    def run(env: Environment) -> Mapping[date, Outcome]:
        found = {}
        for day in env.dates:
            files = env.context.files.get(day, ())
            counts = [(f, n) for f in files if (n := measure(env, f)) is not None]
            if not counts:
                found[day] = Outcome(0, 0, reason=DELTA if files else NO_FILE)
                continue
            keys = tuple(sorted({f.drop_id[:12] for f, n in counts if n[1]}))
            found[day] = Outcome(sum(n[0] for _, n in counts), sum(n[1] for _, n in counts), keys)
        return found

    return run


def _unaccounted(env: Environment, f: FileCounts) -> tuple[int, int]:
    return 1, int(f.rows != f.accepted + f.broken + f.waiting + f.superseded)


def _too_broken(env: Environment, f: FileCounts) -> tuple[int, int]:
    source = env.table.source
    if source is not None and source.strict:
        return 1, int(f.broken > 0)
    allowed = Decimal(1) if f.rows < FEW_ROWS else env.context.quarantine_limit * f.rows
    return 1, int(f.broken > allowed)


def _vanished(env: Environment, f: FileCounts) -> tuple[int, int] | None:
    return (f.keys_before, f.vanished) if f.kind == "full" and f.keys_before else None


FILE_MEASURES: dict[str, Measure] = {
    "rows_accounted": _unaccounted,
    "quarantine_share": _too_broken,
    "waiting_share": lambda env, f: (f.rows, f.waiting),
    "schema_drift": lambda env, f: (f.headers, f.headers_off),
    "vanished_keys": _vanished,
}
