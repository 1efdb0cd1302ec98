with sums as (
    select
        c.partition_date, c.period_grain, b.breakdown,
        case when b.breakdown in ('location', 'detail') then c.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then c.provider_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then c.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then c.source_key else -3 end as source,
        case when b.breakdown = 'appointment_type' then c.appointment_type else 'all' end as visit_type,
        bool_or(c.is_simulated) as is_simulated, sum(c.bookings) as bookings, sum(c.completed) as completed, sum(c.no_shows) as no_shows,
        sum(c.late) as late, sum(c.early) as early, sum(c.rescheduled) as rescheduled, sum(c.unresolved) as unresolved,
        sum(c.walk_ins) as walk_ins, sum(c.visits) as visits, sum(c.eligible) as eligible, sum(c.rebooked) as rebooked,
        sum(c.timed) as timed, sum(c.on_time) as on_time, sum(c.available) as available, sum(c.booked) as booked,
        sum(c.occupied) as occupied, sum(c.filled) as filled, sum(c.gaps) as gaps,
        sum(case when c.upcoming = 1 then c.entries else 0 end) as upcoming
    from (
        select * from counts
        union all
        select
            partition_date, period_grain, -3, -3, 'all', -3, 'all', 1, 0, 0, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        from shared_periods
    ) as c
    inner join (
        values
        ('total', 1, 1, 1), ('location', 1, 1, 1), ('provider', 1, 1, 1), ('patient_type', 1, 0, 0), ('acquisition_source', 1, 0, 0),
        ('detail', 1, 0, 0), ('appointment_type', 1, 0, 1)
    ) as b (breakdown, is_person, staffed, upcoming)
        on c.is_person = 1 and (b.breakdown = 'total' or c.entries > 0) or c.staffed = 1 and b.staffed = 1
        or c.upcoming = 1 and b.upcoming = 1
    group by 1, 2, 3, 4, 5, 6, 7, 8
),
masked as (
    select
        s.*, f.has_bookings, case when f.has_bookings then 1 end as b1,
        case when f.has_schedules and s.breakdown in ('total', 'location', 'provider') then 1 end as s1,
        case when f.has_bookings and s.breakdown in ('total', 'location', 'provider', 'appointment_type') then 1 end as u1
    from sums as s
    inner join shared_ops_feeds as f on f.partition_date = s.partition_date
)
select
    m.period_grain, p.period_start, m.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, m.breakdown, m.place as location_key, m.clinician as provider_key,
    m.type as patient_type, m.source as source_key, m.visit_type as appointment_type, m.bookings * m.b1 as bookings,
    m.completed * m.b1 as completed_bookings, m.no_shows * m.b1 as no_shows, m.late * m.b1 as late_cancellations,
    m.early * m.b1 as early_cancellations, m.rescheduled * m.b1 as reschedules, m.unresolved * m.b1 as unresolved_bookings, m.walk_ins,
    m.visits as completed_visits, coalesce(h.patients, 0) as patients, rate_of(m.no_shows * m.b1, m.completed + m.no_shows) as no_show_rate,
    rate_of(m.completed * m.b1, m.completed + m.no_shows + m.late) as completion_rate,
    rate_of((m.late + m.early) * m.b1, m.bookings) as cancellation_rate, m.eligible * m.b1 as rebook_eligible_bookings,
    m.rebooked * m.b1 as rebooked_14d_bookings, rate_of(m.rebooked * m.b1, m.eligible) as rebook_rate_14d,
    cast(q.lead_p50 as double) as lead_time_days_p50, cast(q.lead_p90 as double) as lead_time_days_p90, m.timed * m.b1 as timed_visits,
    number_of(q.wait_p50, 60) as wait_minutes_p50, number_of(q.wait_p90, 60) as wait_minutes_p90, m.on_time * m.b1 as on_time_starts,
    rate_of(m.on_time * m.b1, m.timed) as on_time_start_rate, m.available * m.s1 as available_minutes,
    round(m.booked, 0) * m.s1 * m.b1 as booked_minutes, round(m.occupied, 0) * m.s1 * m.b1 as occupied_minutes,
    round(m.filled, 0) * m.s1 * m.b1 as filled_minutes, (m.available - round(m.occupied, 0)) * m.s1 * m.b1 as open_minutes,
    m.gaps * m.s1 * m.b1 as gaps_30m, rate_of(m.occupied * m.s1 * m.b1, m.available) as booked_utilization_rate,
    rate_of(m.filled * m.s1 * m.b1, m.available) as filled_utilization_rate, m.upcoming * m.u1 as upcoming_bookings_30d,
    case when m.is_simulated then 'simulated' else 'derived' end as data_basis, m.partition_date
from masked as m
inner join shared_periods as p on p.partition_date = m.partition_date and p.period_grain = m.period_grain
left join people as h
    on h.partition_date = m.partition_date and h.period_grain = m.period_grain and h.breakdown = m.breakdown and h.place = m.place
    and h.clinician = m.clinician and h.type = m.type and h.source = m.source and h.visit_type = m.visit_type
left join percentiles as q
    on q.partition_date = m.partition_date and q.period_grain = m.period_grain and q.breakdown = m.breakdown and q.place = m.place
    and q.clinician = m.clinician and q.type = m.type and q.source = m.source and q.visit_type = m.visit_type
left join dim_date as d on d.date_day = p.period_start
