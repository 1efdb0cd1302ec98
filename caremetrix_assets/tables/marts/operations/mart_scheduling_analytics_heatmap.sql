-- The hour is that of the clock in UTC: whole hours since midnight of the agreed start.
with cells as (
    select
        p.partition_date, p.period_grain, p.period_start, w.iso_day_of_week,
        cast(floor(
            minutes_between(cast(cast(b.scheduled_start_at as date) as timestamp), b.scheduled_start_at) / 60
        ) as integer) as hour_of_day,
        b.location_key, count(*) as bookings, count(*) filter (where b.outcome = 'completed') as completed,
        count(*) filter (where b.outcome = 'no_show') as no_shows, count(*) filter (where b.outcome = 'cancelled_late') as late,
        sum(b.scheduled_minutes) as minutes, bool_or(b.is_simulated) as is_simulated
    from shared_ops_bookings as b
    inner join shared_periods as p
        on b.event_date >= p.period_start and b.event_date <= p.partition_date and b.known_from <= p.partition_date
        and p.partition_date < b.known_until
    inner join dim_date as w on w.date_day = cast(b.scheduled_start_at as date)
    where p.period_grain in ('rolling_90d', 'rolling_12m')
    group by 1, 2, 3, 4, 5, 6
),
placed as (
    select
        c.partition_date, c.period_grain, c.period_start, s.location_key, c.iso_day_of_week, c.hour_of_day, sum(c.bookings) as bookings,
        sum(c.completed) as completed, sum(c.no_shows) as no_shows, sum(c.late) as late, sum(c.minutes) as minutes,
        bool_or(c.is_simulated) as is_simulated
    from cells as c
    inner join (
        select location_key as own_key, location_key from cells
        union
        select location_key, -3 from cells
    ) as s on s.own_key = c.location_key
    group by 1, 2, 3, 4, 5, 6
)
select
    c.period_grain, c.period_start, c.partition_date as period_end, coalesce(d.is_before_history, false) as is_warmup, c.location_key,
    c.iso_day_of_week, c.hour_of_day, c.bookings, c.completed as completed_bookings, c.no_shows, c.late as late_cancellations,
    coalesce(c.minutes, 0) as scheduled_minutes, sum(c.bookings) over frame as period_bookings,
    rate_of(c.bookings, sum(c.bookings) over frame) as booking_share,
    case when c.completed + c.no_shows >= 10 then rate_of(c.no_shows, c.completed + c.no_shows) end as no_show_rate,
    c.completed + c.no_shows >= 10 as has_enough_bookings, case when c.is_simulated then 'simulated' else 'derived' end as data_basis,
    c.partition_date
from placed as c
left join dim_date as d on d.date_day = c.period_start
window frame as (partition by c.partition_date, c.period_grain, c.location_key)
