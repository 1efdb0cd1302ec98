-- Outreach with what became of it. A figure counts on count_date (the day of sending, or the day its 7 or 14 days are over) from known_from
-- on, before known_to: opening and opting out are known later than sending.
with opt_outs as (
    select c.patient_id, c.channel, min(c.sent_at) as first_at
    from fact_communication as c
    where c.is_opt_out
    group by c.patient_id, c.channel
),

refusals as (
    select c.in_reply_to_id as communication_id, min(cast(c.sent_at as date)) as refused_on
    from fact_communication as c
    where c.is_opt_out and c.in_reply_to_id is not null
    group by c.in_reply_to_id
),

messages as (
    select
        c.patient_id, cast(c.sent_at as date) as sent_date, c.location_key,
        case when c.provider_key < 0 then c.provider_key else coalesce(p.member_key, -1) end as provider_key, c.patient_type, c.channel,
        c.purpose, coalesce(c.campaign, 'Not applicable') as campaign, coalesce(c.delivery_status = 'delivered', false) as is_delivered,
        cast(c.opened_at as date) as opened_on, case when c.is_opt_out then cast(c.sent_at as date) else r.refused_on end as refused_on,
        coalesce(c.sent_at > o.first_at, false) as is_after_opt_out, c.response_hours <= 168 as is_replied,
        case when c.response_hours <= 168 then c.response_hours end as reply_hours, c.led_to_booking_14d as is_booked
    from fact_communication as c
    left join dim_provider as p on p.provider_key = c.provider_key
    left join opt_outs as o on o.patient_id = c.patient_id and o.channel = c.channel
    left join refusals as r on r.communication_id = c.communication_id
    where c.direction = 'outbound' and c.purpose in ('reminder', 'recall', 'outreach', 'billing')
),

-- One row per figure that counts on a day of its own.
figures as (
    select
        f.kind, m.*,
        cast(m.sent_date + f.days * interval 1 day as date) as count_date,
        case f.kind
            when 'opened' then m.opened_on when 'opt_out' then m.refused_on else m.sent_date
        end as known_date
    from messages as m
    cross join (values ('sent', 0), ('opened', 0), ('opt_out', 0), ('matured_7d', 7), ('matured_14d', 14)) as f (kind, days)
    where
        f.kind = 'sent' or (f.kind = 'opened' and m.is_delivered and m.opened_on is not null)
        or (f.kind = 'opt_out' and m.is_delivered and m.refused_on is not null) or (f.kind like 'matured%' and m.is_delivered)
)

select
    f.kind, f.count_date, case when s.valid_from > f.known_date then s.valid_from else f.known_date end as known_from,
    coalesce(s.valid_to, date '9999-12-31') as known_to, f.location_key, f.provider_key, f.patient_type,
    coalesce(s.source_key, -1) as source_key,
    f.channel, f.purpose, f.campaign, f.is_delivered, f.is_after_opt_out, f.is_replied, f.reply_hours, f.is_booked
from figures as f
left join shared_patient_sources as s on s.patient_id = f.patient_id and s.valid_to > f.count_date
