-- What came after hospital and emergency visits: returns to hospital, visits outside it, and why a stay is left out.
with stays as (
    select *, cast(ended_at as date) as end_date
    from shared_ops_visits
    where encounter_class in ('inpatient', 'emergency') and ended_at is not null
),

-- A stay is an item of both measures, on the day on which its 30 or 7 days end.
items as (
    select s.*, 'readmission_30d' as measure_id, cast(s.end_date + interval 30 day as date) as measured
    from stays as s
    where s.encounter_class = 'inpatient'
    union all
    select s.*, 'followup_7d_after_hospital', cast(s.end_date + interval 7 day as date)
    from stays as s
),

followed as (
    select
        i.fact_appointment_sk, i.measure_id,
        bool_or(
            i.measure_id = 'readmission_30d' and v.encounter_class = 'inpatient' and v.event_date > i.end_date
            or i.measure_id = 'followup_7d_after_hospital' and q.code is not null and v.event_date > i.end_date
        ) as is_met,
        bool_or(
            v.started_at >= i.ended_at
            and (
                i.measure_id = 'readmission_30d' and v.encounter_class = 'inpatient' and v.event_date = i.end_date
                or i.measure_id = 'followup_7d_after_hospital' and v.encounter_class in ('inpatient', 'emergency')
            )
        ) as is_moved
    from items as i
    inner join shared_ops_visits as v
        on v.patient_id = i.patient_id and v.event_date >= i.end_date and v.event_date <= i.measured
        and v.fact_appointment_sk <> i.fact_appointment_sk
    left join seed_quality_codes as q on q.code_list = 'aftercare' and q.code = v.encounter_class
    group by i.fact_appointment_sk, i.measure_id
)

select
    i.measure_id, i.patient_id, i.measured, i.measured as known_from, date '9999-12-31' as known_until, i.location_key, i.provider_key,
    i.patient_type, i.source_key, i.encounter_id as item_id, i.is_simulated,
    coalesce(f.is_moved, false) or coalesce(p.death_date <= i.measured, false)
    and (i.measure_id = 'followup_7d_after_hospital' or not coalesce(f.is_met, false)) as is_excluded, coalesce(f.is_met, false) as is_met,
    cast(null as integer) as required, cast(null as integer) as filled, false as gap_1, false as gap_2, false as gap_3, false as gap_4,
    false as gap_5
from items as i
left join followed as f on f.fact_appointment_sk = i.fact_appointment_sk and f.measure_id = i.measure_id
left join dim_patient as p on p.patient_id = i.patient_id and p.is_current
where i.measured >= (select min(period_start) from shared_periods)
