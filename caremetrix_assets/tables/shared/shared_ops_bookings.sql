-- Bookings (walk-ins left out) with their outcome as it was known on the days from known_from on, before known_until: a cancellation that
-- came after the booking's day was unresolved until then.
with booked as (
    select
        a.appointment_id, a.patient_id, a.room_id, a.scheduled_start_at, a.scheduled_minutes, a.location_key,
        coalesce(p.member_key, -1) as provider_key, a.patient_type, a.source_key,
        coalesce(a.appointment_type, 'Unknown') as appointment_type, a.outcome, a.booked_at, a.lead_time_days, a.arrived_at, a.seated_at,
        cast(round(cast(a.wait_minutes as decimal(28, 6)) * 60, 0) as bigint) as wait_seconds,
        cast(coalesce(a.started_at, a.scheduled_start_at) as date) as event_date,
        coalesce(a.cancelled_at, a.scheduled_start_at) as break_at,
        case when a.outcome in ('cancelled_late', 'cancelled_early') then cast(a.cancelled_at as date) end as cancelled_date,
        a.is_booking_simulated as is_simulated
    from fact_appointment as a
    left join dim_provider as p on p.provider_key = a.provider_key
    where a.booking_channel <> 'walk_in'
)

select
    b.appointment_id, b.patient_id, b.room_id, b.scheduled_start_at, b.scheduled_minutes, b.location_key, b.provider_key, b.patient_type,
    b.source_key, b.appointment_type, case s.state when 'decided' then b.outcome else 'unresolved' end as outcome, b.booked_at,
    b.lead_time_days, b.arrived_at, b.seated_at, b.wait_seconds, b.event_date, b.break_at, b.is_simulated,
    case when s.state = 'decided' and b.cancelled_date > b.event_date then b.cancelled_date else b.event_date end as known_from,
    case s.state when 'decided' then date '9999-12-31' else b.cancelled_date end as known_until
from booked as b
cross join (values ('decided'), ('open')) as s (state)
where s.state = 'decided' or b.cancelled_date > b.event_date
