-- What patients do with messages. Who opts out on a channel is written letters instead of recalls, outreach and bills from then on,
-- and not reminded there.
create macro delivery_of(draw, channel) as
    case when channel = 'in_person' then 'delivered' else messages_delivery(u(draw, 'delivery')) end;

create macro replies_to(draw, purpose) as
    u(draw, 'reply') < case purpose
        when 'reminder' then messages_reply_reminder()
        when 'recall' then messages_reply_recall()
        when 'billing' then messages_reply_billing()
        when 'outreach' then messages_reply_outreach()
        when 'other' then 0
        else messages_reply_else()
    end;

-- Seconds until the answer: within 44 hours mostly, skewed to the first ones; a reminder's before the visit.
create macro reply_seconds(draw, sent_at, before_at) as
    least(
        case
            when u(draw, 'reply soon') < messages_reply_soon() then 300 + floor(158000 * u(draw, 'reply delay') * u(draw, 'reply delay'))
            else 158400 + floor(273600 * u(draw, 'reply delay'))
        end,
        coalesce(floor((0.1 + 0.8 * u(draw, 'reply delay')) * date_diff('second', sent_at, before_at)), 9999999)
    );

create table answered as
with delivered as (
    select *, delivery_of(draw, channel) as delivery_status
    from outbound
)

select
    *,
    case
        when delivery_status = 'delivered' and replies_to(draw, purpose)
            then seconds_later(sent_at, reply_seconds(draw, sent_at, before_at))
    end as reply_at,
    u(draw, 'opt out') < messages_opt_out() as opts_out
from delivered;

-- Letters are answered by phone.
create macro channel_of_reply(channel) as case channel when 'letter' then 'phone' else channel end;

create table opted_out as
select patient_id, channel_of_reply(channel) as channel, min(reply_at) as since
from answered
where reply_at < gone_at and opts_out
group by patient_id, channel_of_reply(channel);

create table message as
with respected as (
    select
        a.* replace (
            case when a.purpose in ('recall', 'outreach', 'billing') and a.sent_at > o.since then 'letter' else a.channel end as channel
        ),
        coalesce(a.sent_at > o.since, false) as is_refused
    from answered as a
    left join opted_out as o on o.patient_id = a.patient_id and o.channel = a.channel
)

select
    * exclude (is_refused) replace (
        case when reply_at < gone_at then reply_at end as reply_at,
        opts_out and not is_refused as opts_out
    ),
    id_of('message', draw) as communication_id,
    case
        when delivery_status <> 'delivered' or channel not in ('email', 'portal', 'sms') then null
        when reply_at is not null
            then seconds_later(sent_at, floor(date_diff('second', sent_at, reply_at) * u(draw, 'opened after')))
        when u(draw, 'opened') < messages_opened()
            then seconds_later(sent_at, 60 + floor(172800 * u(draw, 'opened after') * u(draw, 'opened after')))
    end as opened_at
from respected
where not (is_refused and purpose = 'reminder');

create table feed_communications as
select
    communication_id,
    patient_id,
    case when channel in ('phone', 'in_person') and organization_id is not null then user_of(organization_id, 'front_desk', draw) end
        as user_id,
    'outbound' as direction,
    channel,
    purpose,
    campaign,
    sent_at,
    delivery_status,
    case when opened_at < end_at() then opened_at end as opened_at,
    cast(null as varchar) as in_reply_to_id,
    appointment_id,
    false as opted_out
from message
union all
select
    id_of('reply', draw),
    patient_id,
    null,
    'inbound',
    channel_of_reply(channel),
    purpose,
    campaign,
    reply_at,
    null,
    null,
    communication_id,
    appointment_id,
    opts_out
from message
where reply_at < end_at();
