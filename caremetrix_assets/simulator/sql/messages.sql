-- What the practice sends: reminders of forward bookings, recalls, words after visits, one message per statement.
create table season as
select s.*
from (values (1, 'Winter check-up'), (2, 'Spring check-up'), (3, 'Summer vaccines'), (4, 'Flu season')) as s (quarter, campaign);

create table outbound as
with reminder as (
    select
        b.draw || '|' || h.hours as draw, b.patient_id, b.booked_with as organization_id, b.gone_at,
        'reminder' as purpose,
        messages_reminder_channels(u(b.patient_id, 'reminder channel')) as channel,
        b.start_at - to_hours(h.hours) as sent_at,
        b.appointment_id,
        b.start_at as before_at
    from booking as b
    cross join (select messages_reminder_hours_from() as hours union select messages_reminder_hours_to()) as h
    where
        b.is_forward and b.start_at - to_hours(h.hours) > b.booked_at
        and b.start_at - to_hours(h.hours) < coalesce(b.ended_at, b.start_at)
),

recall as (
    select
        draw || '|message' as draw, patient_id, organization_id, gone_at,
        'recall' as purpose,
        messages_recall_channels(u(patient_id, 'recall channel')) as channel,
        in_office(due_day - forward_recall_message_notice(u(draw, 'message day')), u(draw, 'message time')) as sent_at,
        checkout_at
    from forward_plan
    where purpose = 'recall' and not (is_booked and at_checkout)
),

after_visit as (
    select
        v.encounter_id || '|' || m.purpose as draw, v.patient_id, v.organization_id, v.gone_at, m.purpose,
        case m.purpose
            when 'other' then 'in_person'
            when 'outreach' then messages_outreach_channels(u(v.encounter_id, 'outreach channel'))
            else messages_visit_channels(u(v.encounter_id || '|' || m.purpose, 'channel'))
        end as channel,
        case
            when m.purpose = 'other' then minutes_later(b.dismissed_at, 3)
            else in_office(v.day + m.days, u(v.encounter_id || '|' || m.purpose, 'time'))
        end as sent_at
    from visit as v
    inner join booking as b on b.encounter_id = v.encounter_id,
        lateral (
            values
            ('results', messages_results(), messages_results_after(u(v.encounter_id, 'results'))),
            ('clinical', messages_clinical(), messages_clinical_after(u(v.encounter_id, 'clinical'))),
            ('outreach', messages_outreach(), messages_outreach_after(u(v.encounter_id, 'outreach'))),
            ('other', messages_other(), 0)
        ) as m (purpose, share, days)
    where u(v.encounter_id || '|' || m.purpose, 'message') < m.share
),

billing as (
    select
        f.statement_id as draw, f.patient_id, p.gone_at, f.channel,
        in_office(f.sent_date, u(f.statement_id, 'time')) as sent_at
    from feed_statements as f
    inner join patient as p on p.patient_id = f.patient_id
),

every as (
    select draw, patient_id, organization_id, gone_at, purpose, channel, sent_at, appointment_id, before_at from reminder
    union all
    select draw, patient_id, organization_id, gone_at, purpose, channel, sent_at, null, null
    from recall where sent_at > checkout_at
    union all
    select draw, patient_id, organization_id, gone_at, purpose, channel, sent_at, null, null from after_visit
    union all
    select draw, patient_id, null, timestamp '9999-12-31', 'billing', channel, sent_at, null, null from billing
)

select
    e.* exclude (gone_at),
    gone_at,
    case
        when e.purpose = 'outreach' then s.campaign || ' ' || year(e.sent_at)
        when e.purpose = 'recall' then 'Annual check-up'
    end as campaign
from every as e
inner join season as s on s.quarter = quarter(e.sent_at)
where e.sent_at < e.gone_at and e.sent_at < end_at();
