-- How patients found the practice: the first contact, and for some a campaign they answer later.
create table touch as
with known as (
    select
        patient_id,
        min_by(day, row(real_start, encounter_id)) as first_day,
        min_by(started_at, row(real_start, encounter_id)) as first_at,
        min_by(provider_id, row(real_start, encounter_id)) as first_provider,
        any_value(birth_date) as birth_date
    from visit
    where kind <> 'death'
    group by patient_id
),

first_touch as (
    select
        *,
        first_day < start_date() as is_old,
        touches_channels(u(patient_id, 'touch channel')) as channel,
        case
            -- Patients of before the start: about ten years back, but not before they were born.
            when first_day < start_date()
                then greatest(birth_date, start_date() - 3653 - cast(floor(365 * u(patient_id, 'touch day')) as integer))
            else first_day - touches_before_visit(u(patient_id, 'touch day'))
        end as touched_day
    from known
    where u(patient_id, 'touch') >= touches_none()
),

second_touch as (
    select
        v.patient_id,
        min(in_office(v.day + touches_second_after(u(v.encounter_id, 'second touch day')), u(v.encounter_id, 'second touch time')))
            as touched_at
    from visit as v
    inner join first_touch as f on f.patient_id = v.patient_id
    where v.is_booked_kind and v.is_simulated and u(v.encounter_id, 'second touch') < touches_second()
    group by v.patient_id, v.gone_at
    having touched_at < v.gone_at
)

select
    patient_id,
    1 as touch_seq,
    in_office(touched_day, u(patient_id, 'touch time')) as touched_at,
    case
        when is_old then in_office(touched_day, u(patient_id, 'touch time'))
        else minutes_later(first_at, -10)
    end as entered_at,
    channel,
    case when channel = 'professional_referral' and is_old then first_provider end as referring_provider_id
from first_touch
union all
select patient_id, 2, touched_at, touched_at, 'campaign', null
from second_touch;

create table feed_patient_sources as
with named as (
    select
        t.*,
        s.campaign || ' ' || year(t.touched_at) as season,
        u(t.patient_id || '|' || t.touch_seq, 'source name') as x
    from touch as t
    inner join season as s on s.quarter = quarter(t.touched_at)
)

select
    patient_id,
    touch_seq,
    touched_at,
    entered_at,
    channel,
    case channel
        when 'professional_referral' then case when x < 0.6 then 'Primary care' else 'Specialist' end
        when 'patient_referral' then 'Friends and family'
        when 'payer_directory' then 'Insurer directory'
        when 'online' then case when x < 0.5 then 'Web search' when x < 0.8 then 'Map listing' else 'Review site' end
        when 'campaign' then case when x < 0.5 then 'Mailing' else 'Social media' end
        when 'walk_in' then 'Street sign'
        when 'emergency' then 'Emergency room'
        else 'Moved to town'
    end as source_name,
    case when channel = 'campaign' then season end as campaign,
    referring_provider_id,
    cast(null as varchar) as referring_patient_id,
    case
        when channel = 'campaign' then cents(20 + 60 * u(patient_id || '|' || touch_seq, 'cost'))
        when channel = 'online' and x < 0.5 then cents(5 + 30 * u(patient_id || '|' || touch_seq, 'cost'))
    end as cost
from named
where entered_at < end_at();
