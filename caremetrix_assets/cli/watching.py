"""Behind ``caremetrix tables --changes`` and ``--late``: what a run changed and why, and which tables are late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from caremetrix_assets.audit.changes import ROWS, read_changes
from caremetrix_assets.cli.output import OPTIONS, plain, say, show
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.steps.freshness import freshness, late_ones

MOST = 40
PARTITION = ("run_started", "partition_date", "compared_with", "rows_before", "rows_after", *ROWS, "cause", "drops")
TOTAL = ("period_grain", "measure", "value_before", "value_after", "partition_date", "compared_with")


def show_changes(place: Lake, name: str | None) -> None:
    """Of one table every partition that runs changed, newest run first, and the totals that moved last; else the newest run."""
    if name:
        place.table(name)
    names = {e.drop_id: e.name for e in Ledger.load(place.storage).history()}
    rows = [{**r, "drops": " ".join(names.get(d, d[:12]) for d in r["drop_ids"].split())} for r in read_changes(place.storage, name)]
    parts, totals = [r for r in rows if r["measure"] is None], [r for r in rows if r["measure"] is not None]
    if name is None:
        show(_per_table(parts, totals), title="What the newest run changed", empty="No run has changed anything yet.")
        return
    parts = sorted(parts, key=lambda r: (r["run_started"], r["partition_date"]), reverse=True)
    newest = [{k: r[k] for k in TOTAL} for r in totals if r["run_id"] == totals[0]["run_id"]]
    shown = [{k: r[k] for k in PARTITION} for r in parts]
    if OPTIONS.as_json:
        say("", table=name, partitions=_plain(shown), totals=_plain(newest))
        return
    show(shown[:MOST], title=f"Changes of {name}", empty=f"No run has changed {name} since changes are kept.")
    if newest:
        show(newest, title="Totals that moved")


def _plain(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def _per_table(parts: Sequence[dict[str, Any]], totals: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in parts:
        first = {"table": row["table_name"], "partitions": 0, "newest": row["partition_date"], **dict.fromkeys(ROWS, 0)}
        mine = found.setdefault(row["table_name"], first)
        mine["partitions"] += 1
        mine["newest"] = max(mine["newest"], row["partition_date"])
        for name in ROWS:
            mine[name] += row[name] or 0
        mine |= {"totals_moved": 0, "cause": row["cause"], "drops": row["drops"]}
    for row in totals:
        found[row["table_name"]]["totals_moved"] += 1
    return sorted(found.values(), key=lambda r: str(r["table"]))


def show_late(settings: Settings) -> None:
    """The late tables; exit code 1 when there is one, for a monitor outside."""
    late = late_ones(freshness(settings))
    rows = [{"table": f.table, "newest": f.newest, "owed": f.owed, "days_late": f.days_late, "rule": f.rule} for f in late]
    show(rows, title="Late tables", empty="No table is late.")
    if late:
        raise typer.Exit(1)
