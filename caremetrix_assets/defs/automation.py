"""What starts runs without a person: the nightly schedule and the sensor that watches the inbox."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from caremetrix_assets.defs.attempts import Offer, next_offer
from caremetrix_assets.defs.lost_runs import end_lost_runs
from caremetrix_assets.defs.resources import ONLY_TAG
from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets.settings import load_settings
from caremetrix_assets.steps.pending import nightly_date, pending_drops, reject_drop

JOB = "refresh"
MARTS_JOB = "refresh_marts"
FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in FINISHED]


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
    """Compares the inbox with the ledger; while a refresh is queued or running it asks for nothing.

    First it ends runs whose worker died, which would block the queue.
    A drop whose run failed is offered again alone after 1, 5 and 30 minutes, then rejected with the last error.
    """
    for run_id in end_lost_runs(context.instance, datetime.now(UTC)):
        context.log.warning(f"run {run_id} was ended: its worker died")
    if context.instance.get_run_records(dg.RunsFilter(job_name=JOB, statuses=UNFINISHED), limit=1):
        return dg.SkipReason("a refresh is queued or running")
    try:
        settings = load_settings()
        pending = pending_drops(settings, today=datetime.now(UTC).date())
        offer = next_offer(context.instance, pending.drop_ids, datetime.now(UTC))
        for drop_id, reason in offer.given_up.items():
            reject_drop(settings, drop_id, reason)
    except CaremetrixError as error:
        return dg.SkipReason(str(error))
    if not offer.drop_ids or pending.date is None:
        return dg.SkipReason(offer.reason or pending.reason or "no new drop")
    return _request(offer, pending.date.isoformat())


def _request(offer: Offer, partition: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=offer.run_key, partition_key=partition, tags={**offer.tags, ONLY_TAG: " ".join(offer.drop_ids)})


everything = dg.define_asset_job(JOB, selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor)
marts = dg.define_asset_job(MARTS_JOB, selection=dg.AssetSelection.key_prefixes("marts"), executor_def=dg.in_process_executor)
