"""Rules of every table that are not about one column's values: the staged files, the day, identity documents, references.

Column rules are ``rules_columns``; what only raw tables, dimensions, facts or marts have is in their own modules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caremetrix_assets.audit.fragments import OPENING, both, col, event_day, is_member, key_text, literal, name, staged, unresolved
from caremetrix_assets.audit.model import Offenders, Outcome, Predicate, Procedure, Rule, Scope
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.catalog.models import Catalog, Column, Table
from caremetrix_assets.catalog.neighbours import references

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment

ARROW_TYPES = {
    **dict.fromkeys(("key", "bigint"), "int64"),
    **dict.fromkeys(("id", "text"), "string"),
    "int": "int32",
    "money": "decimal128(18, 2)",
    "rate": "decimal128(9, 4)",
    "number": "double",
    "bool": "bool",
    "date": "date32[day]",
    "ts": "timestamp[us]",
}
FIRST_PARTITION = "first partition"
CHANGED = "contract changed"


def table_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Schema, drift of types, the partition's own date, the event's day, identity documents, references."""
    yield rule("schema_contract", Procedure(_schema), on_empty=True)
    yield rule("types_not_drifted", Procedure(_drift), on_empty=True)
    yield rule("value_in_range", Procedure(_own_date), column="partition_date")
    yield from _only_this_day(table)
    yield _identifiers(table)
    for column, (target, target_column) in references(table, catalog.tables).items():
        yield _resolves(table, column, target, target_column)


def footer_types(path: Path) -> dict[str, str]:
    """Column names and Arrow types of a Parquet file, in order."""
    return {name: kind for name, (kind, _) in _footer(path).items()}


def _footer(path: Path) -> dict[str, tuple[str, bool]]:
    """Column names of a Parquet file, in order, with Arrow type and whether it may hold nulls."""
    import pyarrow.parquet as pq

    return {f.name: (str(f.type).replace("large_", ""), f.nullable) for f in pq.read_schema(path)}


def _schema(env: Environment) -> Mapping[date, Outcome]:
    wanted = {c.name: (ARROW_TYPES[c.type], c.name not in env.table.never_null) for c in env.table.columns}
    found = {}
    for day, path in env.staged.files.items():
        got = _footer(path)
        off = [n for n in dict.fromkeys((*wanted, *got)) if wanted.get(n) != got.get(n)]
        if not off:
            off = [a for a, b in zip(wanted, got, strict=True) if a != b]
        found[day] = Outcome(len(wanted), len(off), tuple(sorted(off)))
    return found


def _drift(env: Environment) -> Mapping[date, Outcome]:
    context = env.context
    if context.published is None or context.contract_changed:
        reason = FIRST_PARTITION if context.published is None else CHANGED
        return dict.fromkeys(env.staged.files, Outcome(0, 0, reason=reason))
    before = footer_types(context.published)
    found = {}
    for day, path in env.staged.files.items():
        got = footer_types(path)
        off = sorted(n for n in before if n in got and before[n] != got[n])
        found[day] = Outcome(len(before), len(off), tuple(off))
    return found


def _own_date(env: Environment) -> Mapping[date, Outcome]:
    """A file's rows all carry the file's date; rows of no audited date count against the first, which stops every one."""
    found = {}
    strays = sum(n for day, n in env.counts.rows.items() if day not in env.dates)
    for day in env.dates:
        wrong = strays if day == env.dates[0] else 0
        path = env.staged.files.get(day)
        if path is not None and _statistics(path) != (day, day):
            sql = f"select count(*) from read_parquet(?) where partition_date is distinct from {literal(day)}"
            wrong = max(wrong, env.rows(sql, [str(path)])[0][0])
        found[day] = Outcome(env.counts.rows.get(day, 0), wrong)
    return found


def _statistics(path: Path) -> tuple[Any, Any] | None:
    """Smallest and largest partition_date by the footer, where it says so and no value is missing."""
    import pyarrow.parquet as pq

    footer = pq.read_metadata(path)
    index = {footer.schema.column(i).name: i for i in range(footer.num_columns)}.get("partition_date")
    groups = [footer.row_group(g).column(index).statistics for g in range(footer.num_row_groups)] if index is not None else []
    if not groups or any(s is None or not s.has_min_max or s.null_count for s in groups):
        return None
    return min(s.min for s in groups), max(s.max for s in groups)


def _only_this_day(table: Table) -> Iterator[Rule]:
    if table.layer == "raw" and table.has("drop_date"):
        bad = f"t.drop_date > t.partition_date or (t.drop_date < t.partition_date and t.partition_date <> {OPENING})"
        yield rule("only_this_day", Predicate(bad), Scope("drop_date"))
    elif table.by_event_date and (day := event_day(table)):
        own = "date_key(t.partition_date)"
        bad = f"{day} > {own} or ({day} < {own} and t.partition_date <> {OPENING})"
        yield rule("only_this_day", Predicate(bad), Scope("date_key"))


def _identifiers(table: Table) -> Rule:
    """Texts shaped like an SSN, licence or passport, and any value of a column of a class that may not be here."""
    barred = {"raw": (), "dims": ("restricted",), "facts": ("restricted", "pii"), "marts": ("restricted", "pii")}[table.layer]
    if table.layer == "raw" and any(c.privacy == "restricted" for c in table.columns):
        return rule("no_identifier_leak", Procedure(_belongs_here))
    screens, exacts = ["false"], ["false"]
    for column in table.columns:
        if column.privacy in barred:
            exacts.append(f"{col(column.name)} is not null")
            screens.append(exacts[-1])
        elif column.is_text and not column.values and column.pattern != "sk":
            screen, exact = _shaped(column)
            screens.append(screen)
            exacts.append(exact)
    return rule("no_identifier_leak", Predicate(" or ".join(exacts), screen=" or ".join(screens)))


def _belongs_here(env: Environment) -> Mapping[date, Outcome]:
    return dict.fromkeys(env.dates, Outcome(0, 0, reason="identity documents stay in this table"))


def _shaped(column: Column) -> tuple[str, str]:
    """A cheap condition and the exact one. Ids are compared whole; other texts may hold an SSN anywhere."""
    c = col(column.name)
    documents = f"(strlen({c}) = 9 and {c} like 'S99%') or (strlen({c}) = 10 and {c} like 'X%X')"
    if column.type == "id":
        screen = f"(strlen({c}) = 11 and {c} like '999-__-____') or {documents}"
        exact = f"regexp_full_match({c}, '999-[0-9]{{2}}-[0-9]{{4}}|S99[0-9]{{6}}|X[0-9]{{8}}X')"
    else:
        screen = f"contains({c}, '999-') or {documents}"
        ssn = f"regexp_matches({c}, '(^|[^0-9])999-[0-9]{{2}}-[0-9]{{4}}($|[^0-9])')"
        exact = f"{ssn} or regexp_full_match({c}, 'S99[0-9]{{6}}|X[0-9]{{8}}X')"
    return screen, f"({screen}) and ({exact})"


def _resolves(table: Table, column: str, target: str, target_column: str) -> Rule:
    members = is_member(table)
    if target == table.name:
        c, k = col(column), col(target_column, "d")
        inside = f"select 1 from {name(target)} as d where {k} = {c} and d.partition_date = t.partition_date"
        kept = both(f"{c} is not null", members)
        sql = f"select t.partition_date, {key_text(table)} as key from {staged(table)} where {kept} and not exists ({inside})"
    else:
        sql = unresolved(table, column, f"{name(target)} as d", target_column, members)
    return rule("fk_resolves", Offenders(sql), Scope(column, members), column=column, needs=frozenset({target}))
