"""Keys, literally: other programs rely on them."""

from datetime import date

import pytest

from caremetrix_assets.lake import layout

DAY = date(2025, 1, 31)


def test_keys():
    assert layout.object_key("facts", "fact_x", DAY) == "facts/fact_x/partition_date=2025-01-31/fact_x.parquet"
    assert layout.object_key("ops", "results", date(987, 1, 1)) == "ops/results/partition_date=0987-01-01/results.parquet"
    assert layout.pointer_key("dim_x") == "dims/dim_x/_latest.json"
    assert layout.state_key("fact_x") == "ops/state/fact_x.json"
    assert layout.drop_file_key("4f2a", "procedures") == "ops/drops/4f2a/procedures.parquet"
    assert layout.drop_report_key("4f2a") == "ops/drops/4f2a/report.json"
    assert layout.quarantine_prefix("procedures") == "quarantine/procedures/"
    assert layout.table_prefix("marts", "mart_x") == "marts/mart_x/"


def test_a_layer_that_does_not_exist():
    with pytest.raises(ValueError, match="unknown layer 'mart'; one of raw, dims, facts, marts, ops"):
        layout.object_key("mart", "mart_x", DAY)


@pytest.mark.parametrize("layer", layout.LAYERS)
def test_a_key_names_its_partition(layer: str):
    assert layout.parse_object_key(layout.object_key(layer, "some_table_2", DAY)) == layout.Place(layer, "some_table_2", DAY)


@pytest.mark.parametrize(
    "key",
    [
        "dims/dim_x/_latest.json",
        "ops/drops/4f2a/procedures.parquet",
        "mart/mart_x/partition_date=2025-01-31/mart_x.parquet",
        "marts/mart_x/partition_date=2025-01-31/mart_y.parquet",
        "marts/mart_x/partition_date=2025-02-30/mart_x.parquet",
        "marts/mart_x/partition_date=2025-01-31/mart_x.parquet.old",
        "old/marts/mart_x/partition_date=2025-01-31/mart_x.parquet",
    ],
)
def test_other_keys_name_none(key: str):
    assert layout.parse_object_key(key) is None
