-- Visits that no forward booking met: their booking is told on the day of the visit, with the day it was made on.
create table back_dated as
with typed as (
    select
        *,
        case
            when kind = 'urgent' then 'urgent'
            when is_first then 'new_patient'
            when kind in ('hygiene', 'wellness') then kind
            when class = 'virtual' then 'telehealth'
            when total_cost >= lead_procedure_cost() then 'procedure'
            when code = '185345009' then 'urgent'
            else 'follow_up'
        end as appointment_type,
        kind = 'urgent' and u(encounter_id, 'walk-in') < lead_walk_in() as is_walk_in,
        u(encounter_id, 'lead') as x
    from visit as v
    where is_booked_kind and is_simulated and not exists (select 1 from met as m where m.encounter_id = v.encounter_id)
),

led as (
    select
        *,
        case
            when kind = 'urgent' then 0
            when appointment_type = 'urgent' or u(encounter_id, 'soon') < lead_soon() then lead_soon_days(x)
            when appointment_type = 'new_patient'
                then cast(floor(lead_new_base() + lead_new_square() * x * x + lead_new_linear() * x) as integer)
            when appointment_type in ('wellness', 'hygiene') then lead_routine_days(x)
            when appointment_type = 'telehealth' then lead_telehealth_days(x)
            else lead_other_days(x)
        end as lead_days
    from typed
)

select
    *,
    id_of('appointment', encounter_id) as appointment_id,
    minutes_later(started_at, -10) as entered_at,
    case
        when is_walk_in then minutes_later(started_at, -10)
        when lead_days = 0 then minutes_later(started_at, -(15 + floor(105 * u(encounter_id, 'call time'))))
        else in_office(day - lead_days, u(encounter_id, 'call time'))
    end as booked_at,
    case when is_walk_in then 'walk_in' else channels_back_dated(u(encounter_id, 'channel')) end as booking_channel
from led;

-- Some new patients did not come the first time; the practice tells it with their visit.
create table missed_first as
with missed as (
    select *, cast(booked_at as date) - lead_missed_before(u(encounter_id, 'missed day')) as missed_day
    from back_dated
    where appointment_type = 'new_patient' and u(encounter_id, 'missed first') < lead_missed_first()
)

select
    id_of('appointment', encounter_id || '|missed') as appointment_id,
    encounter_id || '|missed' as draw,
    patient_id, provider_id, organization_id, appointment_type,
    in_office(missed_day - lead_missed_lead(u(encounter_id, 'missed lead')), u(encounter_id, 'missed call')) as booked_at,
    channels_back_dated(u(encounter_id, 'missed channel')) as booking_channel,
    entered_at,
    on_clock(missed_day, second, minutes) as start_at,
    minutes,
    total_cost as estimated_production
from missed;
