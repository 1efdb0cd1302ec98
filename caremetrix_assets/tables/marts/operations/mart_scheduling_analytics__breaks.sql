-- Bookings that fell through, from the day on which 14 days have passed, and from when it is known that the patient booked again in them:
-- by an appointment whose day has come, or in the book of one of the days to build (then book_date).
with breaks as (
    select *, cast(break_at + interval 14 day as date) as eligible_from
    from shared_ops_bookings
    where
        outcome in ('no_show', 'cancelled_late', 'cancelled_early')
        and event_date >= (select min(period_start) from shared_periods)
),

others as (
    select patient_id, appointment_id, booked_at, event_date as seen_from, cast(null as date) as book_date
    from shared_ops_bookings
    where known_until = date '9999-12-31'
    union all
    select b.patient_id, b.appointment_id, b.booked_at, b.partition_date, b.partition_date
    from fact_booking as b
    inner join run_dates as r on r.partition_date = b.partition_date
),

again as (
    select b.appointment_id, o.book_date, min(o.seen_from) as seen_from
    from breaks as b
    inner join others as o
        on o.patient_id = b.patient_id and o.appointment_id <> b.appointment_id and o.booked_at > b.break_at
        and o.booked_at <= b.break_at + interval 14 day
    group by b.appointment_id, o.book_date
)

select
    b.appointment_id, b.event_date, b.location_key, b.provider_key, b.patient_type, b.source_key, b.appointment_type, b.is_simulated,
    b.known_from, b.known_until, b.eligible_from, r.partition_date,
    coalesce(a.seen_from <= r.partition_date, false) or k.appointment_id is not null as is_rebooked
from breaks as b
inner join run_dates as r
    on b.eligible_from <= r.partition_date and b.known_from <= r.partition_date and r.partition_date < b.known_until
left join again as a on a.appointment_id = b.appointment_id and a.book_date is null
left join again as k on k.appointment_id = b.appointment_id and k.book_date = r.partition_date
