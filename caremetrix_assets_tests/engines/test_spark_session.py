"""The second engine without running it: what it says when something is missing, and where it reads and writes."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.engines.relation import LakeRelation
from caremetrix_assets.engines.selects import InDuckDB, open_selects
from caremetrix_assets.engines.spark_places import Places
from caremetrix_assets.engines.spark_session import SparkOptions, require, spark_options
from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.lake.s3 import S3Options, S3Storage
from caremetrix_assets.settings import load_settings
from caremetrix_assets_tests.runs import Place

A_TABLE = next(iter(load_catalog().tables.values()))


@pytest.fixture
def with_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


def test_without_pyspark_a_run_ends_with_3_before_it_reads_a_drop(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CAREMETRIX_ENGINE", "spark")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = place.run(exit_code=3)
    assert "pip install 'caremetrix-assets[spark]'" in result.output
    assert not place.lake.exists()


def test_without_java_the_error_says_where_it_was_sought(with_pyspark: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(ServiceError, match="Java 17 or newer, and there is none on the PATH"):
        require(SparkOptions(threads=1))
    with pytest.raises(ServiceError, match="none under JAVA_HOME"):
        require(SparkOptions(threads=1, java_home="/nowhere"))


def test_an_unknown_engine_is_a_wrong_setting(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CAREMETRIX_ENGINE", "polars")
    assert "CAREMETRIX_ENGINE" in place.run(exit_code=2).output


def test_duckdb_needs_nothing_of_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(open_selects(load_settings(lake=str(tmp_path)), LocalStorage(tmp_path), tmp_path), InDuckDB)


def test_a_configuration_of_sparks_own_is_noticed_and_the_bucket_is_told_to_hadoop(monkeypatch: pytest.MonkeyPatch):
    for name in ("SPARK_CONF_DIR", "SPARK_HOME", "PYSPARK_SUBMIT_ARGS"):
        monkeypatch.delenv(name, raising=False)
    settings = load_settings(s3_endpoint="http://127.0.0.1:9000", s3_path_style=True, threads=3)
    options = spark_options(settings)
    assert (options.threads, options.configured) == (3, False)
    assert dict(options.hadoop) == {"fs.s3a.endpoint": "http://127.0.0.1:9000", "fs.s3a.path.style.access": "true"}
    monkeypatch.setenv("SPARK_CONF_DIR", "/etc/spark")
    assert spark_options(settings).configured


def test_files_of_a_folder_are_read_where_they_are(tmp_path: Path):
    lake = LocalStorage(tmp_path / "lake")
    lake.write("facts/f/partition_date=2025-01-01/f.parquet", b"x")
    places = Places(lake, tmp_path / "work", "fact", is_local=False)
    key = "facts/f/partition_date=2025-01-01/f.parquet"
    assert places.rows(LakeRelation(A_TABLE, (key,), (lake.local_path(key),))) == [f"file://{tmp_path}/lake/{key}"]
    folder = Path(places.written("result").removeprefix("file://"))
    folder.mkdir(parents=True)
    (folder / "part-0.parquet").write_bytes(b"x")
    (folder / "_SUCCESS").write_bytes(b"")
    assert places.fetched("result") == [folder / "part-0.parquet"]
    places.clear()
    assert not folder.exists()


def test_a_cluster_reads_a_bucket_itself():
    places = Places(S3Storage("s3://clinic/lake", S3Options()), Path("/scratch/run-1"), "fact", is_local=False)
    assert places.rows(LakeRelation(A_TABLE, ("facts/f/f.parquet",), (Path("/scratch/cache/f.parquet"),))) == [
        "s3a://clinic/lake/facts/f/f.parquet"
    ]
    assert places.written("result") == "s3a://clinic/lake/ops/spark/run-1/fact/result"
