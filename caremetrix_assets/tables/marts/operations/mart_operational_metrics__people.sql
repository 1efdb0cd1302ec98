-- Distinct users who did something, and distinct days of clinicians with a visit. Who acts again later in the period counts on the later
-- day.
with seen as (
    select distinct
        'staff' as family, user_id as person, event_date, location_key, -3 as provider_key, 'all' as patient_type, -3 as source_key,
        role, module
    from actions
    where action <> 'login_failed' and event_date >= (select min(period_start) from shared_periods)
    union all
    select distinct 'work', provider_id, event_date, location_key, provider_key, patient_type, source_key, 'all', 'all'
    from shared_ops_visits
    where event_date >= (select min(period_start) from shared_periods)
),

placed as (
    select distinct
        s.family, s.person, s.event_date, f.breakdown,
        case when f.breakdown in ('location', 'detail') then s.location_key else -3 end as place,
        case when f.breakdown in ('provider', 'detail') then s.provider_key else -3 end as clinician,
        case when f.breakdown in ('patient_type', 'detail') then s.patient_type else 'all' end as type,
        case when f.breakdown in ('acquisition_source', 'detail') then s.source_key else -3 end as source,
        case when f.breakdown = 'role' then s.role else 'all' end as role,
        case when f.breakdown = 'module' then s.module else 'all' end as module
    from seen as s
    inner join families as f on f.family = s.family
),

dated as (
    select
        *, lead(event_date) over (
            partition by family, person, breakdown, place, clinician, type, source, role, module order by event_date
        ) as next_date
    from placed
)

select
    p.partition_date, p.period_grain, d.breakdown, d.place, d.clinician, d.type, d.source, d.role, d.module,
    count(*) filter (where d.family = 'staff' and (d.next_date is null or d.next_date > p.partition_date)) as users,
    count(*) filter (where d.family = 'work') as provider_days
from dated as d
inner join shared_periods as p on d.event_date >= p.period_start and d.event_date <= p.partition_date
group by p.partition_date, p.period_grain, d.breakdown, d.place, d.clinician, d.type, d.source, d.role, d.module
