-- Of every list of codes, what is newest for each active patient on each day to build. Readings of blood pressure are pairs taken at one
-- moment; of several values at one moment the highest counts.
with events as (
    select
        e.patient_id, q.code_list, e.event_start_at as event_at, max(e.value_number) as value
    from fact_patient_e as e
    inner join dim_observation as o on o.observation_key = e.observation_key
    inner join seed_quality_codes as q on q.code_kind = 'observation' and q.code_system = o.code_system and q.code = o.observation_code
    where e.event_type = 'observation' and e.value_number is not null
    group by e.patient_id, q.code_list, e.event_start_at
    union all
    select e.patient_id, q.code_list, e.event_start_at, cast(null as double)
    from fact_patient_e as e
    inner join dim_procedure as p on p.procedure_key = e.procedure_key
    inner join seed_quality_codes as q on q.code_kind = 'procedure' and q.code_system = p.code_system and q.code = p.procedure_code
    where e.event_type = 'procedure'
    union all
    select l.patient_id, q.code_list, cast(l.service_date as timestamp), cast(null as double)
    from fact_claim_line as l
    inner join dim_procedure as p on p.procedure_key = l.procedure_key
    inner join seed_quality_codes as q on q.code_kind = 'vaccine' and q.code_system = p.code_system and q.code = p.procedure_code
    where l.line_kind = 'immunization'
    union all
    select c.patient_id, q.code_list, cast(d.date_day as timestamp), cast(null as double)
    from fact_clinician as c
    inner join dim_medication as m on m.medication_key = c.medication_key
    inner join seed_quality_codes as q on q.code_kind = 'medication' and q.code = m.medication_code
    inner join dim_date as d on d.date_key = c.date_key
    where c.activity_type = 'medication'
    union all
    select v.patient_id, 'wellness', cast(v.event_date as timestamp), cast(null as double)
    from shared_ops_visits as v
    where v.encounter_class = 'wellness'
),

paired as (
    select e.patient_id, e.code_list, e.event_at, e.value, cast(null as double) as second_value
    from events as e
    where e.code_list not in ('systolic_pressure', 'diastolic_pressure')
    union all
    select s.patient_id, 'blood_pressure', s.event_at, s.value, d.value
    from events as s
    inner join events as d on d.patient_id = s.patient_id and d.event_at = s.event_at and d.code_list = 'diastolic_pressure'
    where s.code_list = 'systolic_pressure'
),

-- An event is the newest of its list until the day of the next one; of several on a day the last counts.
spans as (
    select
        patient_id, code_list, cast(event_at as date) as event_date, value, second_value,
        coalesce(
            cast(lead(event_at) over (partition by patient_id, code_list order by event_at, value, second_value) as date), date '9999-12-31'
        ) as next_date
    from paired
    where event_at >= add_months((select min(partition_date) from run_dates), -120)
)

select p.partition_date, s.patient_id, s.code_list, s.event_date, s.value, s.second_value
from spans as s
inner join people as p
    on p.patient_id = s.patient_id and s.event_date <= p.partition_date and p.partition_date < s.next_date
