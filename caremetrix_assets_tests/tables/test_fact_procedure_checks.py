"""Checks of fact_procedure: shared minutes add up to the visit's, and a procedure may be known before its visit is shown."""

from datetime import date, datetime
from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
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


def test_minutes_of_a_visit_wait_for_its_last_procedure():
    """A visit over midnight: half of its minutes belong to a procedure of a day that is not built yet."""
    row: Row = {"encounter_id": "e1", "allocated_minutes": 30.0, "partition_date": "2025-03-01"}
    visit: Row = {"encounter_id": "e1", "duration_minutes": 60.0}

    def found(second: str) -> list[str] | str:
        neighbours: dict[str, list[Row]] = {
            "dim_encounter": [visit],
            "raw_procedures": [{"encounter": "e1", "start": f"{second} 00:10:00"}],
        }
        return offenders("fact_procedure", "allocated_minutes_sum", [row], neighbours, newest="2025-03-01")

    assert found("2025-03-02") == []
    assert found("2025-03-01") == ["e1"]


def test_a_procedure_before_its_visit_blocks_nothing(tmp_path: Path):
    """The visit starts tomorrow, so no dimension has it today; one that no file has is another matter."""
    catalog = load_catalog()
    visits = catalog.table("raw_encounters")
    lab = Lab(tmp_path, catalog.table("fact_procedure"), visits, catalog.table("dim_encounter"), dates=[date(2025, 3, 1)])
    lab.relation("raw_encounters", visits, [{"id": "e1", "start": datetime(2025, 3, 2)}])
    row = {"procedure_sk": "0" * 32, "encounter_id": "e1", "encounter_key": -1, "date_key": 20250301}
    statuses = [lab.stage([{**row, "encounter_id": i}]).run().of("fk_resolves.encounter_id", lab.dates[0]).status for i in ("e1", "e2")]
    assert statuses == ["passed", "failed"]
