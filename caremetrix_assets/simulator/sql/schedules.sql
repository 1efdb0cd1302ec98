-- The capacity that was there: a clinic block around every booking of a day that has come, desk hours, days off.
create table feed_provider_schedules as
with due as (
    select *, minutes_later(start_at, 15 * ((minutes + 14) // 15)) as stop_at
    from booking
    where start_at < end_at() and booking_channel <> 'walk_in' and status <> 'rescheduled' and purpose <> 'missed'
),

block as (
    select
        draw, provider_id, organization_id, room_id, 'clinic' as block_type,
        quarter_before(start_at) as start_at,
        quarter_after(minutes_later(stop_at, rooms_slack_minutes(u(draw, 'block end')))) as stop_at
    from due
    union all
    select draw, provider_id, organization_id, null, 'blocked', at_minute(day, 1080), at_minute(day, 1140)
    from due
    where u(draw, 'desk hour') < rooms_blocked()
    union all
    select draw, provider_id, organization_id, null, 'time_off', at_minute(day + 1, 480), at_minute(day + 1, 1080)
    from due
    where u(draw, 'day off') < rooms_day_off()
)

select
    id_of('schedule', draw || '|' || block_type) as schedule_id,
    provider_id,
    organization_id,
    room_id,
    start_at,
    stop_at,
    block_type
from block
where start_at < end_at();
