-- Whether an appointment book is known on each day to build, and whether the simulator wrote in it.
with bookings as (
    select cast(coalesce(a.started_at, a.scheduled_start_at) as date) as known_date, a.is_booking_simulated as is_simulated
    from fact_appointment as a
    where a.appointment_id is not null
    union all
    select b.partition_date, b.is_simulated
    from fact_booking as b
),

firsts as (
    select min(b.known_date) as first_date, min(b.known_date) filter (where b.is_simulated) as first_simulated_date
    from bookings as b
)

select
    r.partition_date, coalesce(f.first_date <= r.partition_date, false) as is_available,
    coalesce(f.first_simulated_date <= r.partition_date, false) as is_simulated
from run_dates as r
cross join firsts as f
