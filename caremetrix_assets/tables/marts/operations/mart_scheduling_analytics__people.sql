-- Distinct patients with a visit: who comes again later in the period is counted on the later day.
with placed as (
    select distinct
        v.patient_id, v.event_date, b.breakdown, case when b.breakdown in ('location', 'detail') then v.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then v.provider_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then v.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then v.source_key else -3 end as source,
        case when b.breakdown = 'appointment_type' then v.appointment_type else 'all' end as visit_type
    from shared_ops_visits as v
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('appointment_type')
    ) as b (breakdown)
    where v.event_date >= (select min(period_start) from shared_periods)
),

dated as (
    select
        *, lead(event_date) over (
            partition by patient_id, breakdown, place, clinician, type, source, visit_type order by event_date
        ) as next_date
    from placed
)

select
    p.partition_date, p.period_grain, d.breakdown, d.place, d.clinician, d.type, d.source, d.visit_type, count(*) as patients
from dated as d
inner join shared_periods as p
    on d.event_date >= p.period_start and d.event_date <= p.partition_date
    and (d.next_date is null or d.next_date > p.partition_date)
group by p.partition_date, p.period_grain, d.breakdown, d.place, d.clinician, d.type, d.source, d.visit_type
