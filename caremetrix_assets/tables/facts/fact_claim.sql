with events as (
    select
        claim_id, event, event_at, reason_code, allowed_amount, decision,
        row_number() over (partition by claim_id order by event_at, event_seq) as place,
        sum(case when event in ('denied', 'rejected') then 1 else 0 end) over (partition by claim_id) as refusals,
        sum(case when event in ('denied', 'rejected') then 1 else 0 end) over (
            partition by claim_id order by event_at, event_seq rows between unbounded preceding and current row
        ) as refusals_so_far
    from shared_claim_events
    where payer_rank = 'primary'
),

tracked as (
    select
        claim_id,
        min(event_at) filter (where event = 'submitted') as submitted_at,
        min(event_at) filter (where event = 'rejected') as rejected_at,
        min(event_at) filter (where event in ('adjudicated', 'denied')) as first_adjudicated_at,
        min(event_at) filter (where event = 'denied') as denied_at,
        nullif(min_by(coalesce(reason_code, ''), place) filter (where event = 'denied'), '') as denial_reason_code,
        min(event_at) filter (where event = 'resubmitted') as resubmitted_at,
        min(event_at) filter (where event = 'adjudicated' and refusals > 0 and refusals_so_far = refusals) as overturned_at,
        max_by(allowed_amount, place) filter (where event = 'adjudicated') as allowed_amount,
        count(*) filter (where event in ('submitted', 'resubmitted')) as submission_count,
        coalesce(max_by(decision, place) filter (where decision is not null), 'pending') as state,
        max_by(event, place) as last_event
    from events
    group by claim_id
),

-- A reversed entry counts from its day to the day it is taken back.
entries as (
    select
        p.claim_id, p.party, p.entry_type, p.payment_amount, p.adjustment_amount,
        case when p.posted_date < p.service_date then p.service_date else p.posted_date end as entry_date,
        case when p.reversed_date < p.service_date then p.service_date else p.reversed_date end as taken_back_on,
        s.newest_date
    from fact_payment as p
    cross join run_settings as s
    where p.service_date <= s.newest_date and p.posted_date <= s.newest_date
),

paid as (
    select
        claim_id,
        sum(payment_amount) as paid,
        sum(payment_amount) filter (where party = 'primary') as primary_paid,
        sum(payment_amount) filter (where party = 'secondary') as secondary_paid,
        sum(payment_amount) filter (where party = 'patient') as patient_paid,
        sum(adjustment_amount) filter (where entry_type = 'contractual') as contractual,
        sum(adjustment_amount) filter (where entry_type <> 'contractual') as other_adjustment,
        sum(payment_amount) filter (where entry_type in ('refund', 'takeback')) as refunds,
        min(entry_date) filter (where entry_type = 'payment' and party <> 'patient' and payment_amount > 0) as first_payer_payment_date
    from entries
    where taken_back_on is null or taken_back_on > newest_date
    group by claim_id
),

movements as (
    select claim_id, service_date as moved_on, charge_amount as amount from fact_claim_line
    union all
    select claim_id, entry_date, adjustment_amount - payment_amount from entries
    union all
    select claim_id, case when taken_back_on < entry_date then entry_date else taken_back_on end, payment_amount - adjustment_amount
    from entries
    where taken_back_on <= newest_date
),

balances as (
    select claim_id, moved_on, sum(sum(amount)) over (partition by claim_id order by moved_on) as balance
    from movements
    group by claim_id, moved_on
),

-- Open until the last day that ends with a balance; closed on the next day on which anything moves.
closings as (
    select b.claim_id, min(b.moved_on) as closed_date
    from balances as b
    left join (select claim_id, max(moved_on) as open_until from balances where balance <> 0 group by claim_id) as o
        on o.claim_id = b.claim_id
    where o.open_until is null or b.moved_on > o.open_until
    group by b.claim_id
),

billed as (
    select claim_id, count(*) as line_count, sum(charge_amount) as billed from fact_claim_line group by claim_id
),

claims as (
    select
        r.*, cast(r.servicedate as date) as service_date, coalesce(b.line_count, 0) as line_count, coalesce(b.billed, 0) as billed,
        coalesce(p.primary_paid, 0) as primary_paid, coalesce(p.secondary_paid, 0) as secondary_paid,
        coalesce(p.patient_paid, 0) as patient_paid, coalesce(p.contractual, 0) as contractual,
        coalesce(p.other_adjustment, 0) as other_adjustment, coalesce(p.refunds, 0) as refunds, p.first_payer_payment_date,
        coalesce(b.billed, 0) - coalesce(p.paid, 0) + coalesce(p.contractual, 0) + coalesce(p.other_adjustment, 0) as open_amount,
        case when t.claim_id is null then cast(cast(r.servicedate as date) as timestamp) else t.submitted_at end as submitted_at
    from raw_claims as r
    left join billed as b on b.claim_id = r.id
    left join paid as p on p.claim_id = r.id
    left join tracked as t on t.claim_id = r.id
)

select
    md5('claim|' || c.id) as claim_sk, c.id as claim_id, date_key(c.service_date) as date_key, coalesce(d.claim_key, -1) as claim_key,
    coalesce(pt.patient_key, -1) as patient_key, coalesce(pr.provider_key, -1) as provider_key,
    coalesce(og.organization_key, -1) as organization_key, coalesce(a.location_key, -1) as location_key,
    coalesce(p1.payer_key, -1) as primary_payer_key,
    case when c.secondarypatientinsuranceid is null then -2 else coalesce(p2.payer_key, -1) end as secondary_payer_key,
    coalesce(a.insurance_key, -1) as insurance_key, coalesce(e.encounter_key, -1) as encounter_key,
    coalesce(a.source_key, -1) as source_key, c.patientid as patient_id, c.appointmentid as encounter_id, d.claim_kind, d.claim_type,
    c.service_date, c.submitted_at, t.rejected_at, t.first_adjudicated_at, t.denied_at, t.denial_reason_code, t.resubmitted_at,
    t.overturned_at, c.first_payer_payment_date, case when c.open_amount = 0 then k.closed_date end as closed_date,
    case
        when t.claim_id is null and c.open_amount > 0 then 'pending'
        when t.claim_id is null then 'paid'
        when t.state = 'pending' and t.last_event = 'closed' then 'void'
        else t.state
    end as status,
    case when t.claim_id is null then 1 else t.submission_count end as submission_count, c.line_count, c.billed as billed_amount,
    t.allowed_amount, c.primary_paid as primary_paid_amount, c.secondary_paid as secondary_paid_amount,
    c.patient_paid as patient_paid_amount, c.contractual as contractual_amount, c.other_adjustment as other_adjustment_amount,
    c.refunds as refund_amount, c.open_amount, date_diff('day', c.service_date, cast(c.submitted_at as date)) as days_to_submit,
    date_diff('day', cast(c.submitted_at as date), c.first_payer_payment_date) as days_to_first_payment,
    case when c.open_amount = 0 then date_diff('day', c.service_date, k.closed_date) end as days_to_close,
    coalesce(a.patient_type, 'prospect') as patient_type, c.is_simulated, c.drop_id, c.service_date as partition_date
from claims as c
left join tracked as t on t.claim_id = c.id
left join closings as k on k.claim_id = c.id
left join dim_claim as d on d.claim_id = c.id
left join fact_appointment as a on a.encounter_id = c.appointmentid
left join dim_encounter as e on e.encounter_id = c.appointmentid
left join dim_patient as pt on pt.patient_id = c.patientid and pt.valid_from <= c.service_date and c.service_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = c.providerid and pr.valid_from <= c.service_date and c.service_date < pr.valid_to
left join dim_organization as og
    on og.organization_id = a.organization_id and og.valid_from <= c.service_date and c.service_date < og.valid_to
left join dim_payer as p1
    on p1.payer_id = coalesce(c.primarypatientinsuranceid, e.payer_id) and p1.valid_from <= c.service_date and c.service_date < p1.valid_to
left join dim_payer as p2
    on p2.payer_id = c.secondarypatientinsuranceid and p2.valid_from <= c.service_date and c.service_date < p2.valid_to
