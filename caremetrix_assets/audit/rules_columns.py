"""Rules about single columns and the grain: type, nullity, values, patterns, ranges, uniqueness, sentinels.

Each has a Great Expectations twin (``expectations``) that gives the same counts. Rules across tables are elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from caremetrix_assets.audit.fragments import OPEN_END, both, col, is_member, key_text, literal, literals, staged
from caremetrix_assets.audit.model import Expectation, Missing, Offenders, Outcome, Predicate, Procedure, Rule, Scope
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.catalog.models import Column, Table

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment

FIRST_DATE, LAST_DATE = date(1850, 1, 1), date(2100, 12, 31)
LAST_SOURCE_YEAR = 2200
LARGEST = 1.7976931348623157e308
WORDS = ("null", "NaN", "None")
BLANK_OR_WORD = r"\A(?:[ \t\n\r\f\v]*|null|NaN|None)\Z"
HEX_32 = r"\A[0-9a-f]{32}\Z"
TYPE_NAMES = {
    **dict.fromkeys(("key", "int", "bigint"), "int"),
    **dict.fromkeys(("id", "text"), "str"),
    **dict.fromkeys(("money", "rate"), "Decimal"),
    "number": "float",
    "bool": "bool",
    "date": "date",
    "ts": "datetime64",
}
KINDS = {
    "str": ("VARCHAR",),
    "int": ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
    "Decimal": ("DECIMAL",),
    "float": ("DOUBLE", "FLOAT"),
    "bool": ("BOOLEAN",),
    "date": ("DATE",),
    "datetime64": ("TIMESTAMP",),
}
UNITS = ("days", "hours", "minutes", "seconds", "weeks", "months", "years")
WINDOW = re.compile(r"_(prior_)?\d+[dm]$")


def column_rules(table: Table) -> Iterator[Rule]:
    """The rules of every column, then those of the grain."""
    for column in table.columns:
        yield _type(table, column)
        if column.required:
            yield _not_null(table, column)
        if column.values:
            yield _values(table, column)
        if column.is_text:
            yield _pattern(table, column)
        yield from _range(table, column)
        if column.null_if or (table.layer == "raw" and column.type in ("date", "ts")):
            yield _sentinel(table, column)
    yield _unique("grain_unique", table, table.key)
    if table.layer == "dims" and table.natural_key:
        versions = ("valid_from",) if table.scd == 2 else ()
        yield _unique("natural_key_unique", table, (*table.natural_key, *versions))


def _scope(table: Table, column: Column | None = None) -> Scope:
    return Scope(column.name if column else None, is_member(table))


def _type(table: Table, column: Column) -> Rule:
    def run(env: Environment) -> Mapping[date, Outcome]:
        kinds = KINDS[TYPE_NAMES[column.type]]
        wrong = not env.types[column.name].startswith(kinds)
        filled = env.counts.scopes[Scope(column.name)]
        return {d: Outcome(1, int(wrong), (column.name,)) for d in env.dates if filled.get(d)}

    expectation = Expectation("of_type", (column.name,), (TYPE_NAMES[column.type],))
    return rule("column_type", Procedure(run), Scope(column.name), column=column.name, expectations=(expectation,))


def _not_null(table: Table, column: Column) -> Rule:
    where = None
    if not table.is_filled_always(column):
        where = is_member(table) or ("t.change_type <> 'delete'" if table.has("change_type") else None)
    expectation = Expectation("not_null", (column.name,))
    test = Missing(Scope(column.name, where))
    return rule("not_null", test, Scope(None, where), column=column.name, expectations=(expectation,))


def _values(table: Table, column: Column) -> Rule:
    assert column.values is not None
    c = col(column.name) if column.is_text else f"cast({col(column.name)} as varchar)"
    scope = _scope(table, column)
    test = Predicate(_within(f"{c} not in {literals(column.values)}", scope))
    twin = (Expectation("in_set", (column.name,), column.values),) if column.is_text else ()
    return rule("allowed_values", test, scope, column=column.name, expectations=twin)


def _pattern(table: Table, column: Column) -> Rule:
    c, scope = col(column.name), _scope(table, column)
    if column.pattern == "sk":
        test = Predicate(_within(f"not regexp_full_match({c}, '[0-9a-f]{{32}}')", scope))
        expectation = Expectation("regex", (column.name,), (HEX_32,))
    else:
        # A blank text starts below '!'; trimming every text would take 300 ns a row (measured), so it is the second look.
        words = f"(strlen({c}) < 5 and {c} in {literals(WORDS)})"
        blank = f"({c} < '!' and trim({c}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)) = '')"
        test = Predicate(_within(f"{words} or {blank}", scope), screen=f"{words} or {c} < '!'")
        expectation = Expectation("not_regex", (column.name,), (BLANK_OR_WORD,))
    return rule("id_pattern", test, scope, column=column.name, expectations=(expectation,))


def _range(table: Table, column: Column) -> Iterator[Rule]:
    scope = _scope(table, column)
    if column.name == "date_key" and "date_key" not in table.key:
        late = f"{col('date_key')} > date_key(t.partition_date)"
        yield rule("value_in_range", Predicate(late), scope, column=column.name)
        return
    if column.name == "partition_date":
        return
    low, high = bounds(column)
    if low is None and high is None:
        return
    c = col(column.name)
    sides = [f"{c} < {_number(low)}" if low is not None else None, f"{c} > {_number(high)}" if high is not None else None]
    bad = " or ".join(s for s in sides if s)
    if _may_stay_open(column):
        bad = f"({bad}) and {c} <> {literal(OPEN_END)}"
    exact = all(not isinstance(b, Decimal) or Decimal(float(b)) == b for b in (low, high))
    twin = (Expectation("between", (column.name,), (low, high, _may_stay_open(column))),) if exact else ()
    yield rule("value_in_range", Predicate(_within(bad, scope)), scope, column=column.name, expectations=twin)


def bounds(column: Column) -> tuple[object, object]:
    """Lowest and highest allowed value: what the contract says, else what type and name say; None for no bound."""
    low: object = column.min
    high: object = column.max
    if column.type in ("date", "ts"):
        low, high = low or FIRST_DATE, high or LAST_DATE
        if column.type == "ts":
            assert isinstance(low, date) and isinstance(high, date)
            return datetime.combine(low, time.min), datetime.combine(high, time.max)
    elif column.type == "rate" and column.name.endswith("_share"):
        low, high = Decimal(0) if low is None else low, Decimal(1) if high is None else high
    elif column.type in ("int", "bigint") and low is None and is_count(column.name):
        low = Decimal(0)
    elif column.type == "number":
        # not a number and infinity lie outside the largest finite value
        low, high = -LARGEST if low is None else float(str(low)), LARGEST if high is None else float(str(high))
    return low, high


def is_count(name: str) -> bool:
    """True for names of plain counts: ``_count`` or a plural that is no unit of time; never a net figure."""
    stem = WINDOW.sub("", name)
    last = stem.rpartition("_")[2]
    return not stem.startswith("net_") and (last == "count" or (last.endswith("s") and last not in UNITS))


def _may_stay_open(column: Column) -> bool:
    return column.type == "date" and column.max is None and (column.name == "valid_to" or column.name.endswith("_end_date"))


def _number(value: object) -> str:
    return f"cast('{value!r}' as double)" if isinstance(value, float) else literal(value)


def _sentinel(table: Table, column: Column) -> Rule:
    c, conditions, twins = col(column.name), [], []
    marks = [m for m in (_sentinel_value(column, text) for text in column.null_if) if m is not None]
    if marks:
        conditions.append(f"{c} in {literals(marks)}")
        twins.append(Expectation("not_in_set", (column.name,), tuple(marks)))
    if column.type in ("date", "ts"):
        last = date(LAST_SOURCE_YEAR, 12, 31)
        high: object = datetime.combine(last, time.max) if column.type == "ts" else last
        conditions.append(f"{c} > {literal(high)}")
        twins.append(Expectation("between", (column.name,), (None, high, False)))
    test = Predicate(" or ".join(conditions) or "false")
    return rule("sentinel_removed", test, Scope(column.name), column=column.name, expectations=tuple(twins))


def _sentinel_value(column: Column, text: str) -> object:
    if column.is_text:
        return text
    if column.type == "ts":
        return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)
    if column.type == "date":
        return date.fromisoformat(text[:10])
    return None if text == "NaN" else Decimal(text)


def _unique(check: str, table: Table, columns: tuple[str, ...]) -> Rule:
    """Rows whose key occurs twice: within the partition, for facts and event dimensions anywhere in the table.

    A fact whose key names partition_date (the book of every day) may repeat what is left of it in another partition.
    """
    names = tuple(dict.fromkeys((*columns, "partition_date")))
    content = staged(table)
    if table.by_event_date:
        names, content = tuple(dict.fromkeys(columns)), f'"{table.name}__all" as t'
    key = ", ".join(col(n) for n in names)
    # 8-byte hashes first: grouping 1.3 million keys by their text takes twice as long
    doubled = f"select hash({key}) from {content} group by 1 having count(*) > 1"
    exact = f"select {', '.join(col(n) for n in names)} from {content} where hash({key}) in ({doubled}) "
    exact += "group by all having count(*) > 1"
    match = " and ".join(f"{col(n)} is not distinct from d.{n}" for n in names)
    sql = f"select t.partition_date, {key_text(table)} as key from {staged(table)} inner join ({exact}) as d on {match}"
    needs = frozenset({f"{table.name}__all"}) if table.by_event_date else frozenset()
    # a frame of one partition cannot see a key that stands in another one too
    twin = () if table.by_event_date else (Expectation("unique", names),)
    return rule(check, Offenders(sql), expectations=twin, needs=needs)


def _within(condition: str, scope: Scope) -> str:
    return both(condition, scope.where) or condition
