-- Conditions of the lists that a patient ever had by each day to build, and whether they were active on it.
with conditions as (
    select
        e.patient_id, q.code_list, cast(e.event_start_at as date) as start_date,
        coalesce(cast(e.event_end_at as date), date '9999-12-31') as end_date
    from fact_patient_e as e
    inner join dim_reason as r on r.reason_key = e.reason_key
    inner join seed_quality_codes as q on q.code_kind = 'condition' and q.code_system = r.code_system and q.code = r.reason_code
    where e.event_type = 'condition'
)

select
    p.partition_date, c.patient_id,
    bool_or(c.code_list = 'hypertension' and c.end_date > p.partition_date) as has_hypertension,
    bool_or(c.code_list = 'diabetes_type_2' and c.end_date > p.partition_date) as has_diabetes,
    bool_or(c.code_list = 'end_stage_renal_disease' and c.end_date > p.partition_date) as has_renal_disease,
    bool_or(c.code_list = 'pregnancy' and c.end_date > p.partition_date) as is_pregnant,
    bool_or(c.code_list = 'ischemic_heart_disease') as had_heart_disease,
    bool_or(c.code_list = 'colon_cancer') as had_colon_cancer
from conditions as c
inner join people as p on p.patient_id = c.patient_id and c.start_date <= p.partition_date
group by p.partition_date, c.patient_id
