-- Visits from a year before the start on, on the practice's clock; and when the practice knows of a death.
-- Only columns of encounters.csv decide: procedures come late.
create table patient as
with certified as (
    select patient, min(cast(start as date)) as day
    from state_encounters
    where code = '308646001'
    group by patient
)
select
    p.id as patient_id,
    p.birthdate as birth_date,
    -- The last word about a patient: nothing is booked or sent from here on.
    coalesce(at_minute(coalesce(p.deathdate, c.day) + late_days(), 540), timestamp '9999-12-31') as gone_at,
    1 + cast(floor(28 * u(p.id, 'billing day')) as integer) as billing_day
from state_patients as p
left join certified as c on c.patient = p.id;

create table visit as
with placed as (
    select
        e.id as encounter_id,
        e.patient as patient_id,
        e.provider as provider_id,
        e.organization as organization_id,
        e.encounterclass as class,
        e.code,
        coalesce(e.total_claim_cost, 0) as total_cost,
        e.start as real_start,
        cast(e.start as date) as day,
        cast(date_diff('second', cast(cast(e.start as date) as timestamp), e.start) as bigint) as second,
        least(greatest(coalesce(date_diff('second', e.start, e.stop), 0) // 60, 10), 480) as minutes,
        case
            when e.code = '308646001' then 'death'
            when e.encounterclass = 'ambulatory' and e.reasoncode in ('103697008', '66383009', '37320007') then 'hygiene'
            when e.encounterclass = 'wellness' then 'wellness'
            when e.encounterclass = 'urgentcare' then 'urgent'
            when e.encounterclass in ('ambulatory', 'outpatient', 'home', 'virtual') then e.encounterclass || '|' || coalesce(e.code, '')
            else 'hospital'
        end as kind
    from state_encounters as e
),

ranked as (
    select
        *,
        kind not in ('death', 'hospital') as is_booked_kind,
        kind <> 'death'
        and row_number() over (partition by patient_id, kind = 'death' order by real_start, encounter_id) = 1 as is_first,
        lag(day, 1) over of_kind as previous_day,
        lag(day, 2) over of_kind as day_before_previous
    from placed
    window of_kind as (partition by patient_id, kind order by real_start, encounter_id)
)

select
    r.*,
    on_clock(r.day, r.second, r.minutes) as started_at,
    -- Leaving the practice at the latest: called in late, seen in full, and at the desk.
    minutes_later(on_clock(r.day, r.second, r.minutes), r.minutes + 40) as checkout_at,
    is_simulated_day(r.day) as is_simulated,
    p.birth_date,
    p.gone_at
from ranked as r
inner join patient as p on p.patient_id = r.patient_id;
