"""Every table of the sample through Trino, Athena's engine, from an S3 server by the Glue entries that ``athena sync`` makes.

Needs an unpacked Trino server (TEST_TRINO_HOME, fetched by ``.ci/athena``) and a Java for it; skipped without them.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from caremetrix_assets import Lake
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.engines.parquet import write_partition
from caremetrix_assets.serving.athena.definition import AthenaColumn, LakePlace, definition, definitions, place_of
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets.serving.athena.sync import sync, sync_lake
from caremetrix_assets.serving.athena.verify import verify_lake
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets_tests.lake.conftest import ACCESS_KEY, SECRET_KEY
from caremetrix_assets_tests.serving.athena.trino import Trino, java_home, running

HOME, JAVA = os.environ.get("TEST_TRINO_HOME"), java_home()
pytestmark = [
    pytest.mark.trino,
    pytest.mark.slow,
    pytest.mark.skipif(not HOME or JAVA is None, reason="no Trino in TEST_TRINO_HOME, or no Java 22 or newer (TEST_TRINO_JAVA)"),
]
CATALOG = load_catalog()
DOCUMENT = Path(__file__).parents[3] / "docs" / "athena.md"
TYPES = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}


@dataclass(frozen=True)
class Athena:
    """The sample in a bucket, registered in Glue, with Trino in front."""

    trino: Trino
    settings: Settings
    client: Any
    bucket: str

    @property
    def lake(self) -> Lake:
        """The lake in the bucket."""
        return Lake.open(self.settings)

    @property
    def place(self) -> LakePlace:
        """What the definitions depend on."""
        return place_of(self.lake, self.settings)

    @property
    def glue(self) -> Glue:
        """The catalog."""
        return Glue.of(self.settings)


@pytest.fixture(scope="module")
def athena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Athena]:
    assert HOME and JAVA
    real = os.environ.get("TEST_S3_SERVER") or shutil.which("versitygw")
    glue = request.getfixturevalue("moto_endpoint")
    s3 = request.getfixturevalue("real_endpoint") if real else glue
    sample: Lake = request.getfixturevalue("sample_lake")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        client, bucket = boto3.client("s3", endpoint_url=s3, region_name="us-east-1"), f"lake-{uuid.uuid4().hex[:12]}"
        client.create_bucket(Bucket=bucket)
        for info in sample.storage.list():
            client.upload_file(str(sample.storage.local_path(info.key)), bucket, f"clinic/{info.key}")
        settings = load_settings(
            lake=f"s3://{bucket}/clinic",
            s3_endpoint=s3,
            s3_path_style=True,
            s3_region="us-east-1",
            glue_endpoint=glue,
            temp_dir=str(tmp_path_factory.mktemp("work")),
        )
        sync_lake(settings)
        access = {"access": ACCESS_KEY, "secret": SECRET_KEY}
        with running(Path(HOME), JAVA, tmp_path_factory.mktemp("trino"), glue=glue, s3=s3, **access) as trino:
            yield Athena(trino, settings, client, bucket)


def shown(value: Any) -> Any:
    """A value as Trino's protocol shows it."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "milliseconds")
    if isinstance(value, (Decimal, date)):
        return str(value)
    return value


def summarized(data: pa.Table) -> list[Any]:
    """Rows, and per column the filled ones, the smallest and the largest."""
    found: list[Any] = [data.num_rows]
    for name in data.column_names:
        column = data[name]
        ends = pc.min_max(column).as_py()
        found += [len(column) - column.null_count, shown(ends["min"]), shown(ends["max"])]
    return found


def summary_query(table: Table, where: str = "") -> str:
    ends = ", ".join(f'count("{c.name}"), min("{c.name}"), max("{c.name}")' for c in table.columns)
    return f"select count(*), {ends} from {table.name} {where}"


@pytest.mark.parametrize("table", CATALOG.tables.values(), ids=lambda t: t.name)
def test_a_table_holds_what_the_lake_holds(table: Table, athena: Athena, sample_lake: Lake):
    expected = sample_lake.table(table.name).to_arrow()
    assert athena.trino.ask(summary_query(table)).rows == [summarized(expected)]
    described = athena.trino.ask(f"select column_name, data_type from information_schema.columns where table_name = '{table.name}'").rows
    wanted = definition(table, athena.place)
    columns = [*wanted.columns, *([wanted.partition] if wanted.partition else [])]
    assert dict(described) == {c.name: TYPES.get(c.type, c.type) for c in columns}


def test_verify_finds_nothing(athena: Athena):
    assert verify_lake(athena.settings) == []


@pytest.mark.parametrize("name", [t.name for t in CATALOG.layer("marts")])
def test_one_day_of_a_mart_reads_that_day_only(name: str, athena: Athena, sample_lake: Lake):
    day = sample_lake.table(name).newest()
    assert day is not None
    rows = sample_lake.table(name).to_arrow([day]).num_rows
    answer = athena.trino.ask(f"select count(*), max(partition_date) from {name} where partition_date = date '{day}'")
    assert answer.rows == [[rows, day.isoformat() if rows else None]]
    assert answer.rows_read <= rows


def test_the_newest_day_by_a_subquery_reads_no_other_day(athena: Athena, sample_lake: Lake):
    newest = sample_lake.table("mart_revenue_cycle").to_arrow(["2025-12-07"]).num_rows
    payers = sample_lake.table("dim_payer").to_arrow().num_rows
    asked = "select count(*) from mart_revenue_cycle where partition_date = (select max(partition_date) from dim_payer)"
    answer = athena.trino.ask(asked)
    assert answer.rows == [[newest]]
    # One more for the subquery's own row; a second day would be hundreds.
    assert newest < answer.rows_read <= newest + payers + 1


def test_days_outside_the_lake_are_empty(athena: Athena):
    for condition in ("= date '2020-01-01'", "between date '1900-01-01' and date '2025-11-29'", "> current_date"):
        answer = athena.trino.ask(f"select count(*) from fact_payment where partition_date {condition}")
        assert (answer.rows, answer.rows_read) == ([[0]], 0)


def test_a_dimension_shows_the_snapshot_its_pointer_names(athena: Athena, sample_lake: Lake):
    older = date(2025, 12, 1)
    patients = sample_lake.table("dim_patient")
    before = replace(athena.place, newest={**athena.place.newest, "dim_patient": older})
    assert [c.action for c in sync(athena.glue, definitions(CATALOG, before)) if c.action != "unchanged"] == ["moved"]
    counted = "select count(*), max(partition_date) from dim_patient"
    assert athena.trino.ask(counted).rows == [[patients.to_arrow([older]).num_rows, "2025-12-01"]]
    sync_lake(athena.settings)
    assert athena.trino.ask(counted).rows == [[patients.to_arrow().num_rows, "2025-12-07"]]


def test_a_new_column_is_null_in_older_files(athena: Athena, sample_lake: Lake):
    wanted = definition(CATALOG.tables["dim_payer"], athena.place)
    added = replace(wanted, columns=(*wanted.columns[:-2], AthenaColumn("added_rate", "decimal(9,4)", "New"), wanted.columns[-1]))
    sync(athena.glue, [added])
    payers = sample_lake.table("dim_payer").to_arrow().num_rows
    assert athena.trino.ask("select count(*), count(added_rate) from dim_payer").rows == [[payers, 0]]
    sync_lake(athena.settings)


EDGES: dict[str, list[Any]] = {
    "key": [-3, 2**60 - 1, None],
    "id": ["0af3-é日", "007", None],
    "text": ["it's 'quoted' \\ \n", " ", None],
    "int": [-(2**31), 2**31 - 1, None],
    "bigint": [-(2**63), 2**63 - 1, None],
    "money": [Decimal("-9999999999999999.99"), Decimal("0.01"), None],
    "rate": [Decimal("-99999.9999"), Decimal("0.3333"), None],
    "number": [0.1 + 0.2, -1e300, None],
    "bool": [True, False, None],
    "date": [date(1900, 1, 1), date(9999, 12, 31), None],
    "ts": [datetime(1969, 12, 31, 23, 59, 59, 999000), datetime(2025, 10, 26, 1, 30), None],
}


def test_every_type_comes_back_as_it_was_written(athena: Athena, tmp_path: Path):
    columns = [Column(name=f"a_{kind}", type=kind, doc=f"One {kind}", privacy="public") for kind in EDGES]  # type: ignore[arg-type]
    day = Column(name="partition_date", type="date", doc="Day", privacy="public")
    changes = {"name": "fact_edges", "columns": (*columns, day), "key": ("a_key",), "natural_key": (), "sort": ()}
    table = CATALOG.tables["fact_payment"].model_copy(update=changes)
    rows = [[values[i] for values in EDGES.values()] + [date(2025, 12, 1)] for i in range(3)]
    with duckdb.connect() as con:
        con.execute(f"create table edges ({', '.join(f'{c.name} {c.sql_type}' for c in table.columns)})")
        con.executemany(f"insert into edges values ({', '.join('?' for _ in table.columns)})", rows)
        write_partition(con, table, "edges", "2025-12-01", tmp_path / "edges.parquet")
    key = "clinic/facts/fact_edges/partition_date=2025-12-01/fact_edges.parquet"
    athena.client.upload_file(str(tmp_path / "edges.parquet"), athena.bucket, key)
    wanted = definition(table, athena.place)
    athena.glue.create(wanted)
    answer = athena.trino.ask("select * from fact_edges")
    athena.glue.drop("fact_edges")
    names = [TYPES.get(c.type, c.type).removesuffix("(3)") for c in wanted.columns]
    assert [kind.replace(" ", "") for kind in answer.types] == [*names, "date"]
    assert sorted(answer.rows, key=str) == sorted(([shown(value) for value in row] for row in rows), key=str)


def test_the_queries_of_the_guide_run(athena: Athena):
    asked = [text for text in re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text("utf-8"), re.S) if not text.startswith("--ddl")]
    assert len(asked) >= 3
    for sql in asked:
        assert athena.trino.ask(sql.strip().rstrip(";")).rows


@pytest.mark.parametrize("table", CATALOG.tables.values(), ids=lambda t: t.name)
def test_the_usage_of_a_table_runs(table: Table, athena: Athena):
    for sql in table.usage:
        athena.trino.ask(sql)
