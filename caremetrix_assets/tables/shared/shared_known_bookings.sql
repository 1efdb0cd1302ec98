-- Bookings as known from known_from on, before known_to: appointments whose day has come, and the book of each day to build.
select
    a.patient_id, a.appointment_id, a.location_key, coalesce(p.member_key, -1) as provider_key, a.appointment_type,
    cast(a.booked_at as date) as booked_date, a.scheduled_start_at, cast(a.scheduled_start_at as date) as scheduled_date,
    false as is_future, cast(coalesce(a.started_at, a.scheduled_start_at) as date) as known_from, date '9999-12-31' as known_to
from fact_appointment as a
left join dim_provider as p on p.provider_key = a.provider_key
where a.appointment_id is not null
union all
select
    b.patient_id, b.appointment_id, b.location_key, coalesce(p.member_key, -1), b.appointment_type, cast(b.booked_at as date),
    b.scheduled_start_at, b.scheduled_date, b.status = 'scheduled', b.partition_date, cast(b.partition_date + interval 1 day as date)
from fact_booking as b
inner join run_dates as r on r.partition_date = b.partition_date
left join dim_provider as p on p.provider_key = b.provider_key
