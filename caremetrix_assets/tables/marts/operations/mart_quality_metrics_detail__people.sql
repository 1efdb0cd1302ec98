-- Patients active on each day to build, with age, the keys of their latest visit and which fields of their master data are empty then.
with visits as (
    select
        v.patient_id, v.event_date, v.location_key, v.provider_key, v.patient_type, v.source_key, v.is_simulated,
        coalesce(
            lead(v.event_date) over (partition by v.patient_id order by v.event_date, v.started_at, v.fact_appointment_sk),
            date '9999-12-31'
        ) as next_date
    from shared_ops_visits as v
),

latest as (
    select r.partition_date, v.*
    from visits as v
    inner join run_dates as r
        on v.event_date <= r.partition_date and r.partition_date < v.next_date
        and v.event_date > add_months(r.partition_date, -18)
)

select
    l.partition_date, l.patient_id, l.location_key, l.provider_key, l.patient_type, l.source_key, l.is_simulated,
    age_years(p.birth_date, l.partition_date) as age,
    p.birth_date <= add_months(l.partition_date, -6) as is_half_a_year, p.birth_date is null as no_birth_date,
    s.gender is null as no_gender, s.race is null as no_race, s.ethnicity is null as no_ethnicity, s.city is null as no_city,
    s.state is null as no_state, s.zip is null as no_zip,
    s.marital_status is null and coalesce(age_years(p.birth_date, l.partition_date), 18) >= 18 as no_marital_status
from latest as l
left join dim_patient as p on p.patient_id = l.patient_id and p.is_current
left join dim_patient as s
    on s.patient_id = l.patient_id and s.valid_from <= l.partition_date and l.partition_date < s.valid_to
where p.death_date is null or p.death_date > l.partition_date
