with business as (
    select partition_date, period_grain, sum(business_days) as days from calendar group by partition_date, period_grain
),
feeds as (
    select
        f.partition_date, f.has_bookings, f.has_schedules,
        coalesce((select min(event_date) from actions) <= f.partition_date, false) as has_actions,
        coalesce((select min(cast(event_at as date)) from fact_claim_event) <= f.partition_date, false) as has_events,
        (select count(*) from dim_location where capacity_minutes_per_open_day is not null) > 0 as has_rooms
    from shared_ops_feeds as f
),
-- A figure times 1, or null where its file says nothing yet or the breakdown does not have it.
masked as (
    select
        s.*, case when f.has_actions and s.breakdown in ('total', 'location', 'role', 'module') then 1 end as a1,
        case when f.has_actions and s.breakdown in ('total', 'location', 'role') then 1 end as n1,
        case when f.has_events and s.breakdown not in ('role', 'module') then 1 end as e1,
        case when s.breakdown not in ('role', 'module') then 1 end as w1,
        case when f.has_rooms and s.breakdown in ('total', 'location') then 1 end as c1,
        case when f.has_bookings and s.breakdown in ('total', 'location') then 1 end as r1,
        case when f.has_schedules and s.breakdown in ('total', 'location', 'provider') then 0 end as s0,
        case when f.has_schedules and f.has_bookings and s.breakdown in ('total', 'location', 'provider') then 0 end as o0
    from sums as s
    inner join feeds as f on f.partition_date = s.partition_date
)
select
    m.period_grain, p.period_start, m.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, m.breakdown, m.place as location_key, m.clinician as provider_key,
    m.type as patient_type, m.source as source_key, m.role, m.module, coalesce(h.users, 0) * m.a1 as active_users,
    m.actions * m.a1 as staff_actions, m.edits * m.a1 as edit_actions, rate_of(m.edits * m.a1, m.actions) as edit_share,
    m.after_hours * m.a1 as after_hours_actions, rate_of(m.after_hours * m.a1, m.actions) as after_hours_share,
    m.logins * m.a1 as login_attempts, m.failed * m.a1 as failed_logins, rate_of(m.failed * m.a1, m.logins) as failed_login_rate,
    m.sessions * m.n1 as sessions, number_of(q.session_p50 * m.n1, 60) as session_minutes_p50, m.submitted * m.e1 as claims_submitted,
    m.on_time * m.e1 as claims_submitted_within_5d, rate_of(m.on_time * m.e1, m.submitted) as claim_on_time_share,
    cast(q.lag_p50 * m.e1 as double) as claim_lag_days_p50, cast(q.lag_p90 * m.e1 as double) as claim_lag_days_p90,
    m.reworks * m.e1 as claim_reworks, cast(q.rework_p50 * m.e1 as double) as rework_days_p50, m.visits * m.w1 as completed_visits,
    m.patients * m.w1 as patients, m.procedures * m.w1 as procedures, coalesce(b.days, 0) * m.w1 as business_days,
    number_of(m.visits * m.w1, b.days) as visits_per_business_day, coalesce(h.provider_days, 0) * m.w1 as provider_days,
    number_of(m.visits * m.w1, h.provider_days) as visits_per_provider_day, coalesce(m.available, m.s0) as available_minutes,
    coalesce(m.occupied, m.o0) as occupied_minutes, rate_of(m.occupied, m.available) as provider_utilization_rate,
    m.capacity * m.c1 as room_capacity_minutes, m.room_minutes * m.r1 as room_minutes,
    rate_of(m.room_minutes * m.r1, m.capacity * m.c1) as room_utilization_rate,
    case when m.is_simulated then 'simulated' else 'derived' end as data_basis, m.partition_date
from masked as m
inner join shared_periods as p on p.partition_date = m.partition_date and p.period_grain = m.period_grain
left join business as b on b.partition_date = m.partition_date and b.period_grain = m.period_grain
left join people as h
    on h.partition_date = m.partition_date and h.period_grain = m.period_grain and h.breakdown = m.breakdown and h.place = m.place
    and h.clinician = m.clinician and h.type = m.type and h.source = m.source and h.role = m.role and h.module = m.module
left join percentiles as q
    on q.partition_date = m.partition_date and q.period_grain = m.period_grain and q.breakdown = m.breakdown and q.place = m.place
    and q.clinician = m.clinician and q.type = m.type and q.source = m.source and q.role = m.role
left join dim_date as d on d.date_day = p.period_start
