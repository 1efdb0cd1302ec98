-- Bookings made from a past visit alone (the seed), for an exact day: recalls, dental hygiene, follow-ups.
create table forward_plan as
with seed as (
    select
        *,
        day - previous_day as gap,
        previous_day - day_before_previous as gap_before,
        years_old(birth_date, day) as age
    from visit
    where is_simulated and is_booked_kind and kind <> 'urgent'
),

recall as (
    select
        s.*,
        'recall' as purpose,
        case when s.gap between forward_recall_gap_from() and forward_recall_gap_to() then s.gap else r.simulated_days end as due_gap,
        forward_recall_booked() as share
    from seed as s
    left join seed_recall_intervals as r on r.program = 'wellness' and s.age between r.from_age and r.to_age
    where s.kind = 'wellness'
),

hygiene as (
    select s.*, 'hygiene' as purpose, forward_hygiene_gap() as due_gap, forward_hygiene_booked() as share
    from seed as s
    where
        s.kind = 'wellness'
        and exists (select 1 from state_procedures as p where p.encounter = s.encounter_id and p.code = '103697008')
),

follow_up as (
    select
        * exclude (has_rhythm),
        'follow_up' as purpose,
        case when has_rhythm then gap else forward_follow_up_days(u(encounter_id, 'follow-up day')) end as due_gap,
        case
            when has_rhythm and gap = gap_before then forward_follow_up_steady()
            when has_rhythm then forward_follow_up_loose()
            else forward_follow_up_other()
        end as share
    from (
        select
            *,
            coalesce(gap between forward_follow_up_gap_from() and forward_follow_up_gap_to(), false) as has_rhythm
        from seed
        where kind <> 'wellness'
    ) as s
),

planned as (
    select * from recall where due_gap is not null
    union all
    select * from hygiene
    union all
    select * from follow_up
),

timed as (
    select
        *,
        encounter_id || '|' || purpose as draw,
        cast(due_gap as integer) as days,
        day + cast(due_gap as integer) as due_day,
        case when purpose = 'hygiene' then forward_hygiene_minutes() else minutes end as booked_minutes,
        purpose <> 'recall' or due_gap <= forward_recall_short_gap()
        or u(encounter_id, 'recall at checkout') < forward_recall_at_checkout() as at_checkout
    from planned
)

select
    encounter_id as seed_id,
    purpose,
    draw,
    patient_id,
    provider_id,
    organization_id,
    gone_at,
    case when purpose = 'hygiene' then 'hygiene' else kind end as kind,
    case
        when purpose = 'recall' then 'wellness'
        when purpose = 'hygiene' or kind = 'hygiene' then 'hygiene'
        when class = 'virtual' then 'telehealth'
        else 'follow_up'
    end as appointment_type,
    days,
    due_day,
    booked_minutes as minutes,
    on_clock(due_day, second, booked_minutes) as due_at,
    u(draw, 'booked') < share as is_booked,
    at_checkout,
    checkout_at,
    case
        when at_checkout then checkout_at
        else in_office(due_day - forward_recall_call_notice(u(draw, 'call day')), u(draw, 'call time'))
    end as booked_at,
    case when at_checkout then channels_checkout(u(draw, 'channel')) else 'recall' end as booking_channel,
    -- What the visit before cost; nobody knows what the dentist will find.
    case when purpose <> 'hygiene' then total_cost end as estimated_production,
    share
from timed;
