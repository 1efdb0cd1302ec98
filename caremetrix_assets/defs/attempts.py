"""Which pending drops to ask a run for, told from the runs that Dagster knows; nothing else remembers attempts."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass
class Offer:
    """Drops for one run, its key and tags; drops that failed for good with their last error; why there is no run."""

    drop_ids: list[str] = field(default_factory=list)
    run_key: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)
    reason: str = ""


def tag_of(drop_id: str) -> str:
    """The run tag that says a run was asked for this drop."""
    return f"caremetrix/drop-{drop_id[:16]}"


def next_offer(instance: dg.DagsterInstance, drop_ids: list[str], now: datetime) -> Offer:
    """All drops that never failed together; else one that failed, alone, once its pause is over."""
    failures = {drop_id: _failures(instance, drop_id) for drop_id in drop_ids}
    given_up = {d: _reason(instance, runs[0]) for d, runs in failures.items() if len(runs) > len(PAUSES)}
    fresh = sorted(d for d, runs in failures.items() if not runs)
    if fresh:
        return _offer(fresh, 0, given_up)
    waits = []
    for drop_id, runs in failures.items():
        if drop_id in given_up:
            continue
        due = _ended(runs[0]) + PAUSES[len(runs) - 1]
        if due <= now:
            return _offer([drop_id], len(runs), given_up)
        waits.append(due)
    reason = f"a failed drop is tried again at {min(waits):%H:%M} UTC" if waits else ""
    return Offer(given_up=given_up, reason=reason)


def _offer(drop_ids: list[str], attempts: int, given_up: dict[str, str]) -> Offer:
    key = hashlib.sha256(" ".join(drop_ids).encode()).hexdigest()[:32]
    return Offer(drop_ids, f"{key}:{attempts + 1}", {tag_of(d): "asked" for d in drop_ids}, given_up)


def _failures(instance: dg.DagsterInstance, drop_id: str) -> list[dg.RunRecord]:
    return list(instance.get_run_records(dg.RunsFilter(tags={tag_of(drop_id): "asked"}, statuses=FAILED)))


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp.replace(tzinfo=UTC)


def _reason(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data and data.user_failure_data and data.user_failure_data.description:
            return str(data.user_failure_data.description)
    return "its run failed four times; see the run's log in Dagster"
