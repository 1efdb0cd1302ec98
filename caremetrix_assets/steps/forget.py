"""Forgets a person: lists the id's hash, erases archive, quarantine and check results; the tables are rebuilt by runs.

A forgetting that was killed goes on where it stopped, by the same command or at the start of the next run: ``erase`` looks
at the stage in ``ops/forgotten/pending.json``. Which rows name a person is ``sources/forget_rows``.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from caremetrix_assets.audit.scrub import scrub_samples, tables_with_samples
from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.engines.duckdb import parquet_source, quote
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.layout import LAYERS, parse_object_key
from caremetrix_assets.lake.reader import partitions_of
from caremetrix_assets.lake.state import load_table
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources import forget as archives
from caremetrix_assets.sources.forget_rows import Search
from caremetrix_assets.sources.forgotten import Forgotten, hash_of, pending, set_pending
from caremetrix_assets.sources.reader import connect
from caremetrix_assets.sources.replay_model import Shape
from caremetrix_assets.steps.raw import replay_again
from caremetrix_assets.steps.tidy import remove_all, stale_work

SWEEP_HOURS = 0.02  # a temporary file of a writer that lives is gone in seconds


@dataclass
class Erased:
    """What left the archive by source file, and how many check results named a key."""

    rows: dict[str, int] = field(default_factory=dict)
    results: int = 0


def begin(storage: Storage, catalog: Catalog, patient_id: str) -> None:
    """Puts the id's hash on the list and notes that the rest is to be done; from here on no drop brings the person in."""
    if not patient_id.strip():
        raise UsageError("An empty patient id names nobody.")
    forgotten = Forgotten.load(storage)
    files = [Shape(t).source.file for t in catalog.layer("raw") if Shape(t).source.person]
    set_pending(storage, "listed")
    forgotten.adding((file, hash_of(patient_id)) for file in files).save(storage)


def count_rows(settings: Settings, storage: Storage, catalog: Catalog, patient_id: str) -> dict[str, int]:
    """How many archived rows are about the person, by source file, without changing anything."""
    files = [Shape(t).source.file for t in catalog.layer("raw") if Shape(t).source.person]
    forgotten = Forgotten().adding((file, hash_of(patient_id)) for file in files)
    counts: dict[str, int] = {}
    with _searching(settings, storage, catalog, forgotten) as (search, work):
        for file, paths in archives.archive_paths(storage).items():
            for path in paths:
                removed = search.remove(file, path, work / "counted.parquet")
                if removed and removed.rows:
                    counts[file] = counts.get(file, 0) + removed.rows
    return counts


def erase(settings: Settings, storage: Storage, catalog: Catalog, check: Callable[[], None] = lambda: None) -> Erased:
    """Does what a begun forgetting still lacks but the rebuilding of the tables. Needs the lake's lease (``check``)."""
    done, stage = Erased(), pending(storage)
    if stage is None or stage == "erased":
        return done
    with _searching(settings, storage, catalog, Forgotten.load(storage)) as (search, work):
        if stage == "listed":
            Forgotten.load(storage).adding(search.entries()).save(storage)
            named = search.ids() | _published_keys(storage, catalog, search.ids())
            done.results = scrub_samples(storage, named, check)
            replay_again(storage, catalog, set(search.tables))
            check()
            set_pending(storage, "found")
        done.rows = archives.erase(storage, catalog, search, work, check)
    set_pending(storage, "erased")
    return done


def keep_out(settings: Settings, storage: Storage, catalog: Catalog, check: Callable[[], None] = lambda: None) -> None:
    """Takes out again what a mended rule let back in from the quarantine."""
    forgotten = Forgotten.load(storage)
    if forgotten:
        with _searching(settings, storage, catalog, forgotten) as (search, work):
            archives.erase(storage, catalog, search, work, check)


def finish(settings: Settings, storage: Storage, catalog: Catalog) -> list[str]:
    """Ends a forgetting whose tables are rebuilt: objects that no table counts as its own go, caches too.

    Returns folders of tables that the catalog does not know: they are nobody's to rebuild and may hold the person still.
    """
    for table in catalog.tables.values():
        known = load_table(storage, table.name).partitions
        for day, info in partitions_of(storage, table).items():
            if day.isoformat() not in known:
                storage.delete(info.key)
    storage.sweep(SWEEP_HOURS)
    storage.clear_cache()
    remove_all(stale_work(settings.work_dir, SWEEP_HOURS))
    set_pending(storage, None)
    return unknown_tables(storage, catalog)


def unknown_tables(storage: Storage, catalog: Catalog) -> list[str]:
    """Folders of the table layers that no table of the catalog owns, such as ``marts/mart_old/``."""
    found = set()
    for layer in (name for name in LAYERS if name != "ops"):
        for info in storage.list(f"{layer}/"):
            place = parse_object_key(info.key)
            if (place is None or place.table not in catalog.tables) and info.key.split("/")[1] not in catalog.tables:
                found.add("/".join(info.key.split("/")[:2]) + "/")
    return sorted(found)


@contextmanager
def _searching(settings: Settings, storage: Storage, catalog: Catalog, forgotten: Forgotten) -> Iterator[tuple[Search, Path]]:
    work = settings.work_dir / f"forget-{os.getpid()}"
    work.mkdir(parents=True, exist_ok=True)
    try:
        with connect(work, settings.threads, settings.duckdb_memory) as con:
            search = Search(con, catalog, forgotten)
            search.find(archives.archive_paths(storage))
            yield search, work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _published_keys(storage: Storage, catalog: Catalog, ids: set[str]) -> set[str]:
    """Surrogate keys of the published rows about the person, as text: of dimensions, which others quote, and of the tables
    that some check result names keys of.
    """
    wanted, found = tables_with_samples(storage), set[str]()
    wanted |= {t.name for t in catalog.layer("dims") if t.member_column} if wanted else set()
    with duckdb.connect() as con:
        con.execute("create temp table ids (id varchar)")
        con.executemany("insert into ids values (?)", [[i] for i in sorted(ids)]) if ids else None
        for table in (catalog.tables[n] for n in catalog.tables if n in wanted and catalog.tables[n].layer != "raw"):
            paths = [storage.local_path(info.key) for info in partitions_of(storage, table).values()]
            keys = [c for c in table.columns if c.name in table.key and (c.type == "key" or c.pattern == "sk")]
            owned = [c for c in table.columns if c.type == "id"]
            if paths and keys and owned:
                tests = " or ".join(f"{quote(c.name)} in (select id from ids)" for c in owned)
                for key in keys:
                    rows = con.execute(f"select distinct cast({quote(key.name)} as varchar) from {parquet_source(paths)} where {tests}")
                    found |= {str(k) for (k,) in rows.fetchall() if k is not None}
    return found - {"-1", "-2", "-3"}
