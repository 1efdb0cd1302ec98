"""Which drops the sensor asks a run for: new ones together, failed ones alone after a pause, then no more."""

import uuid
from datetime import UTC, datetime, timedelta

import dagster as dg

from caremetrix_assets.defs.attempts import next_offer, tag_of

GOOD, BAD = "a" * 64, "b" * 64


def failed(instance: dg.DagsterInstance, *drop_ids: str) -> None:
    """A run for these drops that has failed just now."""
    tags = {tag_of(d): "asked" for d in drop_ids}
    instance.add_run(dg.DagsterRun(job_name="refresh", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.FAILURE, tags=tags))


def test_new_drops_are_offered_together() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        offer = next_offer(instance, [BAD, GOOD], datetime.now(UTC))
    assert offer.drop_ids == [GOOD, BAD]
    assert offer.run_key.endswith(":1")
    assert offer.tags == {tag_of(GOOD): "asked", tag_of(BAD): "asked"}


def test_a_failed_drop_waits_its_pause_and_then_comes_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for minutes in (1, 5, 30):
            failed(instance, BAD)
            now = datetime.now(UTC)
            early = next_offer(instance, [BAD], now + timedelta(minutes=minutes, seconds=-10))
            assert early.drop_ids == []
            assert "tried again" in early.reason
            assert next_offer(instance, [BAD], now + timedelta(minutes=minutes, seconds=10)).drop_ids == [BAD]


def test_a_failed_drop_does_not_hold_up_a_new_one() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        failed(instance, BAD)
        assert next_offer(instance, [BAD, GOOD], datetime.now(UTC) + timedelta(hours=1)).drop_ids == [GOOD]


def test_after_four_failures_a_drop_is_given_up_with_a_reason() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(4):
            failed(instance, BAD)
        offer = next_offer(instance, [BAD], datetime.now(UTC) + timedelta(hours=9))
    assert offer.drop_ids == []
    assert list(offer.given_up) == [BAD]
    assert offer.given_up[BAD]
