-- First visits of the day's list, on the day of the visit and on the days on which 180 and 365 days of watching are over.
with acquired as (
    select n.*, d.kind, cast(n.acquisition_date + d.days * interval 1 day as date) as event_date
    from mart_new_patients as n
    cross join (values ('new', 0), ('matured_180d', 180), ('matured_365d', 365)) as d (kind, days)
),

visits as (
    select
        v.visit_date as event_date, v.location_key, v.provider_key, v.patient_type, coalesce(s.source_key, -1) as source_key,
        coalesce(s.valid_from, date '0001-01-01') as valid_from, coalesce(s.valid_to, date '9999-12-31') as valid_to, count(*) as visits,
        count(*) filter (where v.is_first_here) as new_here
    from (
        select *, row_number() over (partition by patient_id, location_key order by visit_seq) = 1 as is_first_here from shared_visits
    ) as v
    left join shared_patient_sources as s on s.patient_id = v.patient_id and s.valid_to > v.visit_date
    group by 1, 2, 3, 4, 5, 6, 7
),

no_shows as (
    select
        cast(a.scheduled_start_at as date) as event_date, a.location_key, coalesce(p.member_key, -1) as provider_key, a.patient_type,
        coalesce(s.source_key, -1) as source_key, coalesce(s.valid_from, date '0001-01-01') as valid_from,
        coalesce(s.valid_to, date '9999-12-31') as valid_to
    from fact_appointment as a
    left join dim_provider as p on p.provider_key = a.provider_key
    left join shared_patient_sources as s on s.patient_id = a.patient_id and s.valid_to > cast(a.scheduled_start_at as date)
    where a.outcome = 'no_show' and a.patient_type = 'prospect'
),

entries as (
    select
        p.partition_date, p.period_grain, a.location_key, a.provider_key, 'new' as patient_type, a.source_key, a.kind, 1 as amount,
        0 as new_here, case when a.kind = 'new' then a.lead_time_days end as lead_time_days, a.visits_180d > 1 as is_returned,
        a.production_365d_amount as production
    from shared_periods as p
    inner join acquired as a
        on a.partition_date = p.partition_date and a.event_date >= p.period_start and a.event_date <= p.period_end
    union all
    select
        p.partition_date, p.period_grain, v.location_key, v.provider_key, v.patient_type, v.source_key, 'visit', v.visits, v.new_here,
        null, false, 0
    from shared_periods as p
    inner join visits as v
        on v.event_date >= p.period_start and v.event_date <= p.period_end
        and v.valid_from <= p.partition_date and p.partition_date < v.valid_to
    union all
    select
        p.partition_date, p.period_grain, n.location_key, n.provider_key, n.patient_type, n.source_key, 'no_show', 1, 0, null, false, 0
    from shared_periods as p
    inner join no_shows as n
        on n.event_date >= p.period_start and n.event_date <= p.period_end
        and n.valid_from <= p.partition_date and p.partition_date < n.valid_to
    union all
    select p.partition_date, p.period_grain, -1, -1, 'new', -1, 'nothing', 0, 0, null, false, 0
    from shared_periods as p
),

placed as (
    select
        e.partition_date, e.period_grain, b.breakdown, e.kind, e.amount, e.new_here, e.lead_time_days, e.is_returned, e.production,
        case when b.breakdown in ('location', 'detail') then e.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail') then e.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then e.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then e.source_key else -3 end as source_key
    from entries as e
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail')
    ) as b (breakdown)
    where e.kind <> 'nothing' or b.breakdown = 'total'
),

ranked as (
    select
        p.*, count(p.lead_time_days) over whole as leads,
        row_number() over (
            partition by
                p.partition_date, p.period_grain, p.breakdown, p.location_key, p.provider_key, p.patient_type, p.source_key,
                p.lead_time_days is null
            order by p.lead_time_days
        ) as position
    from placed as p
    window whole as (
        partition by p.partition_date, p.period_grain, p.breakdown, p.location_key, p.provider_key, p.patient_type, p.source_key
    )
),

summed as (
    select
        r.partition_date, r.period_grain, r.breakdown, r.location_key, r.provider_key, r.patient_type, r.source_key,
        coalesce(sum(r.amount) filter (where r.kind = 'new'), 0) as won, sum(r.new_here) as new_here,
        coalesce(sum(r.amount) filter (where r.kind = 'visit'), 0) as visits,
        coalesce(sum(r.amount) filter (where r.kind = 'no_show'), 0) as no_shows,
        min(r.lead_time_days) filter (where 2 * r.position >= r.leads) as lead_p50,
        coalesce(sum(r.amount) filter (where r.kind = 'matured_180d'), 0) as matured_180d,
        coalesce(sum(r.amount) filter (where r.kind = 'matured_180d' and r.is_returned), 0) as returned_180d,
        coalesce(sum(r.amount) filter (where r.kind = 'matured_365d'), 0) as matured_365d,
        coalesce(sum(r.production) filter (where r.kind = 'matured_365d'), 0) as production_365d
    from ranked as r
    group by 1, 2, 3, 4, 5, 6, 7
)

select
    s.period_grain, h.period_start, h.period_end, h.is_period_complete, h.is_warmup, s.breakdown, s.location_key, s.provider_key,
    s.patient_type, s.source_key,
    s.won as new_patients,
    s.new_here as new_to_location_patients,
    s.visits,
    rate_of(s.won, s.visits) as new_visit_share,
    case when fb.is_available then s.no_shows end as first_visit_no_shows,
    case
        when fb.is_available and s.breakdown not in ('patient_type', 'detail') then rate_of(s.no_shows, s.won + s.no_shows)
    end as first_visit_no_show_rate,
    s.lead_p50 as lead_time_days_p50,
    s.matured_180d as matured_180d_patients,
    s.returned_180d as returned_180d_patients,
    rate_of(s.returned_180d, s.matured_180d) as second_visit_rate_180d,
    s.matured_365d as matured_365d_patients,
    s.production_365d as matured_production_365d_amount,
    number_of(s.production_365d, s.matured_365d) as production_per_new_patient_365d,
    case when fb.is_simulated or (ft.is_simulated and s.source_key > 0) then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from summed as s
inner join shared_patient_periods as h on h.partition_date = s.partition_date and h.period_grain = s.period_grain
inner join shared_feed_bookings as fb on fb.partition_date = s.partition_date
inner join shared_feed_touches as ft on ft.partition_date = s.partition_date
where s.breakdown = 'total' or s.won + s.visits + s.matured_180d + s.matured_365d > 0 or (fb.is_available and s.no_shows > 0)
