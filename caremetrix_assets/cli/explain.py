"""``caremetrix explain``: from one number of a mart to the rows of the fact behind it."""

from __future__ import annotations

from typing import Annotated

import typer

from caremetrix_assets.cli.look import LakeOption, lake_of
from caremetrix_assets.cli.output import OPTIONS, command, out, plain, say, show
from caremetrix_assets.serving.explain import Behind
from caremetrix_assets.serving.explain import explain as explain_row


@command
def explain(
    mart: Annotated[str, typer.Argument(help="A summary mart.")],
    where: Annotated[str, typer.Option("--where", help="Picks one row; of the newest partition unless it names partition_date.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to show; 0 shows all.")] = 50,
    lake: LakeOption = None,
) -> None:
    """The fact, filter, SQL and rows behind a row of a summary mart.

    Example: caremetrix explain mart_appointment_efficiency --where "period_grain = 'rolling_30d' and breakdown = 'total'"
    """
    found = explain_row(lake_of(lake), mart, where, limit)
    if OPTIONS.as_json:
        formulas = [{"measure": n, "formula": f, "mart": plain(a), "row": plain(b)} for n, f, a, b in found.formulas]
        row = {k: plain(v) for k, v in found.row.items()}
        say("", mart=mart, row=row, behind=[_document(b) for b in found.behind], formulas=formulas, no_drill=found.reasons)
        return
    out.print(f"[bold]{mart}[/] of {found.row['partition_date']}", highlight=False)
    for part in found.behind:
        _print(part)
    if found.formulas:
        rows = [{"measure": n, "is": f, "in the mart": a, "from the row": b} for n, f, a, b in found.formulas]
        show(rows, title="What follows from other measures of the row")
    for name, reason in found.reasons.items():
        out.print(f"{name}: {reason}", highlight=False, soft_wrap=True, markup=False)


def _document(part: Behind) -> dict[str, object]:
    measures = [{"measure": n, "mart": plain(a), "fact": plain(b)} for n, a, b in part.measures]
    rows = [{k: plain(v) for k, v in row.items()} for row in part.rows.to_pylist()]
    return {
        "fact": part.fact,
        "filter": part.where,
        "sql": part.sql,
        "measures": measures,
        "row_count": part.row_count,
        "rows": rows,
    }


def _print(part: Behind) -> None:
    for text in (f"Fact: {part.fact}", f"Filter: {part.where}", f"SQL: {part.sql}"):
        out.print(text, highlight=False, soft_wrap=True, markup=False)
    if part.measures:
        show([{"measure": n, "in the mart": a, "from the rows": b} for n, a, b in part.measures])
    shown = [{name: row[name] for name in part.telling} for row in part.rows.to_pylist()]
    show(shown, title=f"Rows of {part.fact}", empty="No row stands behind it.")
    out.print(f"{len(shown)} of {part.row_count} rows, {len(shown[0]) if shown else 0} of {part.rows.num_columns} columns", highlight=False)
