"""Questions a clinic asks, as SQL over the lake: the answers are those of the sample's CSV files.

The expected side reads the files with plain DuckDB (``oracle.py``), keeps the newest row of every key over all drops, and
shares no code and no definition with the package. Values of single tables are in ``test_golden.py``.
"""

from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from caremetrix_assets import Lake
from caremetrix_assets.serving.query import query
from caremetrix_assets_tests.oracle import Oracle

SAMPLE = Path(__file__).parent.parent / "sample_drops"
NEWEST = date(2025, 12, 7)


class Question(NamedTuple):
    """What is asked, in the words of the lake and in those of the files. Both give the same columns in the same order."""

    name: str
    lake: str
    files: str


# what the source tags as a finding and clinicians treat as a disease, and untagged conditions that are none
DISEASES = "'162864005', '408512008', '82423001', '278860009', '1121000119107'"
NO_DISEASES = "'72892002', '428251008', '840544004'"

QUESTIONS = [
    Question(
        "patients by gender",
        "select gender, count(*) from dim_patient where is_current and patient_key > 0 group by gender order by gender",
        "select gender, count(*) from patients group by gender order by gender",
    ),
    Question(
        "visits by gender of the patient",
        """select p.gender, count(*) from fact_appointment as a inner join dim_patient as p on p.patient_key = a.patient_key
        where a.outcome = 'completed' group by p.gender order by p.gender""",
        "select p.gender, count(*) from encounters as e join patients as p on p.id = e.patient group by p.gender order by p.gender",
    ),
    Question(
        "claims by kind",
        "select claim_kind, count(*) from dim_claim where claim_key > 0 group by claim_kind order by claim_kind",
        "select claim_kind, count(*) from claim_kinds group by claim_kind order by claim_kind",
    ),
    Question(
        "charges by kind of claim",
        "select claim_kind, sum(charge_amount) from fact_claim_line group by claim_kind order by claim_kind",
        "select claim_kind, sum(charge_amount) from lines where service_date <= '2025-12-07' group by claim_kind order by claim_kind",
    ),
    Question(
        "who paid how much of the charges",
        """select coalesce(paid_by, 'charged'), sum(payment_amount + charge_amount) from fact_transaction
        where paid_by is not null or transaction_type = 'CHARGE' group by paid_by order by 1""",
        """select coalesce(paid_by, 'charged'), sum(payment_amount + charge_amount) from ledger
        where transaction_type in ('CHARGE', 'PAYMENT') and service_date <= '2025-12-07' group by paid_by order by 1""",
    ),
    Question(
        "clinician with the most procedures",
        """select p.full_name, sum(c.procedure_count) as procedures from fact_clinician as c
        inner join dim_provider as p on p.provider_key = c.provider_key group by p.full_name order by procedures desc limit 1""",
        """select v.name, count(*) as procedures from procedures as p join encounters as e on e.id = p.encounter
        join providers as v on v.id = e.provider group by v.id, v.name order by procedures desc limit 1""",
    ),
    Question(
        "clinician with the most drug orders",
        """select p.full_name, sum(c.medication_count) as orders from fact_clinician as c
        inner join dim_provider as p on p.provider_key = c.provider_key group by p.full_name order by orders desc limit 1""",
        """select v.name, count(*) as orders from medications as m join encounters as e on e.id = m.encounter
        join providers as v on v.id = e.provider group by v.id, v.name order by orders desc limit 1""",
    ),
    Question(
        "what clinicians do, and at which list price",
        """select activity_type, count(*), sum(coalesce(procedure_cost_amount, medication_total_cost_amount)) from fact_clinician
        group by activity_type order by activity_type""",
        """select 'encounter', count(*), null from encounters
        union all select 'medication', count(*), sum(cast(totalcost as decimal(18, 2))) from medications
        union all select 'procedure', count(*), sum(cast(base_cost as decimal(18, 2))) from procedures order by 1""",
    ),
    Question(
        "how many clinicians and patients know each other",
        "select count(*) from (select distinct provider_id, patient_id from fact_appointment)",
        "select count(*) from (select distinct provider, patient from encounters)",
    ),
    Question(
        "clinician and patient with the most visits",
        """select provider_id, patient_id, count(*) as visits from fact_appointment
        group by provider_id, patient_id order by visits desc limit 3""",
        "select provider, patient, count(*) as visits from encounters group by provider, patient order by visits desc limit 3",
    ),
    Question(
        "most frequent recorded reasons of visits",
        """select r.reason_code, count(*) as visits from fact_appointment as a inner join dim_reason as r on r.reason_key = a.reason_key
        where a.reason_source = 'reason_code' group by r.reason_code order by visits desc, r.reason_code limit 10""",
        """select reasoncode, count(*) as visits from encounters where reasoncode is not null
        group by reasoncode order by visits desc, reasoncode limit 10""",
    ),
    Question(
        "mean and median minutes of a visit",
        """select round(avg(duration_minutes), 2), round(median(duration_minutes), 2) from fact_appointment
        where outcome = 'completed' and not is_death_certification""",
        """with visits as (
            select date_diff('second', cast(start as timestamp), cast(stop as timestamp)) / 60 as minutes from encounters
            where code <> '308646001'
        )
        select round(avg(minutes), 2), round(median(minutes), 2) from visits""",
    ),
    Question(
        "readings of systolic blood pressure, their mean, lowest and highest",
        """select count(*), round(avg(e.value_number), 2), min(e.value_number), max(e.value_number) from fact_patient_e as e
        inner join dim_observation as o on o.observation_key = e.observation_key where o.observation_code = '8480-6'""",
        """with readings as (
            select cast(value as double) as value from observations
            where code = '8480-6' and cast(cast(date as timestamp) as date) <= '2025-12-07'
        )
        select count(*), round(avg(value), 2), min(value), max(value) from readings""",
    ),
    Question(
        "patients whose latest systolic reading is 140 or more, by gender",
        """with latest as (
            select e.patient_id, max_by(e.value_number, e.event_start_at) as systolic from fact_patient_e as e
            inner join dim_observation as o on o.observation_key = e.observation_key
            where o.observation_code = '8480-6' group by e.patient_id
        )
        select p.gender, count(*) from latest as l inner join dim_patient as p on p.patient_id = l.patient_id and p.is_current
        where l.systolic >= 140 group by p.gender order by p.gender""",
        """with latest as (
            select patient, max_by(cast(value as double), cast(date as timestamp)) as systolic from observations
            where code = '8480-6' and cast(cast(date as timestamp) as date) <= '2025-12-07' group by patient
        )
        select p.gender, count(*) from latest as l join patients as p on p.id = l.patient
        where l.systolic >= 140 group by p.gender order by p.gender""",
    ),
    Question(
        "inpatient stays, and how many began within 30 days after another",
        """select count(*), count(*) filter (where is_readmission_30d) from fact_appointment where encounter_class = 'inpatient'""",
        """with stays as (
            select id, patient, cast(cast(start as timestamp) as date) as first, cast(cast(stop as timestamp) as date) as last
            from encounters where encounterclass = 'inpatient'
        )
        select count(*), count(*) filter (where exists (
            select 1 from stays as b where b.patient = s.patient and b.id <> s.id and s.first - b.last between 1 and 30
        )) from stays as s""",
    ),
    Question(
        "visits that are a return within 30 days, by class of visit",
        """select encounter_class, count(*), count(*) filter (where is_return_30d) from fact_appointment
        where visit_seq is not null group by encounter_class order by encounter_class""",
        """with days as (select *, cast(cast(start as timestamp) as date) as day from encounters where code <> '308646001')
        select encounterclass, count(*), count(*) filter (where exists (
            select 1 from days as b where b.patient = v.patient and v.day - b.day between 1 and 30
        )) from days as v group by encounterclass order by encounterclass""",
    ),
    Question(
        "the five commonest diseases and the share of patients who ever had them",
        """select r.reason_code, count(distinct e.patient_id) as patients,
            round(100 * count(distinct e.patient_id) / (select count(*) from dim_patient where is_current and patient_key > 0), 1)
        from fact_patient_e as e inner join dim_reason as r on r.reason_key = e.reason_key
        where e.event_type = 'condition' and r.is_disease group by r.reason_code order by patients desc, r.reason_code limit 5""",
        f"""select code, count(distinct patient) as patients,
            round(100 * count(distinct patient) / (select count(*) from patients), 1)
        from conditions where code not in ({NO_DISEASES})
        and (description like '%(disorder)' or description not like '%(%)' or code in ({DISEASES}))
        group by code order by patients desc, code limit 5""",
    ),
    Question(
        "open conditions",
        "select count(*) from fact_patient_e where is_open_condition",
        "select count(*) from conditions where stop is null",
    ),
    Question(
        "procedures and observations of visits by class",
        """with done as (select fact_appointment_sk, count(*) as n from bridge_appointment_procedure group by fact_appointment_sk),
        seen as (select fact_appointment_sk, count(*) as n from bridge_appointment_observation group by fact_appointment_sk)
        select a.encounter_class, sum(coalesce(d.n, 0)), sum(coalesce(s.n, 0)) from fact_appointment as a
        left join done as d on d.fact_appointment_sk = a.fact_appointment_sk
        left join seen as s on s.fact_appointment_sk = a.fact_appointment_sk group by a.encounter_class order by 1""",
        "select encounter_class, sum(procedure_count), sum(observation_count) from visits group by encounter_class order by 1",
    ),
]


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return Oracle([path.parent for path in SAMPLE.glob("*/manifest.json")], newest=NEWEST)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_the_lake_answers_as_the_files_do(sample_lake: Lake, oracle: Oracle, question: Question):
    answer = [tuple(row.values()) for row in query(sample_lake, question.lake).to_pylist()]
    expected = oracle.db.execute(question.files).fetchall()
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
