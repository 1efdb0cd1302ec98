"""A run without a UI keeps no events; how it ended is known all the same."""

import dagster as dg
import pytest

from caremetrix_assets.defs.event_log import forgetful_instance


@dg.asset
def visits() -> int:
    """Something that is built."""
    return 1


@dg.asset
def bills(visits: int) -> int:
    """Something that fails."""
    raise ValueError("no bills")


def test_nothing_is_kept_and_the_result_is_told() -> None:
    with forgetful_instance() as instance:
        result = dg.materialize([visits, bills], instance=instance, raise_on_error=False)
        kept = instance.get_records_for_run(result.run_id).records
        run = instance.get_run_by_id(result.run_id)
    assert not result.success
    assert [e.step_key for e in result.get_step_failure_events()] == ["bills"]
    assert [e.step_key for e in result.get_asset_materialization_events()] == ["visits"]
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert not kept


def test_a_plain_instance_would_keep_them() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([visits], instance=instance)
        assert instance.get_records_for_run(result.run_id).records


def test_an_error_of_a_step_is_raised_when_asked_for() -> None:
    with forgetful_instance() as instance, pytest.raises(ValueError, match="no bills"):
        dg.materialize([visits, bills], instance=instance)
