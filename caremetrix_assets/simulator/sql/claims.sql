-- A claim's way: the days of its steps. Each step of a rank lies on a later day than the one before.
create table payer as
select
    id as payer_id,
    name = 'NO_INSURANCE' as is_none,
    coalesce(ownership = 'GOVERNMENT', false) or name in ('Medicare', 'Medicaid', 'Dual Eligible') as is_government,
    money_contractual_base() + money_contractual_span() * u(id, 'contractual rate') as contractual_rate
from state_payers;

create table claim_head as
select
    c.id as claim_id,
    c.patientid as patient_id,
    c.appointmentid as encounter_id,
    case when not f.is_none then f.payer_id end as primary_payer_id,
    case when not f.is_none and not s.is_none then s.payer_id end as secondary_payer_id,
    f.is_government,
    f.contractual_rate,
    cast(c.servicedate as date) as service_day,
    coalesce(is_going_on(e.start, e.stop), false) as is_going_on
from state_claims as c
inner join patient as p on p.patient_id = c.patientid
left join state_encounters as e on e.id = c.appointmentid
left join payer as f on f.payer_id = c.primarypatientinsuranceid
left join payer as s on s.payer_id = c.secondarypatientinsuranceid
where is_simulated_day(cast(c.servicedate as date));

-- Money of a payer that the claim does not name is the next one's.
create table claim_line as
select
    l.claim_id,
    l.line_number,
    l.claim_id || '|' || l.line_number as draw,
    greatest(cast(l.service_at as date), h.service_day) as service_day,
    l.organization_id,
    l.charge,
    l.copay,
    l.adjusted,
    case
        when h.primary_payer_id is null then 0
        when h.secondary_payer_id is null then l.primary_pays + l.secondary_pays
        else l.primary_pays
    end as primary_pays,
    case when h.secondary_payer_id is not null then l.secondary_pays else 0 end as secondary_pays,
    l.patient_pays + case when h.primary_payer_id is null then l.primary_pays + l.secondary_pays else 0 end as patient_pays,
    case
        when h.primary_payer_id is not null then cents(h.contractual_rate * cast(l.patient_pays - l.copay as double))
        else 0
    end as contractual
from line as l
inner join claim_head as h on h.claim_id = l.claim_id;

create table claim as
with billed as (
    select
        claim_id,
        max(organization_id) as organization_id,
        max(service_day) as base_day,
        sum(charge) as charge,
        sum(primary_pays) as primary_pays,
        sum(secondary_pays) as secondary_pays,
        sum(charge) - sum(adjusted) - sum(contractual) as allowed
    from claim_line
    group by claim_id
)

-- A stay that goes on is billed when it ends: its last charge is not known before.
select h.*, b.* exclude (claim_id) replace (case when not h.is_going_on then b.base_day end as base_day)
from claim_head as h
inner join billed as b on b.claim_id = h.claim_id;

create table claim_step as
with submitted as (
    select
        *,
        base_day + claims_submitted(u(claim_id, 'submitted')) as submitted_day,
        u(claim_id, 'rejected') < claims_rejected() as is_rejected,
        u(claim_id, 'denied') < claims_denied() as is_denied,
        u(claim_id, 'overturned') < claims_overturned() as is_overturned
    from claim
    where primary_payer_id is not null
),

rejected as (
    select *, case when is_rejected then submitted_day + claims_rejected_after(u(claim_id, 'rejected day')) end as rejected_day
    from submitted
),

accepted as (
    select
        *,
        case when is_rejected then rejected_day + claims_resubmitted_after(u(claim_id, 'resubmitted day')) end as resubmitted_day
    from rejected
),

decided as (
    select
        *,
        coalesce(resubmitted_day, submitted_day) + 1 as acknowledged_day,
        coalesce(resubmitted_day, submitted_day) + 1
        + case
            when is_government then claims_government_days(u(claim_id, 'decision'))
            else claims_private_days(u(claim_id, 'decision'))
        end
        + case when u(claim_id, 'slow') < claims_slow() then claims_slow_days(u(claim_id, 'slow days')) else 0 end as decision_day
    from accepted
),

appealed as (
    select
        *,
        case when is_denied then decision_day end as denied_day,
        case when is_denied and is_overturned then decision_day + claims_appealed_after(u(claim_id, 'appeal')) end as appeal_day,
        case when is_denied and not is_overturned then decision_day + claims_given_up_after(u(claim_id, 'given up')) end as given_up_day
    from decided
),

adjudicated as (
    select
        *,
        case
            when not is_denied then decision_day
            when is_overturned then appeal_day + claims_appeal_decided_after(u(claim_id, 'appeal decision'))
        end as adjudicated_day
    from appealed
),

posted as (
    select
        *,
        banking_day(adjudicated_day + claims_posted_after(u(claim_id, 'posted'))) as posted_day,
        case
            when secondary_payer_id is not null and secondary_pays > 0
                then adjudicated_day + claims_secondary_after(u(claim_id, 'secondary'))
        end as secondary_submitted_day
    from adjudicated
),

secondary as (
    select *, secondary_submitted_day + claims_secondary_days(u(claim_id, 'secondary decision')) as secondary_adjudicated_day
    from posted
)

select
    *,
    banking_day(secondary_adjudicated_day + claims_posted_after(u(claim_id, 'secondary posted'))) as secondary_posted_day
from secondary;
