"""The SELECT from a file's records to typed rows, and the rule that the first wrong value of a row breaks.

Expressions per type are ``typing_sql``; running the SELECT, ordinals and superseded rows are ``reader`` and ``units``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from caremetrix_assets.catalog.models import Column
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.header import Binding
from caremetrix_assets.sources.sql import literal, name
from caremetrix_assets.sources.typing_sql import blanked, has_sentinels, is_sentinel, typed

# Columns of a file that ``records`` split: its fields c0, c1, ..., and these.
LINE, RULE = "line", "rule"
# A time of day to the minute; 24:00 closes a day.
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]|24:00"


@dataclass(frozen=True)
class Records:
    """One file or part ready for SQL: a plain CSV that DuckDB reads itself, or the Parquet that ``split`` made of it."""

    source_file: str
    path: Path
    binding: Binding
    is_split: bool
    has_nan: bool


def text_of(column: Column) -> str:
    """Where the SELECT keeps a column's text."""
    return name(column.name)


def value_of(column: Column) -> str:
    """Where the SELECT keeps a column's typed value."""
    return name(f"{column.name} typed")


def nulled(column: Column) -> str:
    """Where the SELECT keeps whether a sentinel was made null."""
    return name(f"{column.name} nulled")


def watched(file: RawFile, sources: Sequence[Records]) -> list[Column]:
    """Columns of the file in which sentinels may stand."""
    has_nan = any(source.has_nan for source in sources)
    return [c for c in file.columns if sources[0].binding.of(c.name) and has_sentinels(c, has_nan)]


def typed_select(file: RawFile, sources: Sequence[Records]) -> str:
    """A SELECT in file order: per contract column its text, typed value and whether a sentinel went; rule, place."""
    bound = {b.column.name: b for b in sources[0].binding.bound}
    present = [c for c in file.columns if c.name in bound]
    kept = "source_file, source_line, rule"
    # A START_YEAR and a START_DATE file are never parts of one another: parts have equal headers (see archive).
    blank = ", ".join(f"{blanked(c, text_of(c))} as {text_of(c)}" for c in present)
    seen = watched(file, sources)
    flagged = "".join(f", {text_of(c)} is not null and ({is_sentinel(c, text_of(c))}) as {nulled(c)}" for c in seen)
    cleaned = ", ".join(f"case when not {nulled(c)} then {text_of(c)} end as {text_of(c)}" if c in seen else text_of(c) for c in present)
    flags = "".join(f", {nulled(c)}" for c in seen)
    values = ", ".join(f"{typed(c, text_of(c), bound[c.name].header)} as {value_of(c)}" for c in present)
    absent = "".join(f", cast(null as {c.sql_type}) as {value_of(c)}" for c in file.columns if c.name not in bound)
    return (
        f"with records as ({' union all '.join(_source(r, present) for r in sources)}), "
        f"blanked as (select {blank}, {kept} from records), "
        f"flagged as (select *{flagged} from blanked), "
        f"cleaned as (select {cleaned}{flags}, {kept} from flagged) "
        f"select *, {values}{absent}, row_number() over () as place from cleaned"
    )


def broken_rule(file: RawFile, present: Sequence[str]) -> str:
    """The rule a typed row breaks, or null: what its record broke, else the first value in contract order."""
    tests: list[tuple[str, str]] = []
    tied: list[tuple[str, str]] = []  # a value that is wrong by itself comes before what follows from it
    for column in (c for c in file.columns if c.name in present):
        if not column.is_text:
            tests.append((f"{text_of(column)} is not null and {value_of(column)} is null", f"cannot_type.{column.name}"))
        if column.required:
            tests.append((f"{value_of(column)} is null", f"missing.{column.name}"))
        if file.is_practice:
            tests += _value_rules(column)
            tied += _ties(column, present)
    tests += tied
    whens = " ".join(f"when {test} then {literal(rule)}" for test, rule in tests)
    return f"case when rule is not null then rule {whens} end"


def _value_rules(column: Column) -> Iterator[tuple[str, str]]:
    """What a practice file's value must be beyond its type. Synthea's own categories are open: new releases add some."""
    value = value_of(column)
    if column.pattern == "clock":
        yield f"not regexp_full_match({value}, '{CLOCK}')", f"cannot_type.{column.name}"
    if column.values:
        yield f"{value} not in ({', '.join(literal(v) for v in column.values)})", f"not_allowed.{column.name}"
    if column.min is not None:
        yield f"{value} < {column.min}", f"not_allowed.{column.name}"


def _ties(column: Column, present: Sequence[str]) -> Iterator[tuple[str, str]]:
    value, when = value_of(column), column.when
    if when is not None and when.column in present:
        holds = f"coalesce({name(f'{when.column} typed')} in ({', '.join(literal(v) for v in when.values)}), false)"
        if when.rule != "only":
            yield f"{holds} and {value} is null", f"missing.{column.name}"
        if when.rule != "needed":
            yield f"not {holds} and {value} is not null", f"not_allowed.{column.name}"


def _source(records: Records, columns: Sequence[Column]) -> str:
    places = {b.column.name: b.place for b in records.binding.bound}
    fields = ", ".join(f"c{places[c.name]} as {text_of(c)}" for c in columns)
    file = f"{literal(records.source_file)} as source_file"
    if records.is_split:
        return f"select {fields}, {file}, {LINE} as source_line, {RULE} as rule from read_parquet({literal(str(records.path))})"
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(records.binding.width))
    # strict: a line that is not exactly the header's fields is an error, and the file goes the slow way
    options = "header = false, skip = 1, auto_detect = false, strict_mode = true, null_padding = false"
    return (
        f"select {fields}, {file}, row_number() over () + 1 as source_line, cast(null as varchar) as rule "
        f"from read_csv({literal(str(records.path))}, columns = {{{names}}}, {options}, "
        f"delim = ',', quote = '\"', escape = '\"')"
    )
