"""Computes only the groups of rows that a run can have changed, for a large table whose contract says how (``narrow``).

A table remembers what its rows rested on when they were last published: per upstream table the partitions and a hash of their
contents. When all that came since are further partitions, the rows in them name the groups to compute anew; the other groups
keep their published rows. Anything else (an older partition differs, another definition, rows held back) computes the whole
table. Either way gives the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb

from caremetrix_assets.catalog.models import Narrow, Table
from caremetrix_assets.engines.duckdb import literal, parquet_relation, parquet_source, quote
from caremetrix_assets.engines.relation import LakeRelation
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.fingerprint import content, settings_of, steady_columns
from caremetrix_assets.steps.packing import partition_paths
from caremetrix_assets.steps.relations import create_relation, published_dates
from caremetrix_assets.steps.staged import Staged

GROUPS, ROWS, FRESH, KEPT, PART = "narrow_groups", "narrow_rows", "narrow_fresh", "narrow_kept", "narrow_part"
RESTS_ON = "rests_on"


def rests_on(context: RunContext, table: Table) -> dict[str, Any]:
    """What the rows of ``table`` rest on now: per upstream table ``[last date, hash of its partitions up to it]``."""
    found: dict[str, Any] = {"table": [table.definition, context.opening_date.isoformat(), *settings_of(context, table)]}
    for name in table.upstream:
        upstream = context.catalog.tables.get(name)
        if upstream is not None:
            days = [d.isoformat() for d in _seen(context, upstream)]
            found[name] = [days[-1], _contents(context, table, upstream, days[-1])] if days else []
    return found


def narrowed(con: duckdb.DuckDBPyConnection, staged: Staged, read: Mapping[str, LakeRelation], target: str) -> set[date] | None:
    """Fills ``target`` with all rows of the dates that changed groups stand in, and returns these dates.

    None when the whole table must be computed; then nothing was filled. ``read``: the relations of the SELECT.
    """
    context, table, plan = staged.context, staged.table, staged.table.narrow
    known = staged.state.extra
    if plan is None or not staged.state.fingerprint or context.forced or known.get("held_from") or context.selects.name != "duckdb":
        return None
    if not _find_groups(con, context, table, known.get(RESTS_ON, {})):
        return None
    con.execute(f"create or replace temp table {ROWS} as select * from {quote(plan.driving)} where {quote(plan.by)} in (from {GROUPS})")
    (fresh,) = con.execute(f"select count(*) from {ROWS}").fetchone() or (0,)
    if 2 * fresh > sum(p.rows for p in staged.state.partitions.values()):
        return None
    con.execute(f"create or replace temp view {quote(plan.driving)} as from {ROWS}")
    context.selects.run(con, table, dict(read), FRESH)
    create_relation(con, read[plan.driving])
    return _merge(con, staged, plan, target)


def _merge(con: duckdb.DuckDBPyConnection, staged: Staged, plan: Narrow, target: str) -> set[date]:
    """``target`` = the fresh rows, and of the dates concerned the published rows of all other groups."""
    context, table = staged.context, staged.table
    parquet_relation(con, KEPT, partition_paths(con, context, table, published_dates(context, table)))
    own, opening, newest = quote(plan.own), literal(context.opening_date.isoformat()), literal(context.newest_date.isoformat())
    dates = con.execute(
        f"select distinct greatest(partition_date, date {opening}) from {FRESH} where partition_date <= date {newest} "
        f"and {own} in (from {GROUPS}) union select partition_date from {KEPT} where {own} in (from {GROUPS})"
    ).fetchall()
    found = {day for (day,) in dates if day is not None}
    columns = ", ".join(quote(c.name) for c in table.columns)
    con.execute(
        f"create or replace temp table {quote(target)} as select {columns} from {FRESH} where {own} in (from {GROUPS}) "
        f"union all select {columns} from {KEPT} where partition_date in ({_listed(found)}) and {own} not in (from {GROUPS})"
    )
    return found


def with_kept(con: duckdb.DuckDBPyConnection, table: Table, relation: str, dates: set[date]) -> None:
    """Makes ``relation``, a view of the rows of ``dates``, the whole table again: rules count what is missing in all of it."""
    con.execute(f"alter view {quote(relation)} rename to {PART}")
    columns = ", ".join(quote(c.name) for c in table.columns)
    con.execute(
        f"create temp view {quote(relation)} as select {columns} from {PART} "
        f"union all select {columns} from {KEPT} where partition_date not in ({_listed(dates)})"
    )


def _listed(dates: set[date]) -> str:
    return ", ".join(f"date {literal(d.isoformat())}" for d in sorted(dates)) or "date '0001-01-01'"


def _find_groups(con: duckdb.DuckDBPyConnection, context: RunContext, table: Table, before: Mapping[str, Any]) -> bool:
    """Creates ``GROUPS``, the groups whose rows may differ from the published ones; False when that may be all of them."""
    plan, now = table.narrow, rests_on(context, table)
    assert plan is not None
    if before.get("table") != now["table"] or before.keys() != now.keys():
        return False
    by = quote(plan.by)
    groups, conditions = [f"select {by} from {quote(plan.driving)} where false"], []
    for name in now.keys() - {"table"}:
        if before[name] == now[name]:
            continue
        changed = _changed_rows(context, table, name, before[name])
        if changed is None:
            return False
        ways = [(key.partition(".")[2], via) for key, via in plan.found_by.items() if key.startswith(f"{name}.")]
        if name == plan.driving:
            # by what came and went, since a group may have lost its last row
            groups.append(f"select {by} from ({changed})")
        elif not ways and con.execute(f"select 1 from ({changed}) limit 1").fetchone():
            return False
        conditions += [f"{quote(via)} in (select {quote(column)} from ({changed}))" for column, via in ways]
    if conditions:
        groups.append(f"select {by} from {quote(plan.driving)} where {' or '.join(conditions)}")
    con.execute(f"create or replace temp table {GROUPS} as {' union '.join(groups)}")
    return True


def _changed_rows(context: RunContext, table: Table, name: str, before: list[str]) -> str | None:
    """A SELECT of the rows of an upstream table that came, went or changed since; None when that cannot be told."""
    upstream = context.catalog.tables[name]
    days = _seen(context, upstream)
    if not before or not days or _contents(context, table, upstream, before[0]) != before[1]:
        return None
    if table.read_mode(upstream) != "newest":
        return f"from {parquet_source([context.published_file(upstream, d) for d in days if d.isoformat() > before[0]])}"
    columns = ", ".join(quote(c.name) for c in steady_columns(upstream))
    old, new = (
        f"select {columns} from {parquet_source([context.published_file(upstream, d)])}" for d in (date.fromisoformat(before[0]), days[-1])
    )
    return f"(({old}) except ({new})) union all (({new}) except ({old}))"


def _contents(context: RunContext, table: Table, upstream: Table, last: str) -> str:
    """A hash over the partitions of ``upstream`` that a build sees of dates up to ``last``; of a snapshot over that date's."""
    partitions = context.state(upstream.name).partitions
    seen = [last] if table.read_mode(upstream) == "newest" else [d.isoformat() for d in _seen(context, upstream) if d.isoformat() <= last]
    listed = "|".join(f"{d}:{content(partitions[d].row_hash)}" for d in seen if d in partitions)
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def _seen(context: RunContext, table: Table) -> list[date]:
    return [d for d in published_dates(context, table) if d <= context.newest_date]
