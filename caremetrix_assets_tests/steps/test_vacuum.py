"""What vacuum takes and what it leaves: snapshots by age, working folders by life, and nothing that a run builds again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.app import app
from caremetrix_assets.lake.layout import object_key, pointer_key
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.lake.state import BuiltState, PartitionState, TableState, load_table, save_built, save_table
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.steps.begin import begin_run
from caremetrix_assets.steps.retention import is_expired, is_month_end
from caremetrix_assets.steps.table import _snapshot_plan
from caremetrix_assets.steps.tidy import size_of, stale_work
from caremetrix_assets.steps.vacuum import plan, vacuum

ENTITY = next(t for t in load_catalog().tables.values() if t.dimension == "entity" and t.member_column)
FIRST, NEWEST = date(2025, 1, 20), date(2025, 3, 15)
DAYS = [FIRST + timedelta(days=n) for n in range((NEWEST - FIRST).days + 1)]
DAY = 86_400


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(lake=str(tmp_path / "lake"), temp_dir=str(tmp_path / "work"), start_date=FIRST.isoformat())


@pytest.fixture
def lake(settings: Settings) -> LocalStorage:
    """An entity dimension with a snapshot of every day."""
    storage = LocalStorage(settings.lake)
    parts = {d.isoformat(): PartitionState(1, f"x:{d}", "s", "f") for d in DAYS}
    for day in DAYS:
        storage.write(object_key("dims", ENTITY.name, day), b"12345")
    storage.write(pointer_key(ENTITY.name), b'{"partition_date": "2025-03-15"}\n')
    save_table(storage, ENTITY.name, TableState(ENTITY.definition, "f", parts, {"signature": []}))
    save_built(storage, BuiltState(NEWEST))
    return storage


def days_of(lake: LocalStorage) -> set[str]:
    return {i.key.split("partition_date=")[1][:10] for i in lake.list(f"dims/{ENTITY.name}/partition_date=")}


def test_old_snapshots_go_and_month_ends_stay(settings: Settings, lake: LocalStorage) -> None:
    found = vacuum(settings, lake, load_catalog())
    # 35 days before 15 March is 8 February, the first one kept for its age; 31 January is a month end
    kept = {d.isoformat() for d in DAYS if d >= date(2025, 2, 8)} | {"2025-01-31"}
    assert days_of(lake) == set(load_table(lake, ENTITY.name).partitions) == kept
    assert [row["count"] for row in found.rows()] == [0, len(DAYS) - len(kept), 0, 0]
    assert found.rows()[1]["bytes"] == 5 * (len(DAYS) - len(kept))
    assert vacuum(settings, lake, load_catalog()).snapshots == {}


def test_a_dry_run_says_the_same_and_takes_nothing(settings: Settings, lake: LocalStorage) -> None:
    before = lake.list()
    told = plan(settings, lake, load_catalog()).rows()
    words = ["vacuum", "--dry-run", "--lake", settings.lake]
    assert "expired snapshots" in CliRunner().invoke(app, words).output
    assert lake.list() == before
    assert vacuum(settings, lake, load_catalog()).rows() == told


def test_what_went_is_not_built_again_unless_its_date_is_asked_for(settings: Settings, lake: LocalStorage) -> None:
    vacuum(settings, lake, load_catalog())
    for asked, built in (([NEWEST], []), ([date(2025, 2, 1), date(2025, 2, 2)], [date(2025, 2, 1), date(2025, 2, 2)])):
        run = begin_run(settings, "run", asked, restate=(FIRST, NEWEST))
        _, todo, _ = _snapshot_plan(run, ENTITY)
        assert sorted(set(todo) & {d for d in DAYS if d < date(2025, 2, 8) and not is_month_end(d)}) == built


def test_a_vacuum_that_was_killed_is_finished_by_the_next(settings: Settings, lake: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[str] = []

    def dying(self: LocalStorage, key: str) -> None:
        if len(deleted) == 3:
            raise KeyboardInterrupt
        deleted.append(key)
        os.unlink(self.root / key)

    monkeypatch.setattr(LocalStorage, "delete", dying)
    with pytest.raises(KeyboardInterrupt):
        vacuum(settings, lake, load_catalog())
    monkeypatch.undo()
    assert len(days_of(lake)) > len(load_table(lake, ENTITY.name).partitions)
    vacuum(settings, lake, load_catalog())
    assert days_of(lake) == set(load_table(lake, ENTITY.name).partitions)


@pytest.mark.parametrize(("day", "gone"), [("2025-02-07", True), ("2025-02-08", False), ("2025-01-31", False)])
def test_what_counts_as_removed_for_its_age(day: str, gone: bool) -> None:
    state = TableState(extra={"expired_to": "2025-02-07"})
    assert is_expired(state, date.fromisoformat(day)) == gone
    state.partitions[day] = PartitionState(1, "", "", "")
    assert not is_expired(state, date.fromisoformat(day)), "it is there"
    assert not is_expired(TableState(), date.fromisoformat(day)), "never vacuumed"


def test_working_folders_go_when_nobody_lives_in_them(tmp_path: Path) -> None:
    work = tmp_path / "work"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"run-{os.getpid()}", f"run-{ended.pid}", "ingest-abc", "fresh-xyz", "cache"):
        (work / name).mkdir(parents=True)
        (work / name / "part.parquet").write_bytes(b"123")
        if name != "fresh-xyz":
            for path in (work / name / "part.parquet", work / name):
                os.utime(path, (time.time() - 2 * DAY,) * 2)
    assert {p.name for p in stale_work(work, 24)} == {f"run-{ended.pid}", "ingest-abc"}
    assert size_of(work / "ingest-abc") == 3
    assert stale_work(tmp_path / "nowhere", 24) == []
