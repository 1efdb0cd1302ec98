-- Every booking known at the end of the day, as it stands then.
create table booking_end as
with facts as (
    select
        f.*,
        m.encounter_id,
        cast(f.start_at as date) as day
    from forward_booking as f
    left join met as m on m.appointment_id = f.appointment_id
),

judged as (
    select
        *,
        case
            when encounter_id is not null then 'met'
            when gone_at < end_at() and gone_at < start_at and coalesce(fate_at, gone_at) >= gone_at then 'gone'
            when fate_at < end_at() then fate
            when fate = 'stand' and end_date() >= day + late_days() then 'unmet'
            else 'open'
        end as turn,
        u(draw, 'unmet') < fate_no_show() as is_no_show
    from facts
)

select
    *,
    case
        when turn = 'met' then 'completed'
        when turn = 'moved' then 'rescheduled'
        when turn = 'unmet' and is_no_show then 'no_show'
        when turn = 'open' then 'scheduled'
        else 'cancelled'
    end as status,
    case
        when turn = 'gone' then gone_at
        when turn = 'unmet' and is_no_show then minutes_later(start_at, 30)
        when turn = 'unmet' then minutes_later(start_at, -fate_unmet_notice_minutes(u(draw, 'unmet notice')))
        when turn in ('moved', 'cancelled', 'late') then fate_at
    end as ended_at,
    case when turn = 'gone' then 'other' else channels_cancel_reasons(u(draw, 'cancel reason')) end as reason
from judged;

create table booking as
with every as (
    select
        e.appointment_id, e.draw, e.patient_id, e.encounter_id, e.purpose, e.gone_at,
        coalesce(v.provider_id, e.provider_id) as provider_id,
        coalesce(v.organization_id, e.organization_id) as organization_id,
        -- Who made the booking does not change when the visit takes place elsewhere.
        e.organization_id as booked_with,
        e.appointment_type, e.booked_at, e.booking_channel, e.booked_at as entered_at, e.start_at, e.minutes,
        v.minutes as visit_minutes,
        e.estimated_production, e.status, e.ended_at,
        case when e.status = 'cancelled' then e.reason end as cancel_reason,
        case when e.status = 'rescheduled' then e.successor_id end as successor_id,
        true as is_forward,
        e.turn
    from booking_end as e
    left join visit as v on v.encounter_id = e.encounter_id
    union all
    select
        appointment_id, encounter_id, patient_id, encounter_id, 'visit', gone_at, provider_id, organization_id, organization_id,
        appointment_type, booked_at, booking_channel, entered_at, started_at, minutes, minutes,
        total_cost, 'completed', null, null, null, false, 'met'
    from back_dated
    union all
    select
        appointment_id, draw, patient_id, null, 'missed', null, provider_id, organization_id, organization_id,
        appointment_type, booked_at, booking_channel, entered_at, start_at, minutes, null,
        estimated_production, 'no_show', minutes_later(start_at, 30), null, null, false, 'missed'
    from missed_first
),

arrived as (
    select
        *,
        cast(start_at as date) as day,
        case
            when status = 'completed'
                then minutes_later(start_at, floor(visit_arrival_span() * u(encounter_id, 'arrival')) - visit_arrival_early())
        end as arrived_at
    from every
),

seated as (
    select
        *,
        case
            when arrived_at is not null then
                seconds_later(
                    greatest(arrived_at, start_at),
                    60 * visit_seated_base() + floor(60 * visit_seated_square() * u(encounter_id, 'wait') * u(encounter_id, 'wait'))
                )
        end as seated_at
    from arrived
),

dismissed as (
    select
        *,
        -- A visit longer than its booking ends on its day all the same.
        case when seated_at is not null then least(minutes_later(seated_at, visit_minutes), at_minute(day, 1430)) end as dismissed_at,
        minutes_later(start_at, -fate_confirmed_notice_minutes(u(draw, 'confirmation'))) as confirmation_at
    from seated
),

housed as (
    select
        *,
        case
            when appointment_type <> 'telehealth' then
                id_of('room', organization_id || case
                    when has_second_room(organization_id) and u(draw, 'room') < 0.5 then '|2' else '|1'
                end)
        end as room_id
    from dismissed
)

select
    * exclude (confirmation_at),
    coalesce(ended_at, dismissed_at, entered_at) as status_at,
    case
        when
            booking_channel <> 'walk_in' and u(draw, 'confirmed') < fate_confirmed() and confirmation_at > booked_at
            and confirmation_at < coalesce(ended_at, start_at) and confirmation_at < end_at()
            then confirmation_at
    end as confirmed_at
from housed
where entered_at < end_at();
