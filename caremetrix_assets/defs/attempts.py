"""Which pending drops to ask a run for, told from the runs that Dagster knows; nothing else remembers attempts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg

from caremetrix_assets.defs.failures import reason_of

PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
FAILED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
FINISHED = [*FAILED, dg.DagsterRunStatus.SUCCESS]


@dataclass
class Offer:
    """Drops for one run, its key and tags; drops that failed for good with their last error; why there is no run."""

    drop_ids: list[str] = field(default_factory=list)
    run_key: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    given_up: dict[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class History:
    """The finished runs of one drop, newest first. ``failed``: those since a person reopened it that left it pending; of a
    withdrawal, which may come again after a reopening, those that failed since one went well.
    """

    finished: list[dg.RunRecord]
    failed: list[dg.RunRecord]


def tag_of(drop_id: str, purpose: str = "drop") -> str:
    """The run tag that says a run was asked for this drop; ``purpose`` ``withdrawn``: for taking it out again."""
    return f"caremetrix/{purpose}-{drop_id[:16]}"


def next_offer(
    instance: dg.DagsterInstance,
    drop_ids: list[str],
    now: datetime,
    reopened: Mapping[str, datetime] | None = None,
    purpose: str = "drop",
) -> Offer:
    """All drops that never failed together; else one that failed, alone, once its pause is over."""
    known = {d: _history(instance, d, purpose, (reopened or {}).get(d)) for d in drop_ids}
    given_up = {d: _reason(instance, h.failed[0]) for d, h in known.items() if len(h.failed) > len(PAUSES)}
    fresh = sorted(d for d, h in known.items() if not h.failed)
    if fresh:
        return _offer(fresh, known, given_up, purpose)
    waits = []
    for drop_id, history in known.items():
        if drop_id in given_up:
            continue
        due = _ended(history.failed[0]) + PAUSES[len(history.failed) - 1]
        if due <= now:
            return _offer([drop_id], known, given_up, purpose)
        waits.append(due)
    reason = f"a failed drop is tried again at {min(waits):%H:%M} UTC" if waits else ""
    return Offer(given_up=given_up, reason=reason)


def _offer(drop_ids: list[str], known: Mapping[str, History], given_up: dict[str, str], purpose: str) -> Offer:
    """Dagster starts a run key once and never again, so the key counts every finished run of these drops, good ones too."""
    attempt = 1 + max(len(known[d].finished) for d in drop_ids)
    key = hashlib.sha256(" ".join([purpose, *drop_ids]).encode()).hexdigest()[:32]
    return Offer(drop_ids, f"{key}:{attempt}", {tag_of(d, purpose): "asked" for d in drop_ids}, given_up)


def _history(instance: dg.DagsterInstance, drop_id: str, purpose: str, reopened: datetime | None) -> History:
    tags = {tag_of(drop_id, purpose): "asked"}
    finished = list(instance.get_run_records(dg.RunsFilter(tags=tags, statuses=FINISHED)))

    def counts(record: dg.RunRecord) -> bool:
        return (reopened is None or _ended(record) >= reopened) and (purpose == "drop" or record.dagster_run.status in FAILED)

    return History(finished, list(takewhile(counts, finished)))


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp.replace(tzinfo=UTC)


def _reason(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    run_id = record.dagster_run.run_id
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        if entry.dagster_event:
            return f"{reason_of(entry.dagster_event)} ({len(PAUSES) + 1} runs failed, the last is {run_id[:8]})"
    return f"its run failed {len(PAUSES) + 1} times; the log of run {run_id[:8]} in Dagster says why"
