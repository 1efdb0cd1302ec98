-- What was drawn for plan items, messages, contacts and staff.
insert into drawn (parameter, number)
select 'plans.proposed', (u(encounter_id, 'plan') < plans_proposed())::integer from proposed
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
select 'staff.login_failed', (action = 'login_failed')::integer from staff_action where action in ('login', 'login_failed')
union all
select 'plans.accepted_after', accepted_day - day from plan_item where accepted_day is not null
union all
select 'plans.scheduled_after', scheduled_day - accepted_day from plan_item where scheduled_day is not null
union all
select 'plans.declined_after', declined_day - day from plan_item where declined_day is not null
union all
select 'messages.' || m.purpose, (u(v.encounter_id || '|' || m.purpose, 'message') < m.share)::integer
from visit as v
cross join (
    values
    ('results', messages_results()), ('clinical', messages_clinical()), ('outreach', messages_outreach()), ('other', messages_other())
) as m (purpose, share)
where v.is_simulated and v.is_booked_kind
union all
select 'messages.' || purpose || '_after', cast(m.sent_at as date) - v.day
from message as m
inner join visit as v on v.encounter_id = split_part(m.draw, '|', 1)
where m.purpose in ('results', 'clinical', 'outreach')
union all
select 'messages.reply_soon', (u(draw, 'reply soon') < messages_reply_soon())::integer from message where reply_at is not null
union all
select 'touches.before_visit', f.first_day - cast(t.touched_at as date)
from touch as t
inner join (select patient_id, min(day) as first_day from visit where kind <> 'death' group by patient_id) as f
    on f.patient_id = t.patient_id
where t.touch_seq = 1 and is_simulated_day(f.first_day)
union all
select 'touches.second', (u(encounter_id, 'second touch') < touches_second())::integer
from visit where is_simulated and is_booked_kind and patient_id in (select patient_id from touch)
union all
select 'touches.second_after', touches_second_after(u(encounter_id, 'second touch day'))
from visit
where is_simulated and is_booked_kind and u(encounter_id, 'second touch') < touches_second()
    and patient_id in (select patient_id from touch)
union all
select 'staff.' || s.what, (u(b.draw, s.what) < s.share)::integer
from booking as b
cross join (values ('login', staff_login()), ('inbox', staff_inbox()), ('report', staff_report())) as s (what, share)
where b.status = 'completed'
union all
select 'staff.sign_hours', date_diff('second', b.dismissed_at, s.acted_at) / 3600
from staff_action as s
inner join booking as b on b.encounter_id = s.entity_id
where s.action = 'sign'
union all
select 'staff.mobile', (interface = 'mobile')::integer from staff_action where module = 'chart' and action = 'view'
union all
select 'staff.second_user', (u(organization_id || '|' || role, 'second user') < staff_second_user())::integer
from (select distinct organization_id, role from staff_action where role <> 'provider') as r;

insert into drawn (parameter, label)
select
    'messages.' || case when purpose in ('results', 'clinical') then 'visit' else purpose end || '_channels', channel
from outbound where purpose in ('reminder', 'recall', 'results', 'clinical', 'outreach')
union all
select 'messages.delivery', delivery_status from message where channel <> 'in_person'
union all
select 'touches.channels', channel from touch where touch_seq = 1;
