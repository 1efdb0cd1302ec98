-- The value that half, or nine in ten, do not exceed: seconds of sessions, days from service to submission, days from refusal to rework.
with spans as (
    select
        'session' as family, 'session' as measure, event_date, known_from, known_until, location_key, -3 as provider_key,
        'all' as patient_type, -3 as source_key, role, seconds as value
    from sessions
    union all
    select
        'work', case when is_submission then 'lag' else 'rework' end, event_date, event_date, date '9999-12-31', location_key,
        provider_key, patient_type, source_key, 'all', days
    from claims
),

placed as (
    select
        s.measure, s.event_date, s.known_from, s.known_until, f.breakdown,
        case when f.breakdown in ('location', 'detail') then s.location_key else -3 end as place,
        case when f.breakdown in ('provider', 'detail') then s.provider_key else -3 end as clinician,
        case when f.breakdown in ('patient_type', 'detail') then s.patient_type else 'all' end as type,
        case when f.breakdown in ('acquisition_source', 'detail') then s.source_key else -3 end as source,
        case when f.breakdown = 'role' then s.role else 'all' end as role, s.value, count(*) as spans
    from spans as s
    inner join families as f on f.family = s.family
    where s.value is not null
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
),

ranked as (
    select
        p.partition_date, p.period_grain, s.breakdown, s.place, s.clinician, s.type, s.source, s.role, s.measure, s.value,
        sum(sum(s.spans)) over whole as total, sum(sum(s.spans)) over up_to as upto
    from placed as s
    inner join shared_periods as p
        on s.event_date >= p.period_start and s.event_date <= p.partition_date and s.known_from <= p.partition_date
        and p.partition_date < s.known_until
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    window
        whole as (partition by p.partition_date, p.period_grain, s.breakdown, s.place, s.clinician, s.type, s.source, s.role, s.measure),
        up_to as (
            partition by p.partition_date, p.period_grain, s.breakdown, s.place, s.clinician, s.type, s.source, s.role, s.measure
            order by s.value rows unbounded preceding
        )
)

select
    partition_date, period_grain, breakdown, place, clinician, type, source, role,
    min(value) filter (where measure = 'session' and 2 * upto >= total) as session_p50,
    min(value) filter (where measure = 'lag' and 2 * upto >= total) as lag_p50,
    min(value) filter (where measure = 'lag' and 10 * upto >= 9 * total) as lag_p90,
    min(value) filter (where measure = 'rework' and 2 * upto >= total) as rework_p50
from ranked
group by partition_date, period_grain, breakdown, place, clinician, type, source, role
