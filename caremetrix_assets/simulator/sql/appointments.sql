create table feed_appointments as
select
    appointment_id,
    patient_id,
    provider_id,
    organization_id,
    room_id,
    encounter_id,
    appointment_type,
    booked_at,
    booking_channel,
    entered_at,
    start_at as scheduled_start_at,
    cast(15 * ((minutes + 14) // 15) as integer) as scheduled_minutes,
    status,
    status_at,
    cancel_reason,
    successor_id as rescheduled_to_id,
    confirmed_at,
    arrived_at,
    seated_at,
    dismissed_at,
    cents(estimated_production) as estimated_production
from booking;
