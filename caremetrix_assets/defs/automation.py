"""What starts runs without a person: the nightly schedule and the sensor that watches the inbox."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from caremetrix_assets.defs.attempts import Offer, next_offer
from caremetrix_assets.defs.lost_runs import end_lost_runs
from caremetrix_assets.defs.resources import NO_DROP, ONLY_TAG, RESTATE_TAG
from caremetrix_assets.defs.tables import LEDGER_KEY
from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets.serving.webhook import notify
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.steps.pending import Pending, missed_days, nightly_date, pending_drops, reject_drop

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
    """Asks for the day before the scheduled time, and stops some days after the newest applied drop, saying so.

    One run builds all days since the newest built one, however many nights were missed.
    """
    yesterday = context.scheduled_execution_time.astimezone(UTC).date() - timedelta(days=1)
    try:
        settings = load_settings()
        day, reason = nightly_date(settings, yesterday)
        missed = missed_days(settings, day) if day else None
    except CaremetrixError as error:
        return dg.SkipReason(str(error))
    if day is None:
        return dg.SkipReason(reason)
    tags = {RESTATE_TAG: f"{missed[0]}..{missed[1]}"} if missed else {}
    # A key is started once and never again: the tick's own day, not the built one, so that a failed last day is tried again.
    return dg.RunRequest(run_key=f"nightly-{yesterday.isoformat()}", partition_key=day.isoformat(), tags=tags)


@dg.sensor(
    name="new_drops",
    job_name=JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for one run for all acceptable drops that the ledger has not applied, then for what a withdrawn drop left "
    "in the tables. Keeps no state of its own.",
)
def new_drops(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Compares the inbox with the ledger; while a refresh is queued or running it asks for nothing.

    First it ends runs whose worker died, which would block the queue.
    A drop whose run failed is offered again alone after 1, 5 and 30 minutes, then rejected with the last error.
    """
    for run_id in end_lost_runs(context.instance, datetime.now(UTC)):
        context.log.warning(f"run {run_id} was ended: its worker died")
    if context.instance.get_run_records(dg.RunsFilter(job_name=JOB, statuses=UNFINISHED), limit=1):
        return dg.SensorResult(skip_reason="a refresh is queued or running")
    try:
        settings, now = load_settings(), datetime.now(UTC)
        pending = pending_drops(settings, today=now.date())
        offer = next_offer(context.instance, pending.drop_ids, now, pending.reopened)
        parked = [_park(settings, pending, drop_id, reason) for drop_id, reason in offer.given_up.items()]
    except CaremetrixError as error:
        return dg.SensorResult(skip_reason=str(error))
    events = [dg.AssetObservation(LEDGER_KEY, metadata={"parked": text}) for text in parked]
    request = _request(pending, offer) or _withdrawal(context.instance, pending, now)
    if isinstance(request, dg.RunRequest):
        return dg.SensorResult(run_requests=[request], asset_events=events)
    return dg.SensorResult(skip_reason="; ".join(parked) or offer.reason or request or pending.reason or "no new drop", asset_events=events)


def _park(settings: Settings, pending: Pending, drop_id: str, reason: str) -> str:
    """Rejects a drop that failed for good; the sentence that says so."""
    reject_drop(settings, drop_id, reason)
    name = pending.names.get(drop_id) or drop_id[:12]
    what, todo = f"Drop {name} is parked: {reason}.", f"Mend the cause, then `caremetrix drop reopen {name}` has it tried again."
    told = notify(settings, "drop_parked", what, todo, drop=name)
    return f"{what} {todo}{f' {told}' if told else ''}"


def _request(pending: Pending, offer: Offer) -> dg.RunRequest | None:
    day = pending.date_of(offer.drop_ids)
    if not offer.drop_ids or day is None:
        return None
    tags = {**offer.tags, ONLY_TAG: " ".join(offer.drop_ids)}
    return dg.RunRequest(run_key=offer.run_key, partition_key=day.isoformat(), tags=tags)


def _withdrawal(instance: dg.DagsterInstance, pending: Pending, now: datetime) -> dg.RunRequest | str:
    """A run without new drops that takes withdrawn ones out of the tables, or why there is none."""
    offer = next_offer(instance, pending.gone, now, purpose="withdrawn")
    if not offer.drop_ids or pending.built is None:
        stuck = [
            f"withdrawing {pending.names.get(d, d[:12])} failed: {reason}; the nightly run tries again"
            for d, reason in offer.given_up.items()
        ]
        return "; ".join(stuck) or offer.reason
    return dg.RunRequest(run_key=offer.run_key, partition_key=pending.built.isoformat(), tags={**offer.tags, ONLY_TAG: NO_DROP})


everything = dg.define_asset_job(JOB, selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor)
marts = dg.define_asset_job(MARTS_JOB, selection=dg.AssetSelection.key_prefixes("marts"), executor_def=dg.in_process_executor)
