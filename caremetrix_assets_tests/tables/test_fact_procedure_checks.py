"""The check in the contract of fact_procedure: shared minutes add up to the visit's."""

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders


def found(*shares: float | None, minutes: float | None = 60.0) -> list[str] | str:
    rows: list[Row] = [{"encounter_id": "e1", "allocated_minutes": s, "partition_date": "2025-03-01"} for s in shares]
    visit = {"encounter_id": "e1", "duration_minutes": minutes}
    return offenders("fact_procedure", "allocated_minutes_sum", rows, {"dim_encounter": [visit]})


def test_allocated_minutes_sum():
    assert found(20.0, 39.995) == []
    assert found(20.0, 39.98) == ["e1", "e1"]
    assert found(None) == ["e1"]
    assert found(None, minutes=None) == []
