"""The lake as a Dagster resource: settings, the run's context, the one-writer lease."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from caremetrix_assets.audit.gx import warm_up
from caremetrix_assets.defs.lost_runs import sign_of_life
from caremetrix_assets.defs.progress import hear
from caremetrix_assets.lake.lease import Lease
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.steps.begin import begin_run
from caremetrix_assets.steps.context import RunContext

RESTATE_TAG = "caremetrix/restate"
ONLY_TAG = "caremetrix/only"
NO_DROP = "none"  # in place of drop ids: only what is applied already


class LakeResource(dg.ConfigurableResource):
    """Opened once per run; ``overrides`` are settings by name that win over the environment (the command line's options)."""

    overrides: dict[str, Any] = {}
    _run: RunContext | None = PrivateAttr(default=None)
    _lease: Lease | None = PrivateAttr(default=None)

    def settings(self) -> Settings:
        """The validated settings."""
        return load_settings(**self.overrides)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LakeResource"]:
        """Holds the lake's lease for the run: a second writer waits and says for whom."""
        from caremetrix_assets.lake.reader import open_lake

        run_id = context.run.run_id if context.run else "adhoc"
        log = context.log or dg.get_dagster_logger()
        if self.settings().gx_row_limit:
            warm_up()  # seconds of imports, while the drops are read
        with ExitStack() as held:
            if context.instance:
                held.enter_context(sign_of_life(context.instance, run_id))
            self._lease = held.enter_context(Lease(open_lake(self.settings()), f"run {run_id}", on_wait=lambda text: hear(text, log.info)))
            try:
                yield self
            finally:
                self._end_run()

    def run_context(self, run: dg.DagsterRun, dates: list[date], attempt: int) -> RunContext:
        """The context of this run, made by its first step."""
        if self._run is None or self._run.run_id != run.run_id:
            self._end_run()
            self._run = begin_run(self.settings(), run.run_id, dates, _restate(run), _only(run))
        self._run.attempt = attempt
        if self._lease is not None:
            self._run.check_lease = self._lease.check
        return self._run

    def refresh_drops(self) -> None:
        """Reads the accepted drops again after an ingest."""
        self._end_run()

    def _end_run(self) -> None:
        if self._run is not None:
            self._run.close()
        self._run = None


def _restate(run: dg.DagsterRun) -> tuple[date, date] | None:
    asked = run.tags.get(RESTATE_TAG)
    if not asked:
        return None
    first, last = asked.split("..")
    return date.fromisoformat(first), date.fromisoformat(last)


def _only(run: dg.DagsterRun) -> frozenset[str] | None:
    """The new drops that a run was asked for; None: whatever is due."""
    asked = run.tags.get(ONLY_TAG)
    return frozenset(asked.split()) if asked else None
