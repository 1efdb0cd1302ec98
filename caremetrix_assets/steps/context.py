"""What a run knows: lake, catalog, settings, its dates. States of tables are loaded once and kept for the run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.engines.duckdb import Engine, EngineOptions
from caremetrix_assets.engines.given import Given
from caremetrix_assets.engines.selects import Selects, open_selects
from caremetrix_assets.lake.layout import object_key
from caremetrix_assets.lake.state import BuiltState, TableState, load_built, load_table, save_built
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources.replay_model import AcceptedDrop
from caremetrix_assets.steps.tally import Tally


@dataclass
class RunContext:
    """One run of R = ``run_date``. ``newest_date`` is the newest built date of the lake, R included."""

    storage: Storage
    catalog: Catalog
    settings: Settings
    run_id: str
    run_date: date
    opening_date: date
    newest_date: date
    drops: list[dict[str, Any]]
    history_start: date | None = None
    attempt: int = 1
    forced: frozenset[date] = frozenset()
    restate: tuple[date, date] | None = None
    only: frozenset[str] | None = None
    archive: list[AcceptedDrop] = field(default_factory=list)
    fresh_drops: tuple[str, ...] = ()
    gone_drops: tuple[str, ...] = ()
    stale_before: list[dict[str, Any]] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    published: set[date] = field(default_factory=set)
    tallies: dict[str, Tally] = field(default_factory=dict)
    check_lease: Callable[[], None] = lambda: None
    _states: dict[str, TableState] = field(default_factory=dict)

    @cached_property
    def engine(self) -> Engine:
        """This run's DuckDB; a step works on a session of it."""
        return Engine(EngineOptions(self.settings.threads, self.settings.duckdb_memory, self.work_dir))

    @cached_property
    def selects(self) -> Selects:
        """The engine that runs the SELECTs of dimensions, facts and marts."""
        return open_selects(self.settings, self.storage, self.work_dir)

    def close(self) -> None:
        """Ends the run's engines and removes its working folder."""
        self.selects.close()
        self.engine.close()
        shutil.rmtree(self.work_dir, ignore_errors=True)

    @property
    def work_dir(self) -> Path:
        """This process's private folder for the run: staging and spill."""
        return self.settings.work_dir / f"{self.run_id}-{os.getpid()}"

    def published_file(self, table: Table, day: date) -> Path:
        """A local file with a published partition; not to be changed."""
        return self.storage.local_path(object_key(table.layer, table.name, day))

    def state(self, table: str) -> TableState:
        """The table's state, as this run last saved or first read it."""
        if table not in self._states:
            self._states[table] = load_table(self.storage, table)
        return self._states[table]

    def remember(self, table: str, state: TableState) -> None:
        """Keeps a state that was just saved."""
        self._states[table] = state

    def claim_newest(self) -> None:
        """Notes, before the first table shows them, the newest date and the drops that tables may hold from now on; taking
        drops in alone moves no date.
        """
        built = load_built(self.storage)
        self._note(built, sorted({*built.extra.get("drops", ()), *self._drop_ids}))

    def note_drops(self) -> None:
        """Notes that all tables are built upon the run's drops and no other, so that a withdrawn drop is missed at a glance."""
        self._note(load_built(self.storage), self._drop_ids)

    @property
    def _drop_ids(self) -> list[str]:
        return sorted(d["drop_id"] for d in self.drops)

    def _note(self, built: BuiltState, drops: list[str]) -> None:
        found = BuiltState(self.newest_date, {**built.extra, "drops": drops})
        if found != built:
            save_built(self.storage, found)

    def window(self) -> list[date]:
        """The dates whose marts and entity snapshots this run brings up to date: the restate days up to the newest date,
        or the range it was asked to restate.
        """
        first, last = self.restate or (self.newest_date - timedelta(days=self.settings.restate_days), self.newest_date)
        first, last = max(self.opening_date, first), min(last, self.newest_date)
        days = {first + timedelta(days=n) for n in range((last - first).days + 1)}
        return sorted(days | {self.run_date} | set(self.forced))

    def given(self, dates: list[date]) -> Given:
        """The given relations for a query over ``dates``."""
        return Given(
            dates=dates,
            opening_date=self.opening_date,
            newest_date=self.newest_date,
            fiscal_start_month=self.settings.fiscal_start_month,
            history_start=self.history_start,
            drops=self.drops,
        )

    def table(self, name: str) -> Table:
        """The contract called ``name``."""
        return self.catalog.table(name)
