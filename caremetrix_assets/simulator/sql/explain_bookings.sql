-- What was drawn for bookings and rooms, one row per draw: a share's draw is 0 or 1, a range's a number, a choice's a label.
create table drawn (parameter varchar, number double, label varchar);

insert into drawn (parameter, number)
select 'forward.' || purpose || '_booked', is_booked::integer from forward_plan where purpose <> 'follow_up'
union all
select
    'forward.follow_up_' || case share
        when forward_follow_up_steady() then 'steady'
        when forward_follow_up_loose() then 'loose'
        else 'other'
    end,
    is_booked::integer
from forward_plan where purpose = 'follow_up'
union all
select 'forward.recall_at_checkout', at_checkout::integer
from forward_plan where purpose = 'recall' and days > forward_recall_short_gap()
union all
select 'forward.recall_call_notice', due_day - cast(booked_at as date) from forward_plan where is_booked and not at_checkout
union all
select 'fate.moved', max((fate = 'moved')::integer)
from forward_booking where days >= fate_moved_min_gap()
group by seed_id, purpose
union all
select 'fate.cancelled', max((fate = 'cancelled')::integer)
from forward_booking where days >= fate_cancelled_min_gap()
group by seed_id, purpose
union all
select 'fate.late', max((fate = 'late')::integer) from forward_booking group by seed_id, purpose
union all
select 'fate.moved_notice', cast(start_at as date) - cast(booked_at as date)
from forward_booking where appointment_id in (select successor_id from forward_booking)
union all
select 'fate.cancelled_notice', cast(start_at as date) - cast(fate_at as date) from forward_booking where fate = 'cancelled'
union all
select 'fate.late_notice_minutes', date_diff('minute', fate_at, start_at) from forward_booking where fate = 'late'
union all
select 'fate.no_show', is_no_show::integer from booking_end where turn = 'unmet'
union all
select 'fate.confirmed', (u(draw, 'confirmed') < fate_confirmed())::integer from booking where booking_channel <> 'walk_in'
union all
select 'lead.walk_in', is_walk_in::integer from back_dated where kind = 'urgent'
union all
select
    'lead.' || case
        when appointment_type in ('wellness', 'hygiene') then 'routine_days'
        when appointment_type = 'telehealth' then 'telehealth_days'
        when appointment_type = 'new_patient' then 'new_base'
        when appointment_type = 'urgent' then 'soon_days'
        else 'other_days'
    end,
    lead_days
from back_dated
where lead_days > 1 or (appointment_type = 'urgent' and kind <> 'urgent')
union all
select 'lead.soon', (lead_days <= 1)::integer from back_dated where appointment_type <> 'urgent'
union all
select 'lead.missed_first', exists (select 1 from missed_first as m where m.draw = encounter_id || '|missed')::integer
from back_dated where appointment_type = 'new_patient'
union all
select 'rooms.second', (u(id, 'second room') < rooms_second())::integer from state_organizations
union all
select 'rooms.blocked', (u(draw, 'desk hour') < rooms_blocked())::integer from booking
union all
select 'rooms.day_off', (u(draw, 'day off') < rooms_day_off())::integer from booking
union all
select 'forward.recall_message_notice', forward_recall_message_notice(u(draw, 'message day'))
from forward_plan where purpose = 'recall' and not (is_booked and at_checkout)
union all
select 'forward.follow_up_days', days
from forward_plan where purpose = 'follow_up' and share = forward_follow_up_other()
union all
select 'fate.moved_later', cast(f.start_at as date) - cast(s.start_at as date)
from forward_booking as f
inner join forward_booking as s on s.appointment_id = f.successor_id
union all
select 'fate.unmet_notice_minutes', date_diff('minute', ended_at, start_at) from booking_end where turn = 'unmet' and not is_no_show
union all
select 'fate.confirmed_notice_minutes', date_diff('minute', confirmed_at, start_at) from booking where confirmed_at is not null
union all
select 'lead.missed_before', cast(b.booked_at as date) - cast(m.start_at as date)
from missed_first as m
inner join back_dated as b on m.draw = b.encounter_id || '|missed'
union all
select 'lead.missed_lead', cast(start_at as date) - cast(booked_at as date) from missed_first
union all
select 'visit.arrival_span', date_diff('minute', start_at, arrived_at) from booking where arrived_at is not null
union all
select 'visit.seated_square', date_diff('second', greatest(arrived_at, start_at), seated_at) / 60 from booking where seated_at is not null
union all
select 'rooms.inactive', (u(id, 'inactive room') < rooms_inactive())::integer
from state_organizations where u(id, 'second room') < rooms_second()
union all
select 'rooms.slack_minutes', rooms_slack_minutes(u(draw, 'block end')) from booking;

insert into drawn (parameter, label)
select 'channels.back_dated', booking_channel from back_dated where booking_channel <> 'walk_in'
union all
select 'channels.checkout', booking_channel from forward_plan where is_booked and at_checkout
union all
select 'channels.cancel_reasons', cancel_reason from booking where cancel_reason is not null and turn <> 'gone'
union all
select 'rooms.types', room_type from feed_rooms;
