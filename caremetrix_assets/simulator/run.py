"""Simulates the practice feed of a drop: reads the folders, makes the feed, writes it or explains it.

The command line is a thin wrapper around ``simulate`` and ``explain``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.errors import InputError, UsageError
from caremetrix_assets.simulator.drops import Source, check_place, in_order, open_source
from caremetrix_assets.simulator.explain import explained
from caremetrix_assets.simulator.feed import Setting, make_feed
from caremetrix_assets.simulator.output import OWN_FILES, keep_changes, note_of, publish, seal_alone, store, write_files
from caremetrix_assets.simulator.parameters import Parameters, load_parameters
from caremetrix_assets.simulator.state import REQUIRED
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.manifest import Kind
from caremetrix_assets.sources.reader import connect
from caremetrix_assets.sources.simulated import SIMULATION

SEED = 7
YEARS_BEFORE = 3


@dataclass(frozen=True)
class Order:
    """What to simulate: the drop's folder, earlier drops, seed and parameters; date and kind for an unsealed folder only."""

    folder: Path
    history: Sequence[Path] = ()
    seed: int = SEED
    parameters: Parameters = field(default_factory=load_parameters)
    drop_date: date | None = None
    kind: Kind | None = None


@dataclass(frozen=True)
class Workshop:
    """Where and with how much to work: a folder for spilled data, threads, DuckDB's memory limit; who hears of each step."""

    work_dir: Path
    threads: int = 2
    memory_limit: str = "1500MB"
    on_step: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Result:
    """What was written: where, rows per file, and rows that the state before had and this one no longer makes."""

    folder: Path
    drop_date: date
    kind: Kind
    start: date
    rows: Mapping[str, int]
    withdrawn: Mapping[str, int]
    drop_id: str | None = None


@dataclass(frozen=True)
class _Job:
    drop: Source
    earlier: list[Source]
    sources: list[Source]
    setting: Setting
    catalog: Catalog
    known: frozenset[str]


def simulate(order: Order, catalog: Catalog, workshop: Workshop, out: Path | None = None, pack: bool = False) -> Result:
    """Writes the feed of a drop into its ``practice`` folder, or as a drop of its own to ``out``.

    A full drop gets all rows up to its date, a delta those that are new or changed since the state of the history.
    ``pack`` writes ``.csv.gz``. Nothing is written when an error is raised.
    """
    job = _prepare(order, catalog)
    out = out.expanduser().absolute() if out is not None else None
    check_place(job.drop, out, OWN_FILES, SIMULATION)
    workshop.work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=workshop.work_dir, prefix="simulate-") as folder:
        work, made = Path(folder), Path(folder) / "made"
        made.mkdir()
        before = _before(job, workshop, work) if job.drop.kind == "delta" and job.earlier else {}
        with _connection(workshop, work) as con:
            files = make_feed(con, job.sources, job.catalog, job.setting, workshop.on_step)
            workshop.on_step("writing the files")
            withdrawn = keep_changes(con, files, before)
            rows = write_files(con, files, made, pack)
        note = note_of(made, job.setting.seed, job.setting.parameters.hash(job.setting.start), job.setting.start)
        drop_id = None
        if out is None:
            publish(made, job.drop.path, note)
        elif not note.files:
            raise InputError(f"The feed of {job.drop.path.name} has nothing new since its history; there is nothing to put into {out}.")
        else:
            drop_id = seal_alone(out, job.drop, made, note, job.known).drop_id
    place = out or job.drop.path
    return Result(place, job.drop.drop_date, job.drop.kind, job.setting.start, rows, withdrawn, drop_id)


def explain(order: Order, catalog: Catalog, workshop: Workshop) -> list[dict[str, Any]]:
    """Per process and parameter its value, what was drawn and from how many; writes nothing."""
    job = _prepare(order, catalog)
    workshop.work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=workshop.work_dir, prefix="simulate-") as folder, _connection(workshop, Path(folder)) as con:
        make_feed(con, job.sources, job.catalog, job.setting, workshop.on_step)
        return explained(con, job.setting.parameters)


def _prepare(order: Order, catalog: Catalog) -> _Job:
    known = known_places(catalog)
    drop = open_source(order.folder, known, order.drop_date, order.kind)
    if not drop.is_sealed and order.kind is None and order.history:
        drop = replace(drop, kind="delta")
    sources = in_order(drop, [open_source(path, known) for path in order.history])
    earlier = [source for source in sources if source is not drop]
    setting = Setting(_start(order.parameters, sources), drop.drop_date, order.seed, order.parameters)
    return _Job(drop, earlier, sources, setting, catalog, known)


def _start(parameters: Parameters, sources: Sequence[Source]) -> date:
    """The first simulated day: the parameter, else 1 January three years before the oldest drop's year."""
    start = parameters.start or date(min(s.drop_date for s in sources).year - YEARS_BEFORE, 1, 1)
    end = max(s.drop_date for s in sources)
    windows = [s.history_start for s in sources if s.history_start is not None]
    first = max((_year_later(day) for day in windows), default=start)
    if start < first:
        raise UsageError(
            f"The simulation starts on {start}, but the export's history on {max(windows)}: it must start {first} or later, a year "
            "behind it. Set start in the --config file and keep it for all drops."
        )
    if start > end:
        raise UsageError(f"The simulation starts on {start}, after the drop's date {end}. Set an earlier start in the --config file.")
    return start


def _year_later(day: date) -> date:
    return day.replace(year=day.year + 1) if (day.month, day.day) != (2, 29) else date(day.year + 1, 3, 1)


def _before(job: _Job, workshop: Workshop, work: Path) -> dict[str, Path]:
    """The feed of the history alone, as of its newest drop."""
    folder = work / "before"
    folder.mkdir()
    workshop.on_step("the state before")
    end = max(source.drop_date for source in job.earlier)
    if end < job.setting.start or not all(any(file in s.files for s in job.earlier) for file in REQUIRED):
        return {}
    setting = Setting(job.setting.start, end, job.setting.seed, job.setting.parameters)
    with _connection(workshop, folder) as con:
        return store(con, make_feed(con, job.earlier, job.catalog, setting), folder)


def _connection(workshop: Workshop, work: Path) -> duckdb.DuckDBPyConnection:
    return connect(work, workshop.threads, workshop.memory_limit)
