"""What tells a person: the check of freshness and its sensor, and the sensor of failed runs. The messages go to the webhook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from caremetrix_assets.defs.failures import reason_of
from caremetrix_assets.defs.resources import ONLY_TAG, LakeResource
from caremetrix_assets.defs.shown import records
from caremetrix_assets.defs.tables import APPLIED_KEY
from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets.serving.webhook import notify
from caremetrix_assets.settings import load_settings
from caremetrix_assets.steps.freshness import Freshness, freshness, late_ones

FRESHNESS = "freshness"
MOST_NAMED = 5


@dg.asset_check(
    asset=APPLIED_KEY,
    name=FRESHNESS,
    description="Each table's newest partition against the one its schedule owes by now. Asked by every run and by the sensor "
    "table_freshness.",
)
def freshness_check(lake: LakeResource) -> dg.AssetCheckResult:
    """Warns of tables that are late."""
    found = freshness(lake.settings())
    return dg.AssetCheckResult(
        passed=not any(f.is_late for f in found), severity=dg.AssetCheckSeverity.WARN, description=said(found), metadata=_metadata(found)
    )


@dg.sensor(
    name="table_freshness",
    minimum_interval_seconds=1800,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks whether every table's newest partition is the one owed by now, although no run says so. Tells the webhook once.",
)
def table_freshness(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Reports the check when its answer has changed since the last tick."""
    try:
        settings = load_settings()
        found = freshness(settings)
    except CaremetrixError as error:
        return dg.SensorResult(skip_reason=str(error))
    late = sorted(f.table for f in found if f.is_late)
    before = json.loads(context.cursor) if context.cursor else None
    if late == before:
        return dg.SensorResult(skip_reason=f"as before: {said(found)}")
    if set(late) - set(before or ()):
        failed = notify(settings, "tables_late", said(found), "See `caremetrix tables --late` and whether the nightly run ended well.")
        context.log.warning(f"{said(found)}{f'; {failed}' if failed else ''}")
    evaluation = dg.AssetCheckEvaluation(
        asset_key=APPLIED_KEY,
        check_name=FRESHNESS,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description=said(found),
        metadata=_metadata(found),
    )
    return dg.SensorResult(asset_events=[evaluation], cursor=json.dumps(late), skip_reason=said(found))


def said(found: Sequence[Freshness]) -> str:
    """One sentence about all tables."""
    late = late_ones(found)
    if not late:
        return f"All {sum(f.owed is not None for f in found)} tables that owe a partition by now have it."
    named = ", ".join(f"{f.table} ({f.words})" for f in late[:MOST_NAMED])
    return f"{len(late)} tables are late: {named}{', …' if len(late) > MOST_NAMED else ''}."


def _metadata(found: Sequence[Freshness]) -> dict[str, Any]:
    shown = sorted(found, key=lambda f: (-f.days_late, f.layer, f.table))
    rows = [{"table": f.table, "newest": f.newest, "owed": f.owed, "state": f.words, "rule": f.rule} for f in shown]
    return {"late": sum(f.is_late for f in found), "tables": records(rows)}


@dg.run_failure_sensor(
    name="failed_runs",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Logs why a run failed and tells the webhook: what, where, what to do.",
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Never fails itself: an address that does not answer is a line in the sensor's log."""
    run = context.dagster_run
    steps = {str(e.step_key): reason_of(e) for e in context.get_step_failure_events()}
    why = "; ".join(steps.values()) or "its process ended without a word"
    what = f"Run {run.run_id[:8]} of {run.job_name} failed: {why.rstrip('.')}."
    context.log.error(what)
    failed = notify(
        load_settings(),
        "run_failed",
        what,
        f"Readers keep the last good data. Open run {run.run_id[:8]} in Dagster; once the cause is mended, run again.",
        job=run.job_name,
        run_id=run.run_id,
        partition=run.tags.get("dagster/partition"),
        steps=list(steps),
        drops=[d[:12] for d in run.tags.get(ONLY_TAG, "").split()],
    )
    if failed:
        context.log.warning(failed)
