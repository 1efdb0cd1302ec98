-- The last numeric value of a patient and watched measurement on each day to build.
with measured as (
    select
        e.patient_id, e.observation_key, cast(e.event_start_at as date) as event_date, e.value_number,
        coalesce(lead(cast(e.event_start_at as date)) over (
            partition by e.patient_id, e.observation_key order by e.event_start_at, e.fact_patient_id
        ), date '9999-12-31') as until_date
    from fact_patient_e as e
    inner join dim_observation as o on o.observation_key = e.observation_key
    where
        e.event_type = 'observation' and e.value_number is not null
        and o.observation_code in (select s.observation_code from seed_population_measurements as s)
)

select r.partition_date, m.observation_key, m.patient_id, m.value_number as value
from run_dates as r
inner join measured as m on m.event_date <= r.partition_date and r.partition_date < m.until_date
