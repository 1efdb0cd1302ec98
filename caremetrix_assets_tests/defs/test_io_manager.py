"""A user's own asset reads a table of the lake by annotation: the partitions of its run, or a handle."""

from datetime import date
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from caremetrix_assets.defs.io_manager import LakeIOManager
from caremetrix_assets.defs.partitions import daily
from caremetrix_assets.lake.reader import LakeTable
from caremetrix_assets_tests.runs import Place

VISITS = dg.AssetKey(["facts", "fact_appointment"])


@pytest.mark.parametrize("annotation", [pd.DataFrame, pa.Table, LakeTable])
def test_load_input_follows_the_annotation(annotation: type, sample_place: Place) -> None:
    seen: list[Any] = []
    days = daily(date(2025, 11, 30))

    def busy(visits: Any) -> None:
        seen.append(visits)

    busy.__annotations__["visits"] = annotation
    own = dg.asset(partitions_def=days, ins={"visits": dg.AssetIn(key=VISITS)})(busy)
    table = dg.AssetSpec(VISITS, partitions_def=days).with_io_manager_key("lake_io")
    resources = {"lake_io": LakeIOManager(overrides={"lake": str(sample_place.lake)})}
    assert dg.materialize([own, table], selection=[own], partition_key="2025-12-04", resources=resources).success
    assert isinstance(seen[0], annotation)
    visits: Any = seen[0]
    if annotation is LakeTable:
        visits = visits.to_pandas(dates=["2025-12-04"])
    dates = visits["date_key"].to_pylist() if annotation is pa.Table else visits["date_key"].tolist()
    assert dates == [20251204, 20251204]  # two encounters of the CSV files start on that day
