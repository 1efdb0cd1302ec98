-- What becomes of a forward booking, drawn when it is made. A moved one is two bookings: first a later day, then the due day.
create table forward_booking as
with drawn as (
    select *, u(draw, 'fate') as x
    from forward_plan
    where is_booked and booked_at < gone_at and booked_at < end_at()
),

fated as (
    select
        *,
        case
            when x < fate_moved() and days >= fate_moved_min_gap() then 'moved'
            when x < fate_moved() then 'stand'
            when x < fate_moved() + fate_cancelled() and days >= fate_cancelled_min_gap() then 'cancelled'
            when x < fate_moved() + fate_cancelled() then 'stand'
            when x < fate_moved() + fate_cancelled() + fate_late() then 'late'
            else 'stand'
        end as fate
    from drawn
),

ended as (
    select
        *,
        case fate
            when 'moved' then in_office(due_day - fate_moved_notice(u(draw, 'fate day')), u(draw, 'fate time'))
            when 'cancelled' then in_office(due_day - fate_cancelled_notice(u(draw, 'fate day')), u(draw, 'fate time'))
            when 'late' then minutes_later(due_at, -fate_late_notice_minutes(u(draw, 'fate day')))
        end as fate_at
    from fated
)

select
    id_of('appointment', draw || case when fate = 'moved' then '|first' else '' end) as appointment_id,
    draw || case when fate = 'moved' then '|first' else '' end as draw,
    seed_id, purpose, patient_id, provider_id, organization_id, gone_at, kind, appointment_type, days, minutes,
    booking_channel, booked_at,
    case when fate = 'moved' then due_at + to_days(fate_moved_later(u(draw, 'later'))) else due_at end as start_at,
    estimated_production,
    fate,
    fate_at,
    case when fate = 'moved' then id_of('appointment', draw) end as successor_id
from ended
union all
select
    id_of('appointment', draw),
    draw, seed_id, purpose, patient_id, provider_id, organization_id, gone_at, kind, appointment_type, days, minutes,
    booking_channel, fate_at,
    due_at,
    estimated_production,
    'stand',
    null,
    null
from ended
where fate = 'moved' and fate_at < gone_at and fate_at < end_at();

-- The n-th standing booking of patient, kind and day takes the n-th visit: never one near it.
create table met as
with standing as (
    select
        *,
        row_number() over (partition by patient_id, kind, cast(start_at as date) order by booked_at, appointment_id) as place
    from forward_booking
    where fate = 'stand' and start_at < end_at()
),

came as (
    select
        *,
        row_number() over (partition by patient_id, kind, day order by real_start, encounter_id) as place
    from visit
    where is_booked_kind and is_simulated
)

select s.appointment_id, c.encounter_id
from standing as s
inner join came as c on c.patient_id = s.patient_id and c.kind = s.kind and c.day = cast(s.start_at as date) and c.place = s.place;
