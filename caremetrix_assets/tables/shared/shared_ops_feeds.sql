-- On each day to build, whether a row of the appointment book and of the schedules is dated up to it.
select
    r.partition_date,
    coalesce((
        select min(cast(a.scheduled_start_at as date)) from fact_appointment as a where a.appointment_id is not null
    ) <= r.partition_date, false) as has_bookings,
    coalesce((select min(cast(b.start_at as date)) from fact_schedule_block as b) <= r.partition_date, false) as has_schedules
from run_dates as r
