"""Runs whose worker died: ended once they gave no sign of life for long enough, never earlier."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from caremetrix_assets.defs.lost_runs import ALIVE_TAG, LOST_AFTER, UNHEARD_AFTER, end_lost_runs, sign_of_life

SECOND = timedelta(seconds=1)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as found:
        yield found


def started(instance: dg.DagsterInstance, **tags: str) -> str:
    """A run that has just started."""
    run = instance.add_run(dg.DagsterRun(job_name="refresh", run_id=str(uuid.uuid4()), tags=tags))
    event = dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name="refresh")
    instance.report_dagster_event(event, run_id=run.run_id)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_whose_sign_of_life_is_old_is_ended(instance: dg.DagsterInstance) -> None:
    sign = datetime(2025, 1, 31, 12, tzinfo=UTC)
    run_id = started(instance, **{ALIVE_TAG: sign.isoformat()})
    assert end_lost_runs(instance, sign + LOST_AFTER) == []
    assert status(instance, run_id) == dg.DagsterRunStatus.STARTED
    assert end_lost_runs(instance, sign + LOST_AFTER + SECOND) == [run_id]
    assert status(instance, run_id) == dg.DagsterRunStatus.FAILURE
    assert end_lost_runs(instance, sign + timedelta(days=1)) == []


def test_a_run_that_never_gave_a_sign_has_time_to_load(instance: dg.DagsterInstance) -> None:
    run_id, now = started(instance), datetime.now(UTC)
    assert end_lost_runs(instance, now + UNHEARD_AFTER - 10 * SECOND) == []
    assert end_lost_runs(instance, now + UNHEARD_AFTER + 10 * SECOND) == [run_id]


def test_a_living_run_says_so(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caremetrix_assets.defs.lost_runs.BEAT_SECONDS", 0.01)
    run_id, begun = started(instance), datetime.now(UTC).replace(microsecond=0)
    with sign_of_life(instance, run_id):
        while not (run := instance.get_run_by_id(run_id)) or ALIVE_TAG not in run.tags:
            pass
        assert datetime.fromisoformat(run.tags[ALIVE_TAG]) >= begun


def test_a_database_that_is_away_ends_no_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def away(*_: object) -> None:
        calls.append(1)
        raise ConnectionError("away")

    monkeypatch.setattr("caremetrix_assets.defs.lost_runs.BEAT_SECONDS", 0.01)
    run_id = started(instance)
    monkeypatch.setattr(instance, "add_run_tags", away)
    with sign_of_life(instance, run_id):
        while len(calls) < 3:
            pass
    assert "could not be written (ConnectionError)" in caplog.text


def test_an_instance_in_memory_needs_no_sign() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run_id = started(instance)
        with sign_of_life(instance, run_id):
            pass
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert ALIVE_TAG not in run.tags
