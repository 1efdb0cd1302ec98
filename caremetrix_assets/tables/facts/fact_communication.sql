-- A visit speaks for the patient from its start to the next one's, and for the patient's type from its day on.
with visits as (
    select
        patient_id, patient_type, location_key, started_at, cast(started_at as date) as visit_date,
        lead(started_at) over (partition by patient_id order by visit_seq) as next_at,
        lead(cast(started_at as date)) over (partition by patient_id order by visit_seq) as next_date
    from fact_appointment
    where visit_seq is not null
),

messages as (
    select
        m.*, cast(m.sent_at as date) as sent_date, b.appointment_id is not null as has_booking, b.provider_id, b.organization_id
    from raw_communications as m
    left join raw_appointments as b on b.appointment_id = m.appointment_id
),

-- An answer names its message; without one any inbound message of the next seven days is taken as the answer.
replies as (
    select m.communication_id, min(r.sent_at) as responded_at
    from raw_communications as m
    inner join raw_communications as r
        on r.in_reply_to_id = m.communication_id and r.patient_id = m.patient_id and r.sent_at > m.sent_at
    where m.direction = 'outbound' and r.direction = 'inbound'
    group by m.communication_id
),

followups as (
    select m.communication_id, min(r.sent_at) as responded_at
    from raw_communications as m
    inner join raw_communications as r
        on r.patient_id = m.patient_id and r.sent_at > m.sent_at and r.sent_at <= m.sent_at + interval 7 day
    where
        m.direction = 'outbound' and r.direction = 'inbound' and m.purpose in ('reminder', 'recall', 'outreach', 'billing')
        and m.communication_id not in (select communication_id from replies)
    group by m.communication_id
),

answers as (
    select m.communication_id, coalesce(r.responded_at, f.responded_at) as responded_at
    from raw_communications as m
    left join replies as r on r.communication_id = m.communication_id
    left join followups as f on f.communication_id = m.communication_id
    where m.direction = 'outbound'
),

booked as (
    select distinct m.communication_id
    from raw_communications as m
    inner join raw_appointments as b
        on b.patient_id = m.patient_id and b.booked_at > m.sent_at and b.booked_at <= m.sent_at + interval 14 day
    cross join run_settings as s
    where cast(coalesce(b.entered_at, b.booked_at) as date) <= s.newest_date
)

select
    md5('communication|' || m.communication_id) as communication_sk,
    m.communication_id,
    date_key(m.sent_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(case when m.has_booking then lo.location_key else v.location_key end, -1) as location_key,
    case when m.has_booking then coalesce(pr.provider_key, -1) else -2 end as provider_key,
    coalesce(ps.source_key, -1) as source_key,
    m.patient_id,
    m.appointment_id,
    m.user_id,
    m.direction,
    m.channel,
    m.purpose,
    m.campaign,
    m.sent_at,
    m.delivery_status,
    m.opened_at,
    m.in_reply_to_id,
    case when cast(a.responded_at as date) <= s.newest_date then a.responded_at end as responded_at,
    case
        when cast(a.responded_at as date) <= s.newest_date then number_of(round(minutes_between(m.sent_at, a.responded_at) * 60, 0), 3600)
    end as response_hours,
    b.communication_id is not null as led_to_booking_14d,
    coalesce(m.opted_out, false) as is_opt_out,
    case
        when d.patient_id is null then 'prospect'
        when d.patient_type = 'new' and d.visit_date < m.sent_date then 'established'
        else d.patient_type
    end as patient_type,
    m.is_simulated,
    m.drop_id,
    m.sent_date as partition_date
from messages as m
cross join run_settings as s
left join answers as a on a.communication_id = m.communication_id
left join booked as b on b.communication_id = m.communication_id
left join visits as v on v.patient_id = m.patient_id and v.started_at <= m.sent_at and (m.sent_at < v.next_at or v.next_at is null)
left join visits as d on d.patient_id = m.patient_id and d.visit_date <= m.sent_date and (m.sent_date < d.next_date or d.next_date is null)
left join dim_location as lo on lo.location_id = m.organization_id
left join bridge_patient_source as ps on ps.patient_id = m.patient_id and ps.first_touch_weight > 0
left join dim_patient as pt on pt.patient_id = m.patient_id and pt.valid_from <= m.sent_date and m.sent_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = m.provider_id and pr.valid_from <= m.sent_date and m.sent_date < pr.valid_to
