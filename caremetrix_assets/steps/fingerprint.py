"""What a partition was made from, as one short text: when it differs from the recorded one, the partition is stale.

Only contents count (row hashes of inputs, never times or run ids), so the same inputs in any order of arrival give
the same text. The rules of staleness: a mart of D rests on facts dated up to D and on dimension versions valid at or
before D; an entity snapshot of D on the change log up to D; facts and event dimensions on everything.
"""

from __future__ import annotations

import hashlib
from datetime import date

import duckdb

from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.engines.duckdb import quote
from caremetrix_assets.steps.context import RunContext

Item = tuple[str, str]
FIRST = "0001-01-01"


def signature(con: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[list[str]]:
    """Of one entity snapshot: per valid_from a hash of its rows without columns that depend on the day of the snapshot.

    Type 1 dimensions have one entry. ``relation`` holds the rows of one partition.
    """
    columns = ", ".join(quote(c.name) for c in steady_columns(table) if c.name != "valid_to")
    since = "cast(valid_from as varchar)" if table.scd == 2 else f"'{FIRST}'"
    rows = con.execute(f"select {since} as since, sum(cast(hash({columns}) as hugeint)) from {relation} group by 1 order by 1").fetchall()
    return [[since, f"{total:x}"] for since, total in rows]


def steady_columns(table: Table) -> list[Column]:
    """Columns of an entity dimension that do not depend on the day of the snapshot alone."""
    return [c for c in table.columns if not c.as_of and c.scd != "snapshot" and c.name not in ("partition_date", "is_current")]


def fingerprints(context: RunContext, table: Table, dates: list[date]) -> dict[date, str]:
    """The fingerprint of each of ``dates`` (ascending) from the present inputs."""
    items: list[Item] = sorted(_items(context, table))
    running = hashlib.sha256("|".join([table.definition, *settings_of(context, table)]).encode())
    result: dict[date, str] = {}
    position = 0
    for day in sorted(dates):
        while position < len(items) and items[position][0] <= day.isoformat():
            running.update(repr(items[position]).encode())
            position += 1
        same_day = running.copy()
        same_day.update(repr(_same_date(context, table, day)).encode())
        result[day] = same_day.hexdigest()[:16]
    return result


def whole_fingerprint(context: RunContext, table: Table) -> str:
    """The fingerprint of a table whose every partition rests on all inputs: facts and event dimensions.

    The newest built date is no part of it unless the SQL asks for it; that rows held back become due is ``is_due``.
    """
    items = [item for item in sorted(_items(context, table)) if item[0] <= context.newest_date.isoformat()]
    newest = context.newest_date.isoformat() if table.asks_for_newest else ""
    basis = [table.definition, newest, context.opening_date.isoformat(), *settings_of(context, table)]
    return hashlib.sha256(("|".join(basis) + repr(items)).encode()).hexdigest()[:16]


def is_due(context: RunContext, table: Table) -> bool:
    """Whether rows that the last build held back are dated up to the newest built date by now."""
    held_from = context.state(table.name).extra.get("held_from")
    return held_from is not None and held_from <= context.newest_date.isoformat()


def _items(context: RunContext, table: Table) -> list[Item]:
    items: list[Item] = []
    if "drop_ledger" in table.upstream:
        items += [(str(d["drop_date"]), repr(sorted(d.items(), key=str))) for d in context.drops]
    for name in table.upstream:
        if name not in context.catalog.tables:
            continue
        upstream, state = context.catalog.tables[name], context.state(name)
        mode = table.read_mode(upstream)
        if mode == "newest":
            items += [(since, f"{name}:{hash_}") for since, hash_ in state.extra.get("signature", [])]
        elif mode in ("state", "all"):
            items += [(str(day), f"{name}:{content(part.row_hash)}") for day, part in state.partitions.items()]
    return items


def _same_date(context: RunContext, table: Table, day: date) -> list[str]:
    found = []
    for name in table.upstream:
        upstream = context.catalog.tables.get(name)
        if upstream is not None and table.read_mode(upstream) == "same_date":
            part = context.state(name).partitions.get(day.isoformat())
            found.append(f"{name}:{content(part.row_hash) if part else None}")
    return found


def settings_of(context: RunContext, table: Table) -> list[str]:
    """Settings that the rows of the table rest on."""
    found = []
    if "run_settings" in table.upstream:
        found += [context.opening_date.isoformat(), str(context.settings.fiscal_start_month), str(context.history_start)]
    return found


def content(row_hash: str) -> str:
    """The part of a partition's row hash that is about its rows, without the definition it was written under."""
    return row_hash.rpartition(":")[2]
