-- Every appointment with what it is for, what it charged, and which visit of its patient it is. Other rows sort behind the visits of
-- their day: a visit's visit_no is its own number, theirs that of the latest visit.
with histories as (
    select
        *, sum(case when is_visit then 1 else 0 end) over up_to as visit_no, lag(event_date) over visits_only as previous_date,
        is_visit and coalesce(max(case when is_visit then 1 end) over month_before, 0) = 1 as is_return_30d
    from appointments
    window
        up_to as (
            partition by patient order by event_date, case when is_visit then 0 else 1 end, started_at nulls last, fact_appointment_sk
            rows unbounded preceding
        ),
        visits_only as (partition by patient, is_visit order by event_date, started_at nulls last, fact_appointment_sk),
        month_before as (partition by patient order by event_date range between interval 30 day preceding and interval 1 day preceding)
),

procedures as (
    select
        p.encounter, coalesce(d.procedure_key, -1) as procedure_key, count(*) over visit as procedure_count,
        bool_or(d.is_hygiene) over visit as is_hygiene, row_number() over (
            partition by p.encounter order by p.base_cost desc nulls last, p.start asc, p.code asc, p.stop asc nulls last
        ) as cost_rank
    from raw_procedures as p
    left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
    left join dim_procedure as d on d.procedure_code = p.code and d.code_system = coalesce(nullif(s.code_system, 'ICD10'), 'OTHER')
    window visit as (partition by p.encounter)
),

charges as (
    select
        c.encounter_id, sum(t.amount) as charge_amount,
        sum(t.amount) filter (where c.claim_kind = 'encounter' and a.is_visit and cast(t.fromdate as date) = a.event_date) as visit_charge
    from raw_claims_transactions as t
    inner join dim_claim as c on c.claim_id = t.claimid
    inner join appointments as a on a.encounter_id = c.encounter_id
    where t.type = 'CHARGE'
    group by c.encounter_id
)

select
    h.fact_appointment_sk, h.encounter_id, h.appointment_id, h.patient, h.provider, h.organization, h.payer, h.encounterclass, h.code,
    h.reasoncode, h.total_claim_cost, h.payer_coverage, h.encounter_key, h.class_group, h.is_death_certification, h.is_visit, h.outcome,
    h.event_date, h.at_time, h.started_at, h.ended_at, h.duration_minutes, h.length_of_stay_days, h.cancelled_at, h.room_id,
    h.booking_channel, h.booked_at, h.entered_at, h.scheduled_start_at, h.scheduled_minutes, h.arrived_at, h.seated_at, h.dismissed_at,
    h.estimated_production, h.is_booking_simulated, h.is_simulated, h.drop_id, h.visit_no, h.previous_date, h.is_return_30d,
    c.charge_amount, c.visit_charge, p.procedure_count, p.procedure_key,
    coalesce(p.is_hygiene, h.encounter_id is null and h.is_visit and h.booking_type = 'hygiene', false) as is_hygiene,
    case
        when h.booking_type is not null then h.booking_type
        when p.is_hygiene then 'hygiene'
        when h.encounterclass = 'wellness' then 'wellness'
        when h.encounterclass = 'virtual' then 'telehealth'
        when h.encounterclass in ('urgentcare', 'emergency') then 'urgent'
        when h.encounterclass in ('outpatient', 'inpatient') then 'procedure'
        else 'follow_up'
    end as kind
from histories as h
left join procedures as p on p.encounter = h.encounter_id and p.cost_rank = 1
left join charges as c on c.encounter_id = h.encounter_id
