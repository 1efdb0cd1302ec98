"""The documented questions of a clinic (``tables/questions.yml``): the lake answers them as the sample's CSV files do.

The expected side (``golden_questions.sql``) reads the files with plain DuckDB (``oracle.py``) and shares no code and no
definition with the package. Values of single tables are in ``test_golden.py``.
"""

from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets import Lake
from caremetrix_assets.catalog.load import TABLES, read_yaml
from caremetrix_assets.serving.query import query
from caremetrix_assets_tests.oracle import Oracle

SAMPLE = Path(__file__).parent.parent / "sample_drops"
NEWEST = date(2025, 12, 7)
ANSWERS = {
    block.splitlines()[0].strip(): block.partition("\n")[2]
    for block in (Path(__file__).parent / "golden_questions.sql").read_text().split("-- ? ")[1:]
}


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle([path.parent for path in SAMPLE.glob("*/manifest.json")], newest=NEWEST)


@pytest.mark.parametrize("ask", ANSWERS)
def test_the_lake_answers_as_the_files_do(sample_lake: Lake, oracle: Oracle, ask: str):
    sql = next(q["sql"] for subject in read_yaml(TABLES / "questions.yml").values() for q in subject if q["ask"] == ask)
    answer = [tuple(row.values()) for row in query(sample_lake, sql).to_pylist()]
    expected = oracle.db.execute(ANSWERS[ask]).fetchall()
    assert answer == expected
    assert any(value for row in answer for value in row if not isinstance(value, str))


def test_a_finding_is_no_disease(sample_lake: Lake, oracle: Oracle):
    """Half of the source's conditions are social facts; the commonest of them would lead any list of diseases."""
    facts = "'160903007', '73595000'"
    expected = oracle.db.execute(f"select count(distinct patient) from conditions where code in ({facts})").fetchall()[0][0]
    sql = f"""select count(distinct e.patient_id) as patients, bool_or(r.is_disease) as is_disease
        from fact_patient_e as e inner join dim_reason as r on r.reason_key = e.reason_key where r.reason_code in ({facts})"""
    assert query(sample_lake, sql).to_pylist() == [{"patients": expected, "is_disease": False}]
    assert expected > 27, "more than have the commonest disease"


def test_clinical_events_are_all_observations_procedures_and_conditions(sample_lake: Lake, oracle: Oracle):
    """Row by row: kind, patient, own visit and day. Only what is dated after the newest day waits."""
    expected = oracle.db.execute("""
        with events as (
            select 'observation' as kind, patient, encounter, cast(cast(date as timestamp) as date) as day from observations
            union all select 'procedure', patient, encounter, cast(cast(start as timestamp) as date) from procedures
            union all select 'condition', patient, encounter, cast(start as date) from conditions
        )
        select kind, patient, coalesce(encounter, ''), strftime(day, '%Y%m%d') as day, count(*) from events
        where day <= '2025-12-07' group by all order by all
    """).fetchall()
    sql = """select event_type, patient_id, coalesce(encounter_id, '') as visit, cast(date_key as varchar) as day, count(*) as events
        from fact_patient_e group by all order by all"""
    assert [tuple(row.values()) for row in query(sample_lake, sql).to_pylist()] == expected
