"""``caremetrix explain``: the rows behind a mart's row are found, and they add up to it, for every mart and breakdown."""

import json

import pytest
from typer.testing import CliRunner

from caremetrix_assets import Lake
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.app import app
from caremetrix_assets.errors import UsageError
from caremetrix_assets.serving.explain import explain
from caremetrix_assets.serving.query import query

DRILLED = [t.name for t in load_catalog().tables.values() if t.drill]


@pytest.mark.parametrize("name", DRILLED)
def test_measures_of_the_rows_are_those_of_the_mart(sample_lake: Lake, name: str):
    """The last row, by key, of every breakdown of the longest period; a row's keys are all of what picks it."""
    table = load_catalog().table(name)
    rows = query(sample_lake, f"select * from {name} where partition_date = date '2025-12-07'").to_pylist()
    grains = {row.get("period_grain") for row in rows}
    longest = "rolling_12m" if "rolling_12m" in grains else next(iter(grains), None)
    picked = {}
    for row in sorted(rows, key=lambda r: [str(r[k]) for k in table.key]):
        if row.get("period_grain") == longest:
            picked[row.get("breakdown")] = row
    assert picked or load_catalog().table(name).empty_when
    for row in picked.values():
        where = " and ".join(f"{k} is null" if row[k] is None else f"{k} = '{row[k]}'" for k in table.key)
        found, behind = explain(sample_lake, name, where)
        assert found == row
        for part in behind:
            for measure, in_mart, of_rows in part.measures:
                assert (in_mart or 0) == (of_rows or 0), (where, measure, part.where)


def test_the_filter_stands_with_the_values_of_the_row(sample_lake: Lake):
    where = "period_grain = 'day' and breakdown = 'total' and partition_date = '2025-12-07'"
    _, (behind,) = explain(sample_lake, "mart_appointment_efficiency", where)
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
