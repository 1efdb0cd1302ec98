"""The file of views: the tables as they are read elsewhere, later partitions by themselves, no data inside."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.layout import object_key, pointer_key
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.views import write_views

LAKE = Lake("unused")
ENTITY = next(t for t in LAKE.catalog.tables.values() if t.dimension == "entity" and t.member_column)
DAILY = LAKE.catalog.layer("facts")[0]


def publish(lake: Lake, name: str, day: str, rows: int) -> None:
    """An object of a table with rows that say nothing but their date."""
    handle = lake.table(name)
    columns = {f.name: [date.fromisoformat(day)] * rows if f.name == "partition_date" else [None] * rows for f in handle.schema()}
    path = Path(lake.url) / object_key(handle.contract.layer, name, date.fromisoformat(day))
    path.parent.mkdir(parents=True)
    pq.write_table(handle.schema().empty_table().from_pydict(columns, schema=handle.schema()), path)
    if handle.contract.dimension == "entity":
        lake.storage.write(pointer_key(name), f'{{"partition_date": "{day}"}}\n'.encode())


def counted(file: Path, name: str) -> list[tuple[str, int]]:
    with duckdb.connect(str(file), read_only=True) as con:
        return con.execute(f"select cast(partition_date as text), count(*) from {name} group by 1 order by 1").fetchall()


def test_views_follow_the_lake(tmp_path: Path) -> None:
    lake, file = Lake(tmp_path / "lake"), tmp_path / "lake.duckdb"
    for name in (ENTITY.name, DAILY.name):
        publish(lake, name, "2025-01-01", 2)
        publish(lake, name, "2025-01-02", 3)
    layers = write_views(lake, file)
    assert sum(map(len, layers.values())) == len(lake.catalog.tables)
    assert counted(file, DAILY.name) == [("2025-01-01", 2), ("2025-01-02", 3)]
    assert counted(file, ENTITY.name) == [("2025-01-02", 3)]
    for name in (ENTITY.name, DAILY.name):
        publish(lake, name, "2025-01-03", 4)
    assert counted(file, DAILY.name)[-1] == ("2025-01-03", 4)
    assert counted(file, ENTITY.name) == [("2025-01-03", 4)]


def test_a_table_without_partitions_is_an_empty_view_with_its_columns(tmp_path: Path) -> None:
    lake, file = Lake(tmp_path / "lake"), tmp_path / "lake.duckdb"
    write_views(lake, file)
    with duckdb.connect(str(file), read_only=True) as con:
        described = con.execute(f"describe {DAILY.name}").fetchall()
        assert [(c, t) for c, t, *_ in described] == [(c.name, c.sql_type) for c in DAILY.columns]
        assert con.execute(f"select count(*) from {DAILY.name}").fetchall() == [(0,)]
        ((doc,),) = con.execute(f"select comment from duckdb_views() where view_name = '{DAILY.name}'").fetchall()
    assert doc == DAILY.doc


def test_writing_again_replaces_the_file_and_nothing_else(tmp_path: Path) -> None:
    lake, file = Lake(tmp_path / "lake"), tmp_path / "lake.duckdb"
    write_views(lake, file)
    write_views(lake, file)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["lake.duckdb"]
    other = tmp_path / "notes.txt"
    other.write_text("mine")
    with pytest.raises(UsageError, match="no DuckDB file"):
        write_views(lake, other)
    assert other.read_text() == "mine"
