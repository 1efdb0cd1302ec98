"""Many small partitions are read from one file, few or large ones as they lie; a new partition is never missed."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.engines.duckdb import parquet_source
from caremetrix_assets.lake.layout import object_key
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.steps.context import RunContext
from caremetrix_assets.steps.packing import FEW_FILES, partition_paths

TABLE = load_catalog().table("fact_booking")
FIRST = date(2025, 1, 1)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own."""
    with duckdb.connect() as connection:
        yield connection


class Lake:
    """A lake whose partitions hold their number, as the run's context shows it."""

    published_file = RunContext.published_file

    def __init__(self, root: Path, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.storage = LocalStorage(str(root / "lake"))
        self.work_dir = root / "work"
        self.published: dict[str, Any] = {}

    def publish(self, number: int, value: int | None = None, rows: int = 1) -> date:
        """Partition ``number``: ``value`` (its number) ``rows`` times."""
        day = FIRST + timedelta(days=number)
        path = self.storage.root / object_key(TABLE.layer, TABLE.name, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        said = number if value is None else value
        # random text, which does not compress, so that a large partition is a large file
        text = " || ".join(["uuid()::varchar"] * 9)
        self.con.execute(f"copy (select {said} as value, {text} as text from range({rows})) to '{path}'")
        self.published[day.isoformat()] = SimpleNamespace(sha256=f"{number}-{said}")
        return day

    def state(self, _: str) -> SimpleNamespace:
        """The table's state."""
        return SimpleNamespace(partitions=self.published)

    def read(self, days: list[date]) -> tuple[list[Path], list[int]]:
        """The files, and the values in them."""
        paths = partition_paths(self.con, self, TABLE, days)  # type: ignore[arg-type]
        rows = self.con.execute(f"select distinct value from {parquet_source(paths)} order by value").fetchall()
        return paths, [value for (value,) in rows]


def test_few_partitions_are_read_where_they_lie(tmp_path: Path, con: duckdb.DuckDBPyConnection):
    lake = Lake(tmp_path, con)
    days = [lake.publish(n) for n in range(FEW_FILES)]
    paths, values = lake.read(days)
    assert paths == [lake.storage.local_path(object_key(TABLE.layer, TABLE.name, day)) for day in days]
    assert values == list(range(FEW_FILES))
    assert not lake.work_dir.exists()


def test_many_small_ones_are_one_file_beside_the_large_one(tmp_path: Path, con: duckdb.DuckDBPyConnection):
    lake = Lake(tmp_path, con)
    days = [lake.publish(0, rows=20_000), *(lake.publish(n) for n in range(1, FEW_FILES + 2))]
    paths, values = lake.read(days)
    assert [p.is_relative_to(lake.work_dir) for p in paths] == [False, True]
    assert values == list(range(FEW_FILES + 2))
    written = paths[1].stat().st_mtime_ns
    assert lake.read(days)[0][1].stat().st_mtime_ns == written


def test_a_partition_that_was_published_anew_or_is_not_asked_for(tmp_path: Path, con: duckdb.DuckDBPyConnection):
    lake = Lake(tmp_path, con)
    days = [lake.publish(n) for n in range(FEW_FILES + 2)]
    assert lake.read(days)[1] == list(range(FEW_FILES + 2))
    lake.publish(3, value=300)
    assert 300 in lake.read(days)[1] and 3 not in lake.read(days)[1]
    assert lake.read(days[:-1])[1] == [n for n in range(FEW_FILES + 1) if n != 3] + [300]
