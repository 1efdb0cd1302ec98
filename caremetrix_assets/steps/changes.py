"""What a step changes in a table and why: rows added, changed and removed per partition, totals of marts that moved.

Worked out while the published files still stand beside the staged ones; ``audit/changes.py`` keeps it. A partition is
compared with what was published of its own date; the newest partition of a snapshot, when new, with the newest one shown
so far, which answers why a number moved since yesterday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from caremetrix_assets.audit.changes import Change
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import literal, parquet_source, quote
from caremetrix_assets.steps.preview import HEADER, preview
from caremetrix_assets.steps.staged import Staged
from caremetrix_assets.steps.stale import drops_behind


def compare(con: duckdb.DuckDBPyConnection, staged: Staged) -> list[Change]:
    """The changes that publishing ``staged`` makes, oldest partition first; its totals behind the newest one."""
    known, new = staged.state.partitions, {p.day: p for p in staged.partitions}
    same = staged.state.definition == staged.table.definition
    context, table = staged.context, staged.table
    before = {d: (d, context.published_file(table, d)) for d in new if same and d.isoformat() in known}
    newest = max(new, default=None)
    if newest and newest not in before and table.is_snapshot:
        shown = [d for d in map(date.fromisoformat, known) if d < newest] if same else []
        earlier = max(shown or [d for d in new if d < newest], default=None)
        if earlier:
            before[newest] = (earlier, context.published_file(table, earlier) if shown else new[earlier].path)
    counts = _counts(con, table, {d: new[d].path for d in before}, before) if before else {}
    found = []
    for day, part in sorted(new.items()):
        old, added, changed, removed = counts.get(day, (None, None, None, None))
        with_ = before[day][0] if day in before else None
        if with_ is None and day.isoformat() not in known:
            old, added, changed, removed = 0, part.rows, 0, 0
        found.append(_change(staged, day, with_, rows=(old, part.rows, added, changed, removed)))
    for day in staged.removed:
        rows = known[day.isoformat()].rows if day.isoformat() in known else None
        found.append(_change(staged, day, day, rows=(rows, 0, 0, 0, rows)))
    if newest in before:
        found += _moved(con, staged, newest, *before[newest])
    return found


def _counts(
    con: duckdb.DuckDBPyConnection, table: Table, new: Mapping[date, Path], before: Mapping[date, tuple[date, Path]]
) -> dict[date, tuple[int, ...]]:
    """Per date rows before, added, changed, removed, by the table's key; what moves with the date alone is no change."""
    passing = {"partition_date", *(HEADER[:4] if table.is_snapshot else ()), *(c.name for c in table.columns if c.as_of)}
    key = ", ".join(quote(c) for c in table.key if c != "partition_date") or "0"
    rest = ", ".join(quote(c.name) for c in table.columns if c.name not in passing and c.name not in table.key) or "0"

    def rows(day: date, path: Path) -> str:
        return f"select date {literal(day.isoformat())} as day, hash({key}) as k, hash({rest}) as h from {parquet_source([path])}"

    old = " union all ".join(rows(day, path) for day, (_, path) in before.items())
    now = " union all ".join(rows(day, path) for day, path in new.items())
    found = con.execute(
        f"select day, count(o.h), count(*) filter (where o.h is null), count(*) filter (where n.h <> o.h), "
        f"count(*) filter (where n.h is null) from ({now}) as n full join ({old}) as o using (day, k) group by 1"
    )
    return {row[0]: tuple(row[1:]) for row in found.fetchall()}


def _moved(con: duckdb.DuckDBPyConnection, staged: Staged, day: date, with_: date, path: Path) -> list[Change]:
    """Measures of a summary mart's total rows, which the preview of its newest day shows, that differ from before, per period grain."""
    old = {r["measure"]: r for r in preview(con, staged.table, path)}
    found = []
    for record in staged.preview:
        for grain, value in record.items():
            was = old.get(record["measure"], {}).get(grain, "")
            if grain != "measure" and value != was:
                found.append(_change(staged, day, with_, total=(grain, record["measure"], was or None, value or None)))
    return found


def _change(staged: Staged, day: date, with_: date | None, rows: Sequence[Any] = (None,) * 5, total: Sequence[Any] = (None,) * 4) -> Change:
    cause, drops = _cause(staged, day)
    return Change._make([staged.table.name, with_, *rows, *total, cause, " ".join(drops), staged.context.run_id, day])


def _cause(staged: Staged, day: date) -> tuple[str, list[str]]:
    """Why a partition differs, and the drops behind it: those the run brought or took out, else those that made it stale."""
    context, state = staged.context, staged.state
    if state.partitions and state.definition != staged.table.definition:
        return "the table's definition changed", []
    drops = [*context.fresh_drops, *context.gone_drops]
    if drops:
        return ("drops" if context.fresh_drops else "withdrawn drops"), drops
    behind = drops_behind(context.stale_before, staged.table.name, day)
    if behind:
        return "drops applied earlier", behind
    return ("a day passed" if day.isoformat() not in state.partitions else "inputs changed"), []
