"""Runs the graph in this process for the command line: the same assets and events as the UI, on the same instance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from caremetrix_assets.defs import build_definitions
from caremetrix_assets.defs.automation import JOB
from caremetrix_assets.defs.event_log import forgetful_instance
from caremetrix_assets.defs.failures import error_of, reason_of
from caremetrix_assets.defs.resources import RESTATE_TAG
from caremetrix_assets.defs.tables import LEDGER_KEY
from caremetrix_assets.errors import UsageError
from caremetrix_assets.settings import Settings, dagster_home

SERVICE_ERRORS = ("ServiceError", "MissingObject", "Conflict", "LeaseLost")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class RunReport:
    """How a run ended: the failed steps with their reasons, and whether a file or service was what failed."""

    run_id: str
    success: bool
    failures: dict[str, str] = field(default_factory=dict)
    service_failed: bool = False


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of this lake when there is one (``DAGSTER_HOME``, else ``dagster/`` beside the lake), so that
    runs of the terminal show in its UI; without one an instance that keeps no events.
    """
    home: Path = dagster_home(settings)
    if not home.is_dir():
        return forgetful_instance()
    return dg.DagsterInstance.from_config(str(home.resolve()))


def execute(
    instance: dg.DagsterInstance,
    overrides: dict[str, Any],
    start: date,
    day: date,
    *,
    select: str | Sequence[dg.AssetKey] | None = None,
    restate: tuple[date, date] | None = None,
) -> RunReport:
    """One run of partition ``day``. ``select`` is Dagster's selection syntax (default: everything)."""
    definitions = _definitions(start, tuple(sorted(overrides.items())))
    keys = _selected(definitions, select)
    tags = {RESTATE_TAG: f"{restate[0]}..{restate[1]}"} if restate else {}
    result = definitions.resolve_job_def(JOB).execute_in_process(
        instance=instance,
        partition_key=day.isoformat(),
        asset_selection=keys,
        raise_on_error=False,
        run_config=QUIET,
        tags=tags,
    )
    events = result.get_step_failure_events()
    services = [e for e in events if error_of(e) and error_of(e).cls_name in SERVICE_ERRORS]
    if services:  # every later step fails for the same reason
        return RunReport(result.run_id, False, {str(services[0].step_key): reason_of(services[0])}, True)
    return RunReport(result.run_id, result.success, {str(e.step_key): reason_of(e) for e in events})


def all_but_the_ledger(start: date, overrides: dict[str, Any]) -> list[dg.AssetKey]:
    """Every asset but the one that takes drops in: a run of these leaves the inbox alone."""
    graph = _definitions(start, tuple(sorted(overrides.items()))).resolve_asset_graph()
    return sorted(graph.get_all_asset_keys() - {LEDGER_KEY})


@lru_cache(maxsize=1)
def _definitions(start: date, overrides: tuple[tuple[str, Any], ...]) -> dg.Definitions:
    """One command runs twice, for taking drops in and for building."""
    return build_definitions(start, dict(overrides))


def _selected(definitions: dg.Definitions, select: str | Sequence[dg.AssetKey] | None) -> list[dg.AssetKey] | None:
    if select is None or not isinstance(select, str):
        return list(select) if select is not None else None
    try:
        selection = dg.AssetSelection.from_string(select)
        keys = selection.resolve(definitions.resolve_asset_graph())
    except (dg.DagsterInvalidDefinitionError, dg.DagsterInvalidSubsetError, dg.DagsterError) as error:
        raise UsageError(f"--select {select!r} is not a selection: {str(error).splitlines()[0]}") from error
    if not keys:
        raise UsageError(f"--select {select!r} selects no table; `caremetrix tables` lists them.")
    return sorted(keys)
