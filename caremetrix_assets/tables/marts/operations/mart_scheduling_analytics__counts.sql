-- What is counted, for every period and all keys at once: bookings by outcome, visits, staffed time and the days to come. A row counts in
-- the periods with event_date in them, from known_from on, before known_until.
with entries as (
    select
        b.event_date, b.known_from, b.known_until, b.location_key, b.provider_key, b.patient_type, b.source_key, b.appointment_type,
        b.is_simulated, 1 as is_person, 0 as staffed, 0 as upcoming, 1 as bookings,
        case when b.outcome = 'completed' then 1 else 0 end as completed,
        case when b.outcome = 'no_show' then 1 else 0 end as no_shows, case when b.outcome = 'cancelled_late' then 1 else 0 end as late,
        case when b.outcome = 'cancelled_early' then 1 else 0 end as early,
        case when b.outcome = 'rescheduled' then 1 else 0 end as rescheduled,
        case when b.outcome = 'unresolved' then 1 else 0 end as unresolved, 0 as walk_ins, 0 as visits, 0 as eligible, 0 as rebooked,
        case
            when b.outcome = 'completed' and b.arrived_at is not null and b.seated_at is not null and b.scheduled_start_at is not null
                then 1
            else 0
        end as timed,
        case
            when b.outcome = 'completed' and b.arrived_at is not null and b.seated_at <= b.scheduled_start_at + interval 10 minute then 1
            else 0
        end as on_time, 0 as available, 0 as booked, 0 as occupied, 0 as filled, 0 as gaps
    from shared_ops_bookings as b
    union all
    select
        v.event_date, v.event_date, date '9999-12-31', v.location_key, v.provider_key, v.patient_type, v.source_key, v.appointment_type,
        v.is_simulated, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, case when v.is_walk_in then 1 else 0 end, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from shared_ops_visits as v
    union all
    select
        k.event_date, k.partition_date, cast(k.partition_date + interval 1 day as date), k.location_key, k.provider_key, k.patient_type,
        k.source_key, k.appointment_type, k.is_simulated, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, case when k.is_rebooked then 1 else 0 end,
        0, 0, 0, 0, 0, 0, 0
    from breaks as k
    union all
    select
        d.staffed_date, d.known_from, d.known_until, d.location_key, d.provider_key, 'all', -3, 'all', d.is_simulated, 0, 1, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, d.available, d.booked, d.occupied, d.filled, d.gaps
    from staffed_days as d
    union all
    select
        b.partition_date, b.partition_date, cast(b.partition_date + interval 1 day as date), b.location_key, coalesce(p.member_key, -1),
        'all', -3, coalesce(b.appointment_type, 'Unknown'), b.is_simulated, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from fact_booking as b
    inner join run_dates as r on r.partition_date = b.partition_date
    left join dim_provider as p on p.provider_key = b.provider_key
    where b.status = 'scheduled' and b.scheduled_date <= b.partition_date + interval 30 day
)

select
    p.partition_date, p.period_grain, e.location_key, e.provider_key, e.patient_type, e.source_key, e.appointment_type, e.is_person,
    e.staffed, e.upcoming, bool_or(e.is_simulated) as is_simulated, count(*) as entries, sum(e.bookings) as bookings,
    sum(e.completed) as completed, sum(e.no_shows) as no_shows, sum(e.late) as late, sum(e.early) as early,
    sum(e.rescheduled) as rescheduled, sum(e.unresolved) as unresolved, sum(e.walk_ins) as walk_ins, sum(e.visits) as visits,
    sum(e.eligible) as eligible, sum(e.rebooked) as rebooked, sum(e.timed) as timed, sum(e.on_time) as on_time,
    sum(e.available) as available, sum(e.booked) as booked, sum(e.occupied) as occupied, sum(e.filled) as filled, sum(e.gaps) as gaps
from entries as e
inner join shared_periods as p
    on e.event_date >= p.period_start and e.event_date <= p.partition_date and e.known_from <= p.partition_date
    and p.partition_date < e.known_until
group by
    p.partition_date, p.period_grain, e.location_key, e.provider_key, e.patient_type, e.source_key, e.appointment_type, e.is_person,
    e.staffed, e.upcoming
