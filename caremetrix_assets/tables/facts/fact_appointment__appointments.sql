-- One row per appointment: every visit with the booking that became it, and every booking that became none.
with bookings as (
    select *, row_number() over (partition by encounter_id order by appointment_id) as nth
    from raw_appointments
),

visits as (
    select
        e.*, d.encounter_key, d.class_group, d.duration_minutes, d.length_of_stay_days, d.is_death_certification, b.appointment_id,
        b.appointment_type, b.room_id, b.booking_channel, b.booked_at, b.entered_at, b.scheduled_start_at, b.scheduled_minutes,
        b.arrived_at, b.seated_at, b.dismissed_at, b.estimated_production, coalesce(b.is_simulated, false) as is_booking_simulated
    from raw_encounters as e
    left join dim_encounter as d on d.encounter_id = e.id
    left join bookings as b on b.encounter_id = e.id and b.nth = 1
),

-- Of a completed booking that names no visit the patient's times tell the visit.
unmet as (
    select
        *,
        case when status = 'completed' then coalesce(seated_at, arrived_at, scheduled_start_at) end as started_at,
        case when status = 'cancelled' then status_at end as cancelled_at,
        case
            when status = 'scheduled' then 'unresolved'
            when status <> 'cancelled' then status
            when status_at > scheduled_start_at - interval 24 hour then 'cancelled_late'
            else 'cancelled_early'
        end as outcome
    from bookings
    where encounter_id is null
)

select
    md5('appointment|encounter|' || v.id) as fact_appointment_sk, v.id as encounter_id, v.appointment_id, v.patient, v.provider,
    v.organization, v.payer, v.encounterclass, v.code, v.reasoncode, v.total_claim_cost, v.payer_coverage, v.encounter_key, v.class_group,
    v.is_death_certification, not v.is_death_certification as is_visit, 'completed' as outcome, cast(v.start as date) as event_date,
    v.start as at_time, v.start as started_at, v.stop as ended_at, v.duration_minutes, v.length_of_stay_days,
    cast(null as timestamp) as cancelled_at, v.appointment_type as booking_type, v.room_id, v.booking_channel, v.booked_at, v.entered_at,
    v.scheduled_start_at, v.scheduled_minutes, v.arrived_at, v.seated_at, v.dismissed_at, v.estimated_production, v.is_booking_simulated,
    v.is_simulated, v.drop_id
from visits as v
union all
select
    md5('appointment|appointment|' || u.appointment_id), null, u.appointment_id, u.patient_id, u.provider_id,
    u.organization_id, null, null, null, null, null, null, -2, null,
    false, u.status = 'completed', u.outcome, cast(coalesce(u.started_at, u.scheduled_start_at) as date),
    coalesce(u.started_at, u.scheduled_start_at), u.started_at, case when u.dismissed_at >= u.started_at then u.dismissed_at end,
    cast(case when u.dismissed_at >= u.started_at then minutes_between(u.started_at, u.dismissed_at) end as double), null,
    u.cancelled_at, u.appointment_type, u.room_id, u.booking_channel, u.booked_at, u.entered_at,
    u.scheduled_start_at, u.scheduled_minutes, u.arrived_at, u.seated_at, u.dismissed_at, u.estimated_production, u.is_simulated,
    u.is_simulated, u.drop_id
from unmet as u
