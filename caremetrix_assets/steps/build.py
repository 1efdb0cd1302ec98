"""The one entry of a step: raw tables are replayed, all others are queries; results are recorded before anything is shown."""

from __future__ import annotations

from caremetrix_assets.audit.grades import grade, write_grades
from caremetrix_assets.audit.results import write_results
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.raw import build_raw
from caremetrix_assets.steps.staged import Staged
from caremetrix_assets.steps.table import build_table


def build(context: RunContext, table: Table) -> Staged:
    """Stages and audits one table and appends its check results to ``ops/dq_results``. Publishes nothing."""
    context.claim_newest()
    staged = build_raw(context, table) if table.layer == "raw" else build_table(context, table)
    if staged.results:
        because = {p.day: context.fresh_drops for p in staged.partitions}
        write_results(
            context.storage,
            staged.results,
            run_id=context.run_id,
            attempt=context.attempt,
            newest=context.newest_date,
            drop_ids=because,
        )
        grades = grade(staged.results, context.run_id)
        write_grades(context.storage, grades)
        staged.grade = grades[-1].grade
    return staged
