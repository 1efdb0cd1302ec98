-- From its feed start on, a place's money is what the practice posted; before it, and at places without a feed, what the ledger says.
with claims as (
    select
        c.id as claim_id, d.claim_kind, c.primarypatientinsuranceid as primary_payer_id,
        c.secondarypatientinsuranceid as secondary_payer_id, e.provider as provider_id, e.organization as organization_id,
        l.location_key, c.appointmentid as encounter_id, a.encounter_key, a.source_key, a.patient_type,
        coalesce(cast(c.servicedate as date) >= l.feed_start_date, false) as has_feed
    from raw_claims as c
    left join raw_encounters as e on e.id = c.appointmentid
    left join dim_location as l on l.location_id = e.organization
    left join dim_claim as d on d.claim_id = c.id
    left join fact_appointment as a on a.encounter_id = c.appointmentid
),

ledger as (
    select
        l.claimid, l.line_ordinal, l.type, l.method, l.procedurecode, l.payments, l.adjustments, l.patientid, l.is_simulated, l.drop_id,
        cast(l.fromdate as date) as service_date, p.line_number, p.paid_by
    from raw_claims_transactions as l
    left join shared_ledger_positions as p on p.claimid = l.claimid and p.line_ordinal = l.line_ordinal
),

entries as (
    select
        'ledger' as entry_source, t.claimid || ':' || cast(t.line_ordinal as varchar) as receipt_id, t.claimid as claim_id, t.line_number,
        t.patientid as patient_id,
        case t.type when 'ADJUSTMENT' then 'primary' else t.paid_by end as party,
        null as payer_id,
        case t.type when 'PAYMENT' then 'payment' else 'contractual' end as entry_type,
        case
            when t.type = 'ADJUSTMENT' then null
            when t.method = 'ECHECK' then 'eft'
            when t.method = 'CC' then 'card'
            else lower(t.method)
        end as method,
        t.service_date as posted_date, null as deposit_id, null as original_receipt_id, false as is_reversed,
        cast(null as date) as reversed_date,
        case t.type when 'PAYMENT' then coalesce(t.payments, 0) else -coalesce(t.adjustments, 0) end as amount, t.is_simulated, t.drop_id
    from ledger as t
    left join claims as c on c.claim_id = t.claimid
    where t.type in ('PAYMENT', 'ADJUSTMENT') and not coalesce(c.has_feed, false)
    union all
    select
        'receipt', r.receipt_id, r.claim_id, r.line_number, r.patient_id, r.party, r.payer_id, r.entry_type, r.method, r.posted_date,
        r.deposit_id, r.original_receipt_id, r.status = 'reversed',
        case when r.status = 'reversed' then coalesce(r.reversed_date, r.posted_date) end, r.amount, r.is_simulated, r.drop_id
    from raw_receipts as r
    inner join claims as c on c.claim_id = r.claim_id
    where c.has_feed
),

placed as (
    select
        e.*, l.service_date, l.procedurecode, c.claim_kind, c.provider_id, c.organization_id, c.location_key, c.encounter_id,
        c.encounter_key, c.source_key, c.patient_type,
        case
            when e.party = 'patient' then 'SELF_PAY'
            when e.payer_id is not null then e.payer_id
            when e.party = 'secondary' then c.secondary_payer_id
            else c.primary_payer_id
        end as paying_id
    from entries as e
    left join ledger as l on l.claimid = e.claim_id and l.line_number = e.line_number and l.type = 'CHARGE'
    left join claims as c on c.claim_id = e.claim_id
)

select
    md5('payment|' || p.entry_source || '|' || p.receipt_id) as payment_sk,
    p.entry_source,
    p.receipt_id,
    p.claim_id,
    p.line_number,
    md5('claim_line|' || p.claim_id || '|' || cast(p.line_number as varchar)) as claim_line_sk,
    date_key(p.posted_date) as date_key,
    p.service_date,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(og.organization_key, -1) as organization_key,
    coalesce(p.location_key, -1) as location_key,
    coalesce(pa.payer_key, -1) as payer_key,
    coalesce(case when p.claim_kind = 'medication' then co.drug_key else co.care_key end, -1) as procedure_key,
    coalesce(p.encounter_key, -1) as encounter_key,
    coalesce(p.source_key, -1) as source_key,
    p.patient_id,
    p.encounter_id,
    p.party,
    p.entry_type,
    p.method,
    p.posted_date,
    p.deposit_id,
    p.original_receipt_id,
    p.is_reversed,
    p.reversed_date,
    case when p.entry_type in ('payment', 'refund', 'takeback') then p.amount else 0 end as payment_amount,
    case when p.entry_type in ('payment', 'refund', 'takeback') then 0 else p.amount end as adjustment_amount,
    date_diff('day', p.service_date, p.posted_date) as days_service_to_posting,
    coalesce(p.patient_type, 'prospect') as patient_type,
    p.is_simulated,
    p.drop_id,
    p.posted_date as partition_date
from placed as p
left join shared_ledger_codes as co on co.procedure_code = p.procedurecode
left join dim_patient as pt on pt.patient_id = p.patient_id and pt.valid_from <= p.posted_date and p.posted_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = p.provider_id and pr.valid_from <= p.posted_date and p.posted_date < pr.valid_to
left join dim_organization as og
    on og.organization_id = p.organization_id and og.valid_from <= p.posted_date and p.posted_date < og.valid_to
left join dim_payer as pa on pa.payer_id = p.paying_id and pa.valid_from <= p.posted_date and p.posted_date < pa.valid_to
