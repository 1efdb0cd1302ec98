"""What a run knows: lake, catalog, settings, its dates. States of tables are loaded once and kept for the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.engines.duckdb import EngineOptions
from caremetrix_assets.engines.given import Given
from caremetrix_assets.lake.state import BuiltState, TableState, load_built, load_table, save_built
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources.replay_model import AcceptedDrop


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
    published: set[date] = field(default_factory=set)
    check_lease: Callable[[], None] = lambda: None
    _states: dict[str, TableState] = field(default_factory=dict)

    @property
    def engine(self) -> EngineOptions:
        """Options for this run's private connections."""
        return EngineOptions(self.settings.threads, self.settings.duckdb_memory, self.work_dir)

    @property
    def work_dir(self) -> Path:
        """This run's private staging folder."""
        return self.settings.work_dir / self.run_id

    def state(self, table: str) -> TableState:
        """The table's state, as this run last saved or first read it."""
        if table not in self._states:
            self._states[table] = load_table(self.storage, table)
        return self._states[table]

    def remember(self, table: str, state: TableState) -> None:
        """Keeps a state that was just saved."""
        self._states[table] = state

    def claim_newest(self) -> None:
        """Notes the newest date before the first table shows it; taking drops in alone moves no date."""
        if load_built(self.storage).newest_date != self.newest_date:
            save_built(self.storage, BuiltState(newest_date=self.newest_date))

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
