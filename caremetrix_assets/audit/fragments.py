"""Pieces of SQL that several rules share: quoted names, literals, the key that stands for a row, reserved members.

The staged rows are always ``t``. Whole rules are in ``rules_*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets.catalog.models import Column, Table

RESERVED = {-1: "Unknown", -2: "Not applicable", -3: "All"}
FIRST_DAY = date(1900, 1, 1)
OPEN_END = date(9999, 12, 31)
# Stands for the lake's opening date in a rule's SQL; the evaluation puts the date in.
OPENING = "$opening"
# Stands for the whole change log of a raw table where there is one (``<table>__log``), else for what the table's name gives.
LOG = re.compile(r"\$log\((\w+)\)")
ALL_KEY = -3
ALL_TEXT = "all"
# Shapes of Synthea's SSN, driver's licence and passport; a key that looks like one is never shown.
IDENTIFIER = re.compile(r"999-\d\d-\d{4}|S99\d{6}|X\d{8}X")
MASK = "***"
# A measured value may be part of a raw natural key (observations); it is no part of what is shown.
NEVER_SHOWN = frozenset({"value"})


def name(identifier: str) -> str:
    """A quoted identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def col(column: str, alias: str = "t") -> str:
    """A quoted column of a relation."""
    return f"{alias}.{name(column)}"


def literal(value: object) -> str:
    """A Python value as a SQL literal: text, date, datetime, bool, int, Decimal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, (int, Decimal)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def literals(values: Iterable[object]) -> str:
    """Several literals in brackets, for ``in``."""
    return "(" + ", ".join(literal(v) for v in values) + ")"


def staged(table: Table) -> str:
    """The FROM item of the staged rows."""
    return f"{name(table.name)} as t"


def key_text(table: Table, alias: str = "t") -> str:
    """The text that stands for a row in results: its natural key, else its primary key, parts joined by ``|``.

    Parts classified pii or restricted, and measured values, are left out.
    """
    names = [*(table.natural_key or table.key)]
    if table.source is not None and table.source.ordinal and "source_ordinal" not in names:
        names.append("source_ordinal")
    columns = [table.column(n) for n in names if n != "partition_date"]
    shown = [c for c in columns if c.privacy in ("public", "internal") and c.name not in NEVER_SHOWN]
    return " || '|' || ".join(as_text(c, alias) for c in shown) or "''"


def as_text(column: Column, alias: str = "t") -> str:
    """A value as the key convention spells it: null empty, dates and timestamps ISO, numbers plain."""
    c = col(column.name, alias)
    if column.is_text:
        return f"coalesce({c}, '')"
    if column.type == "ts":
        return f"coalesce(iso_ts({c}), '')"
    if column.type == "date":
        return f"coalesce(iso_date({c}), '')"
    return f"coalesce(cast({c} as varchar), '')"


def safe_key(text: object) -> str:
    """A key fit for a result: no blank, at most 120 characters, nothing shaped like an identity document."""
    plain = IDENTIFIER.sub(MASK, str(text if text is not None else ""))
    return re.sub(r"\s", "_", plain)[:120]


def is_member(table: Table) -> str | None:
    """True for rows that are not reserved members; None where a table has none."""
    key = table.member_column
    return f"coalesce({col(key)}, 0) not in (-1, -2, -3)" if key else None


def both(*conditions: str | None) -> str | None:
    """The conditions joined by ``and``; None when there is none."""
    given = [c for c in conditions if c]
    return " and ".join(f"({c})" for c in given) if given else None


def same(columns: Iterable[tuple[str, str]]) -> str:
    """A join condition over pairs of expressions in which null equals null."""
    return " and ".join(f"{a} is not distinct from {b}" for a, b in columns)


def unresolved(table: Table, column: str, target: str, target_column: str, where: str | None) -> str:
    """A SELECT of the staged rows whose value is in no row of ``target`` (a FROM item with alias ``d``).

    The distinct values are looked up, not the rows: half the work where a million rows name a thousand members.
    """
    kept = both(f"{col(column)} is not null", where)
    absent = f"not exists (select 1 from {target} where {col(target_column, 'd')} = v.value)"
    values = f"select v.value from (select distinct {col(column)} as value from {staged(table)} where {kept}) as v where {absent}"
    return f"select t.partition_date, {key_text(table)} as key from {staged(table)} where {kept} and {col(column)} in ({values})"


def entity(table: Table) -> str:
    """The word in front of a dimension's hash: its name without the prefix."""
    return table.name.partition("_")[2]


def event_day(table: Table) -> str | None:
    """The row's own event date as yyyymmdd, where the table carries one."""
    return col("date_key") if table.has("date_key") and "date_key" not in table.key else None
