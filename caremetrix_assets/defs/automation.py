"""What starts runs without a person: the nightly schedule and the sensor that watches the inbox."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets.settings import load_settings
from caremetrix_assets.steps.pending import nightly_date, pending_drops

JOB = "refresh"
MARTS_JOB = "refresh_marts"
DROPS_TAG = "caremetrix/drops"
UNFINISHED = [s for s in dg.DagsterRunStatus if s not in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)]


@dg.schedule(
    name="nightly_refresh",
    job_name=JOB,
    cron_schedule="15 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Refreshes every layer for the UTC day that ended.",
)
def nightly_refresh(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Asks for the day before the scheduled time, and stops some days after the newest applied drop, saying so."""
    yesterday = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
    try:
        day, reason = nightly_date(load_settings(), yesterday)
    except CaremetrixError as error:
        return dg.SkipReason(str(error))
    if day is None:
        return dg.SkipReason(reason)
    return dg.RunRequest(run_key=f"nightly-{day.isoformat()}", partition_key=day.isoformat())


@dg.sensor(
    name="new_drops",
    job_name=JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for one run for all acceptable drops that the ledger has not applied. Keeps no state of its own.",
)
def new_drops(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Compares the inbox with the ledger; while one of its runs is queued or started it asks for nothing."""
    if context.instance.get_run_records(dg.RunsFilter(job_name=JOB, statuses=UNFINISHED), limit=1):
        return dg.SkipReason("a refresh is queued or running")
    try:
        pending = pending_drops(load_settings(), today=datetime.now(UTC).date())
    except CaremetrixError as error:
        return dg.SkipReason(str(error))
    if not pending.drop_ids:
        return dg.SkipReason(pending.reason or "no new drop")
    day = pending.date or date.min
    attempts = len(context.instance.get_run_records(dg.RunsFilter(tags={DROPS_TAG: pending.key})))
    return dg.RunRequest(
        run_key=f"{pending.key}:{attempts + 1}",
        partition_key=day.isoformat(),
        tags={DROPS_TAG: pending.key},
    )


def jobs() -> list[object]:
    """``refresh`` builds everything, ``refresh_marts`` the marts alone."""
    everything = dg.define_asset_job(JOB, selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor)
    marts = dg.define_asset_job(MARTS_JOB, selection=dg.AssetSelection.key_prefixes("marts"), executor_def=dg.in_process_executor)
    return [everything, marts]
