-- Losses that come back as a whole or not at all, with the day they were first seen, the day they came back, the days between which they
-- are losses at all, and the missed visit that may be the same loss.
with visits as (
    select patient_id, visit_date from shared_visits
),

missed as (
    select
        a.appointment_id, a.outcome, cast(a.scheduled_start_at as date) as missed_date, a.estimated_production_amount as gross,
        a.patient_id, a.location_key, a.provider_key, a.patient_type, a.source_key, a.is_booking_simulated
    from fact_appointment as a
    where a.outcome in ('no_show', 'cancelled_late') and a.appointment_id is not null
),

returns as (
    select m.appointment_id, min(v.visit_date) as return_date
    from missed as m
    inner join visits as v
        on v.patient_id = m.patient_id and v.visit_date > m.missed_date and v.visit_date <= cast(m.missed_date + interval 30 day as date)
    group by m.appointment_id
),

items as (
    select
        *, cast(presented_at as date) as presented_date, cast(declined_at as date) as declined_date,
        cast(accepted_at as date) as accepted_date, cast(scheduled_at as date) as scheduled_date,
        cast(completed_at as date) as completed_date,
        case
            when cast(declined_at as date) <= cast(cast(presented_at as date) + interval 90 day as date) then cast(declined_at as date)
            else cast(cast(presented_at as date) + interval 90 day as date)
        end as seen_date
    from fact_treatment_plan_item
),

charged_days as (
    select encounter_id, service_date, sum(charge_amount) as charge from fact_claim_line group by encounter_id, service_date
),

-- Of a visit of both programs the one that is due first.
programs as (
    select
        p.patient_id, p.program, p.visit_date, p.next_date, cast(p.due_date + interval 90 day as date) as seen_date, a.encounter_id,
        a.location_key, a.provider_key, a.patient_type, a.source_key, a.is_simulated, c.charge,
        row_number() over (partition by a.encounter_id order by p.due_date, p.program) as place
    from shared_program_visits as p
    inner join fact_appointment as a on a.fact_appointment_sk = p.fact_appointment_sk
    inner join shared_people as k on k.patient_id = p.patient_id
    left join charged_days as c on c.encounter_id = a.encounter_id and c.service_date = p.visit_date
    where
        a.encounter_id is not null and (p.next_date is null or p.next_date > cast(p.due_date + interval 90 day as date))
        and (k.death_date is null or k.death_date > cast(p.due_date + interval 90 day as date))
)

select
    'missed_visit' as opportunity_type, m.outcome as subtype, m.appointment_id as source_id, m.missed_date as first_seen_date, m.gross,
    r.return_date as recovered_date, m.missed_date as valid_from, date '9999-12-31' as valid_to, cast(null as date) as accepted_date,
    cast(null as date) as declined_date, cast(null as date) as twin_date, null as twin_kind, m.patient_id, m.location_key, m.provider_key,
    m.patient_type, m.source_key, m.is_booking_simulated as is_simulated
from missed as m
left join returns as r on r.appointment_id = m.appointment_id
union all
select
    'untreated_plan',
    case
        when declined_date <= seen_date then 'declined'
        when scheduled_date <= seen_date then 'not_done'
        else 'not_scheduled'
    end, plan_item_id, seen_date, fee_amount, completed_date, seen_date, date '9999-12-31', accepted_date, declined_date, scheduled_date,
    'planned', patient_id, location_key, provider_key, patient_type, source_key, is_simulated
from items
where completed_date is null or completed_date > seen_date
union all
select
    'overdue_preventive', program, encounter_id, seen_date, charge, next_date, seen_date, date '9999-12-31', null, null, visit_date,
    program, patient_id, location_key, provider_key, patient_type, source_key, is_simulated
from programs
where place = 1
union all
select
    'missed_charge', subtype, procedure_sk, start_date, base_cost_amount, null, valid_from, valid_to, null, null, null, null, patient_id,
    location_key, provider_key, patient_type, source_key, is_simulated
from uncharged
