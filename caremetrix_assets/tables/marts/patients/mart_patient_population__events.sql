-- Events of a patient by subject: all of them, those of each disease, those of each watched measurement.
with diseases as (
    select r.reason_key from dim_reason as r where r.is_disease
),

measurements as (
    select o.observation_key
    from dim_observation as o
    where o.observation_code in (select s.observation_code from seed_population_measurements as s)
)

select
    'population' as subject, -2 as reason_key, -2 as observation_key, e.patient_id, cast(e.event_start_at as date) as event_date,
    e.encounter_id
from fact_patient_e as e
union all
select 'condition', e.reason_key, -2, e.patient_id, cast(e.event_start_at as date), e.encounter_id
from fact_patient_e as e
inner join diseases as d on d.reason_key = e.reason_key
where e.event_type = 'condition'
union all
select 'observation', -2, e.observation_key, e.patient_id, cast(e.event_start_at as date), e.encounter_id
from fact_patient_e as e
inner join measurements as m on m.observation_key = e.observation_key
where e.event_type = 'observation'
