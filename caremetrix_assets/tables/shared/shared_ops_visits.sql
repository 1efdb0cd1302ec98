-- Completed visits, death certifications left out, with their day and member keys; a walk-in is a visit that nobody booked.
select
    a.fact_appointment_sk, a.encounter_id, a.patient_id, a.provider_id,
    cast(coalesce(a.started_at, a.scheduled_start_at) as date) as event_date,
    a.started_at, a.ended_at, a.location_key, coalesce(p.member_key, -1) as provider_key, a.patient_type, a.source_key,
    coalesce(a.appointment_type, 'Unknown') as appointment_type, a.encounter_class, a.booking_channel = 'walk_in' as is_walk_in,
    a.is_simulated
from fact_appointment as a
left join dim_provider as p on p.provider_key = a.provider_key
where a.outcome = 'completed' and not a.is_death_certification
