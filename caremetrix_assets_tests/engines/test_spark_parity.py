"""Spark against DuckDB: the functions, the words whose meaning differs, and every table of the bundled sample.

Needs PySpark and Java (`make parity`); minutes. The sample is built once by each engine; the raw tables are DuckDB's in both.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.engines.duckdb import EngineOptions, connect
from caremetrix_assets.engines.spark_session import SparkOptions, start, stop
from caremetrix_assets.engines.spark_sql import to_spark
from caremetrix_assets_tests.engines.test_functions import CASES
from caremetrix_assets_tests.runs import Place

pytestmark = [
    pytest.mark.parity,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(importlib.util.find_spec("pyspark") is None or shutil.which("java") is None, reason="needs PySpark and Java"),
]
BUILT = [t.name for t in load_catalog().tables.values() if t.sql]
# For thousands of small queries: no compiling of what runs once.
SMALL = """
spark.master local[2]
spark.ui.enabled false
spark.driver.memory 1500m
spark.driver.host 127.0.0.1
spark.driver.bindAddress 127.0.0.1
spark.driver.extraJavaOptions -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m -XX:+UseSerialGC
spark.sql.shuffle.partitions 2
spark.sql.codegen.wholeStage false
spark.sql.codegen.factoryMode NO_CODEGEN
spark.sql.sources.parallelPartitionDiscovery.threshold 10000
spark.log.level ERROR
"""
# Expressions over columns t (text), n (integer), d (decimal), x (double), day, moment; each must be the same on both engines.
WORDS = [
    "try_cast(t as double)", "try_cast(t as bigint)", "try_cast(t as integer)",
    "n / 7", "d / n", "d * d", "d * 3 + n", "round(d, 1)", "floor(n / 7)", "cast(round(d, 0) as bigint)", "x * 3", "-n % 7",
    "split_part(t, '.', 2)", "substring(t, 2, 3)", "lpad(t, 4, '0')", "trim(t)", "length(t)", "upper(t)", "t || '|' || n",
    "concat_ws(',', t, nullif(t, '7'), cast(n as varchar))", "strpos(t, '5')", "t like '%5%'",
    "regexp_extract(t, '^([^0-9]*?)([0-9]+)', 2)",
    "cast(d as varchar)", "cast(day as varchar)", "cast(moment as varchar)", "md5(t)",
    "cast(date_trunc('month', day) as date)", "last_day(day)", "date_diff('day', day, date '2024-03-01')", "cast(moment as date)",
    "cast(day - interval 1 month as date)", "extract(day from day)", "add_months(day, n)", "lapse_date(day, n)", "iso_ts(moment)",
    "minutes_between(moment, timestamp '2024-03-01 00:00:00')", "rate_of(n, 7)", "rate_of(d, n)", "money_of(d, n)", "number_of(d, n)",
    "t is not distinct from '7'", "coalesce(d, n)", "case when n > 0 then d end",
    "row_number() over (order by n, t)", "lag(t) over (order by day desc, t, n)", "sum(d) filter (where n > 0) over (order by t, n)",
    "last_value(nullif(n, 1) ignore nulls) over (order by t, n rows between unbounded preceding and current row)",
    "rank() over (order by n)", "ntile(3) over (order by t, n)",
]  # fmt: skip
TOTALS = [
    "arg_max(nullif(t, '7'), n)", "arg_min(t, d)", "count(distinct n)", "sum(n)", "sum(d)", "bool_or(n > 2)", "min(t)", "max(day)",
    "count(*) filter (where n > 0)", "max_by(t, n) filter (where n < 30)",
]  # fmt: skip
ROWS = """(values
    ('7', 1, 1.25, 0.1, date '2024-02-29', timestamp '2024-02-29 23:59:59'),
    (' 12.5 ', 2, -1.25, 1e300, date '2024-01-31', timestamp '2024-01-31 00:00:00'),
    ('1.5d', 3, 0.05, -2.5, date '1999-12-31', timestamp '1999-12-31 12:30:15'),
    ('1_000', -14, 99999.99, 3.3, date '2100-08-31', null),
    ('1e3', 29, -0.01, 0.7, null, timestamp '2024-03-10 02:30:00'),
    ('Bp 5.x', 30, null, null, date '2024-08-30', timestamp '1970-01-01 00:00:00'),
    ('-0.5', 31, 12.34, 5.5, date '2023-03-31', timestamp '2024-10-27 01:30:00'),
    (null, null, 7.77, 2.25, date '2024-03-31', timestamp '2030-01-01 01:01:01'),
    ('', 12, 2.5, -0.1, date '2024-12-31', timestamp '2024-12-31 23:59:00'),
    ('inf', 1, 3.5, 4.0, date '2025-02-28', timestamp '2025-02-28 08:00:00')
) as v (t, n, d, x, day, moment)"""
TYPED = f"""with rows_in as (
    select t, cast(n as integer) as n, cast(d as decimal(18, 2)) as d, cast(x as double) as x, day, moment from {ROWS}
)"""


@pytest.fixture(scope="module", autouse=True)
def small_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spark's own configuration, as a user would give it."""
    folder = tmp_path_factory.mktemp("spark-conf")
    (folder / "spark-defaults.conf").write_text(SMALL)
    os.environ["SPARK_CONF_DIR"] = str(folder)
    yield
    del os.environ["SPARK_CONF_DIR"]


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(EngineOptions(1, "500MB", tmp_path)) as connection:
        yield connection


def in_spark(query: str) -> list[tuple]:
    session, own = start(SparkOptions(threads=2, configured=True))
    try:
        script = to_spark(query)
        for step in script.steps:
            session.sql(step.sql).createOrReplaceTempView(step.name)
        return [tuple(row) for row in session.sql(script.sql).collect()]
    finally:
        stop(session, own)


def test_functions_are_what_they_are_in_duckdb():
    expressions = ", ".join(f"{expression} as c{n}" for n, (expression, _) in enumerate(CASES))
    assert in_spark(f"select {expressions}") == [tuple(value for _, value in CASES)]


def test_words_that_engines_read_differently(con: duckdb.DuckDBPyConnection):
    columns = ", ".join(f"{word} as c{n}" for n, word in enumerate(WORDS))
    query = f"{TYPED} select d as d, x as x, {columns} from rows_in order by d, x"
    here, there = con.sql(query).fetchall(), in_spark(query)
    pairs = list(zip(here, there, strict=True))
    different = {w: (a[n], b[n]) for a, b in pairs for n, w in enumerate(WORDS, start=2) if a[n] != b[n]}
    assert different == {}


def test_totals_that_engines_read_differently(con: duckdb.DuckDBPyConnection):
    query = f"{TYPED} select {', '.join(f'{total} as c{n}' for n, total in enumerate(TOTALS))} from rows_in"
    assert dict(zip(TOTALS, in_spark(query)[0], strict=True)) == dict(zip(TOTALS, con.sql(query).fetchall()[0], strict=True))


@pytest.fixture(scope="module")
def spark_place(sample_place: Place, tmp_path_factory: pytest.TempPathFactory, small_spark: None) -> Place:
    """The sample with everything behind its raw tables built by Spark."""
    found = Place(tmp_path_factory.mktemp("spark"))
    found.inbox.mkdir()
    shutil.copytree(sample_place.lake, found.lake)
    for layer in ("dims", "facts", "marts"):
        shutil.rmtree(found.lake / layer)
    for name in BUILT:
        (found.lake / "ops" / "state" / f"{name}.json").unlink()
    os.environ["CAREMETRIX_ENGINE"] = "spark"
    try:
        found.run("--to", "2025-12-07")
    finally:
        del os.environ["CAREMETRIX_ENGINE"]
    return found


@pytest.mark.parametrize("name", load_catalog().tables)
def test_every_table_has_the_same_rows(sample_place: Place, spark_place: Place, name: str):
    """Row by row in every partition, to the last digit."""
    table = load_catalog().table(name)
    columns = ", ".join(f'"{c.name}"' for c in table.columns)
    sides = [
        f"select split_part(filename, '/', -2) as place, {columns} "
        f"from read_parquet('{place.lake}/{table.layer}/{name}/*/{name}.parquet', hive_partitioning = false, filename = true)"
        for place in (sample_place, spark_place)
    ]
    for one, other in (sides, reversed(sides)):
        assert duckdb.execute(f"select count(*) from ({one} except all {other})").fetchone() == (0,)


def test_every_file_has_the_same_bytes(sample_place: Place, spark_place: Place):
    assert spark_place.published() == sample_place.published()
