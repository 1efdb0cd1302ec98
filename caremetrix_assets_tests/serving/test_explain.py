"""``caremetrix explain``: the rows behind a mart's row are found, and every measure is what they add up to or what its formula says."""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from caremetrix_assets import Lake
from caremetrix_assets.catalog.drill import filter_of, formula_of, is_summary, measure_columns, measures_of
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.cli.app import app
from caremetrix_assets.engines.functions import install
from caremetrix_assets.errors import UsageError
from caremetrix_assets.serving.explain import explain
from caremetrix_assets.serving.query import query

TABLES = load_catalog().tables
SUMMARIES = [t.name for t in TABLES.values() if is_summary(t)]
ROWS = 4


@pytest.fixture(scope="module")
def con(sample_lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The sample lake's dimensions, facts and marts in memory, each read once."""
    with duckdb.connect() as con:
        install(con)
        for table in TABLES.values():
            if table.layer != "raw":
                sample_lake.table(table.name).to_duckdb(con)
                con.execute(f"create temp table t as select * from {table.name}; drop view {table.name}")
                con.execute(f"create table {table.name} as select * from t; drop table t")
        yield con


def where_of(table: Table, row: Mapping[str, Any]) -> str:
    """Picks the row by its keys."""
    keys = " and ".join(f"{k} is null" if row[k] is None else f"{k} = '{row[k]}'" for k in table.key)
    return f"{keys} and partition_date = date '{row['partition_date']}'"


def some_rows(con: duckdb.DuckDBPyConnection, table: Table) -> list[dict[str, Any]]:
    """Rows by chance, the same ones in every run, so many that every measure which is anywhere in the mart is in one of them."""
    rows = con.sql(f"select * from {table.name} order by partition_date, {', '.join(table.key)}").to_arrow_table().to_pylist()
    chance = random.Random(table.name)
    picked = chance.sample(rows, min(ROWS, len(rows)))
    for measure in (name for drill in table.drill for name in drill.measures):
        told = [row for row in rows if row[measure]]
        if told and not any(row[measure] for row in picked):
            picked.append(chance.choice(told))
    return picked


@pytest.mark.parametrize("name", SUMMARIES)
def test_every_measure_has_a_way_back(name: str):
    """A drill, a formula over the row, or a reason why there is neither; and of reasons only few."""
    drilled = {measure for drill in TABLES[name].drill for measure in drill.measures}
    ways = {c.name: (c.name in drilled, bool(formula_of(c)), bool(c.no_drill)) for c in measure_columns(TABLES[name])}
    assert {measure for measure, found in ways.items() if sum(found) != 1} == set()


def test_few_measures_have_none():
    without = {(table, c.name) for table in SUMMARIES for c in measure_columns(TABLES[table]) if c.no_drill}
    assert len(without) <= 8, without


@pytest.mark.parametrize("name", SUMMARIES)
def test_rows_of_the_fact_make_the_measures(con: duckdb.DuckDBPyConnection, name: str):
    table = TABLES[name]
    picked = some_rows(con, table)
    assert picked or table.empty_when
    for row in picked:
        for drill in table.drill:
            where = filter_of(TABLES, table, drill, row)
            sums = [f"cast({text} as {table.column(n).sql_type}) as {n}" for n, text in measures_of(table, drill, row).items()]
            again = con.sql(f"select {', '.join(sums)} from {drill.fact} as f where {where}").to_arrow_table().to_pylist()[0]
            wrong = {n: (row[n], value) for n, value in again.items() if (row[n] or 0) != (value or 0)}
            assert not wrong, (where_of(table, row), where)


@pytest.mark.parametrize("name", SUMMARIES)
def test_formulas_hold_in_every_row(con: duckdb.DuckDBPyConnection, name: str):
    """A quotient of parts may be left out where the mart says so; a formula is the value."""
    for column in measure_columns(TABLES[name]):
        if formula := formula_of(column):
            differs = f"{column.name} is distinct from cast({formula} as {column.sql_type})"
            if column.parts and not column.formula:
                off = {"rate": "0.0001", "money": "0.01", "number": "0.000001"}[column.type]
                differs = f"abs({column.name} - cast({formula} as {column.sql_type})) > {off}"
            assert con.sql(f"select * from {name} where {differs}").fetchall() == [], (column.name, formula)


@pytest.mark.parametrize("name", ["mart_financial_performance", "mart_clinician_performance", "mart_ar_aging_summary"])
def test_a_row_is_explained(sample_lake: Lake, con: duckdb.DuckDBPyConnection, name: str):
    table = TABLES[name]
    row = some_rows(con, table)[0]
    found = explain(sample_lake, name, where_of(table, row))
    assert found.row == row
    told = [
        *((measure, in_mart, again) for part in found.behind for measure, in_mart, again in part.measures),
        *((measure, in_mart, again) for measure, _, in_mart, again in found.formulas),
    ]
    assert {measure for measure, _, _ in told} | set(found.reasons) == {c.name for c in measure_columns(table)}
    assert [(m, a, b) for m, a, b in told if (a or 0) != (b or 0)] == []
    assert all(part.rows.num_rows == part.row_count for part in found.behind)


def test_the_filter_stands_with_the_values_of_the_row(sample_lake: Lake):
    where = "period_grain = 'day' and breakdown = 'total' and partition_date = '2025-12-07'"
    behind = explain(sample_lake, "mart_appointment_efficiency", where).behind[0]
    assert behind.fact == "fact_appointment"
    assert "CAST('2025-12-07' AS DATE)" in behind.where
    assert "m." not in behind.where.replace("f.", "")
    assert "location_key" not in behind.where
    assert query(sample_lake, behind.sql).num_rows == behind.rows.num_rows == behind.row_count


@pytest.mark.parametrize(
    ("name", "where", "words"),
    [
        ("dim_patient", "true", "no summary mart"),
        ("mart_appointment_efficiency", "breakdown = 'nothing'", "No row of mart_appointment_efficiency"),
        ("mart_appointment_efficiency", "breakdown = 'total'", "pick one by period_grain day, month"),
    ],
)
def test_what_picks_no_single_row_is_said(sample_lake: Lake, name: str, where: str, words: str):
    with pytest.raises(UsageError, match=words):
        explain(sample_lake, name, where)


def test_the_command_prints_fact_filter_sql_and_rows(sample_lake: Lake):
    words = ["explain", "mart_appointment_efficiency", "--where", "period_grain = 'rolling_12m' and breakdown = 'total'"]
    text = CliRunner().invoke(app, [*words, "--limit", "2", "--lake", sample_lake.url]).stdout
    for word in ("Fact: fact_appointment", "Filter: ", "SQL: select f.* from fact_appointment as f where", "2 of "):
        assert word in text
    document = json.loads(CliRunner().invoke(app, ["--json", *words, "--lake", sample_lake.url]).stdout)
    part = document["behind"][0]
    assert part["row_count"] == document["row"]["visits"]
    assert len(part["rows"]) == 50 < part["row_count"]
    assert {m["measure"] for m in part["measures"]} >= {"visits", "patients"}
    assert all(m["mart"] == m["fact"] for m in part["measures"])
