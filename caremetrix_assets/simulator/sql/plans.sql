-- Treatment plans: at a visit, a procedure of the last months is proposed again. Without a ledger its base cost is the fee.
create table done as
with charged as (
    select c.encounter_id, l.procedure_code as code, max(l.charge) as charge
    from line as l
    inner join (select id as claim_id, appointmentid as encounter_id from state_claims) as c on c.claim_id = l.claim_id
    group by c.encounter_id, l.procedure_code
),

performed as (
    select
        patient, encounter, code,
        max(system) as system,
        min(start) as performed_at,
        max(base_cost) as base_cost
    from state_procedures
    group by patient, encounter, code
)

select
    p.patient as patient_id,
    p.encounter as encounter_id,
    p.code,
    coalesce(p.system, 'SNOMED-CT') as system,
    cast(p.performed_at as date) as day,
    v.kind,
    v.is_simulated,
    v.checkout_at,
    v.day as visit_day,
    coalesce(c.charge, case when not has_ledger() then p.base_cost end) as fee
from performed as p
inner join visit as v on v.encounter_id = p.encounter
left join charged as c on c.encounter_id = p.encounter and c.code = p.code;

-- The newest procedure of the months before a visit, if it cost enough: proposed again at the fee of that time.
create table proposed as
select
    v.encounter_id, v.patient_id, v.provider_id, v.organization_id, v.day,
    minutes_later(v.checkout_at, -30) as presented_at,
    max_by(d.code, row(d.day, d.encounter_id, d.code)) as code,
    max_by(d.system, row(d.day, d.encounter_id, d.code)) as system,
    max_by(coalesce(d.fee, 0), row(d.day, d.encounter_id, d.code)) as fee
from visit as v
inner join done as d
    on d.patient_id = v.patient_id
    and d.day between v.day - plans_lookback_to() and v.day - plans_lookback_from()
where v.is_booked_kind and v.is_simulated and d.is_simulated
group by v.encounter_id, v.patient_id, v.provider_id, v.organization_id, v.day, v.checkout_at
having fee >= plans_min_charge();

create table plan_item as
with answered as (
    select
        *,
        u(encounter_id, 'plan answer') as x,
        day + plans_accepted_after(u(encounter_id, 'plan accepted')) as accepted_day,
        day + plans_declined_after(u(encounter_id, 'plan declined')) as declined_day
    from proposed
    where u(encounter_id, 'plan') < plans_proposed()
),

scheduled as (
    select
        * exclude (x, accepted_day, declined_day),
        case when x < plans_accepted() then accepted_day end as accepted_day,
        case when x >= plans_accepted() and x < plans_accepted() + plans_declined() then declined_day end as declined_day,
        case
            when x < plans_accepted() and u(encounter_id, 'plan scheduled') < plans_scheduled()
                then accepted_day + plans_scheduled_after(u(encounter_id, 'plan scheduled day'))
        end as scheduled_day
    from answered
),

finished as (
    select s.encounter_id, min_by(d.encounter_id, row(d.visit_day, d.checkout_at, d.encounter_id)) as completed_in
    from scheduled as s
    inner join done as d on d.patient_id = s.patient_id and d.code = s.code
    where d.visit_day > s.scheduled_day and d.visit_day <= s.day + plans_valid()
    group by s.encounter_id
)

select s.*, f.completed_in, minutes_later(v.checkout_at, -40) as completed_at
from scheduled as s
left join finished as f on f.encounter_id = s.encounter_id
left join visit as v on v.encounter_id = f.completed_in;
