-- What was drawn, one row per draw: a share's draw is 0 or 1, a range's a number, a choice's a label.
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
select 'fate.cancelled', (fate = 'cancelled')::integer from forward_booking where days >= fate_cancelled_min_gap()
union all
select 'fate.late', (fate = 'late')::integer from forward_booking
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
select 'fate.confirmed', (confirmed_at is not null)::integer
from booking where booking_channel <> 'walk_in' and booked_at < start_at - interval 3 day and start_at < end_at()
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
select 'rooms.day_off', (u(draw, 'day off') < rooms_day_off())::integer from booking;

insert into drawn (parameter, number)
select 'claims.rejected', is_rejected::integer from claim_step
union all
select 'claims.denied', is_denied::integer from claim_step
union all
select 'claims.overturned', is_overturned::integer from claim_step where is_denied
union all
select 'claims.' || case when is_government then 'government_days' else 'private_days' end, decision_day - acknowledged_day
from claim_step
union all
select 'claims.posted_after', posted_day - adjudicated_day from claim_step where posted_day is not null
union all
select 'claims.secondary_days', secondary_adjudicated_day - secondary_submitted_day
from claim_step where secondary_submitted_day is not null
union all
select 'money.copay', (copay_paid > 0)::integer from line_money where copay > 0
union all
select 'money.self_pay_at_service', bool_or(is_paid_at_service)::integer from line_money where is_self_pay group by claim_id
union all
select 'money.courtesy', max((courtesy > 0)::integer) from line_money where not is_paid_at_service group by claim_id
union all
select 'money.overpaid', (overpaid > 0)::integer from line_statement where is_last
union all
select 'money.paid_after', paid_day - sent_day from line_statement where paid_amount is not null
union all
select 'money.paid_twice', (u(draw, 'paid twice') < money_paid_twice())::integer from line_money where primary_pays > 0 and not is_denied
union all
select 'money.reversed', (status = 'reversed')::integer from receipt where entry_type = 'payment'
union all
select 'plans.accepted', (accepted_day is not null)::integer from plan_item
union all
select 'plans.declined', (declined_day is not null)::integer from plan_item
union all
select 'plans.scheduled', (scheduled_day is not null)::integer from plan_item where accepted_day is not null
union all
select 'messages.opened', (opened_at is not null)::integer
from message where delivery_status = 'delivered' and channel in ('email', 'portal', 'sms') and reply_at is null
union all
select
    'messages.reply_' || case when purpose in ('reminder', 'recall', 'billing', 'outreach') then purpose else 'else' end,
    (reply_at is not null)::integer
from message where delivery_status = 'delivered' and purpose <> 'other'
union all
select 'messages.opt_out', opts_out::integer from message where reply_at is not null
union all
select 'touches.none', (f.patient_id is null)::integer
from (select distinct patient_id from visit where kind <> 'death') as v
left join (select patient_id from touch where touch_seq = 1) as f on f.patient_id = v.patient_id
union all
select 'staff.login_failed', (action = 'login_failed')::integer from staff_action where action in ('login', 'login_failed');

insert into drawn (parameter, label)
select 'channels.back_dated', booking_channel from back_dated where booking_channel <> 'walk_in'
union all
select 'channels.checkout', booking_channel from forward_plan where is_booked and at_checkout
union all
select 'channels.cancel_reasons', cancel_reason from booking where cancel_reason is not null and turn <> 'gone'
union all
select 'rooms.types', room_type from feed_rooms
union all
select 'claims.submitted', cast(submitted_day - base_day as varchar) from claim_step
union all
select 'claims.denial_reasons', reason_code from feed_claim_events where event = 'denied'
union all
select 'money.pays', any_value(pays) from line_money where way not in ('nothing', 'service', 'small') group by claim_id
union all
select 'messages.delivery', delivery_status from message where channel <> 'in_person'
union all
select 'touches.channels', channel from touch where touch_seq = 1;
