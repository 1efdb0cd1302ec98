with paid as (
    select l.*, p.line_number, p.owed_by, p.paid_by, cast(l.fromdate as date) as service_date
    from raw_claims_transactions as l
    left join shared_ledger_positions as p on p.claimid = l.claimid and p.line_ordinal = l.line_ordinal
),

parties as (
    select
        p.*, c.claim_key, c.claim_kind,
        case coalesce(p.paid_by, p.owed_by)
            when 'secondary' then c.secondary_payer_id
            when '2' then c.secondary_payer_id
            when 'patient' then 'SELF_PAY'
            when 'p' then 'SELF_PAY'
            else c.primary_payer_id
        end as payer_id
    from paid as p
    left join dim_claim as c on c.claim_id = p.claimid
)

select
    md5('transaction|' || t.claimid || '|' || cast(t.line_ordinal as varchar)) as fact_transaction_sk,
    t.id as transaction_id,
    t.claimid as claim_id,
    t.line_ordinal,
    t.line_number,
    date_key(t.service_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(og.organization_key, -1) as organization_key,
    coalesce(pr.provider_key, -1) as provider_key,
    case when t.payer_id is null then -2 else coalesce(pa.payer_key, -1) end as payer_key,
    coalesce(e.encounter_key, -1) as encounter_key,
    coalesce(t.claim_key, -1) as claim_key,
    -- one to one with the dimension, so its key needs no join of two ledgers
    stable_key('claim_transaction|' || t.claimid || '|' || cast(t.line_ordinal as varchar)) as claim_transaction_key,
    coalesce(case when t.claim_kind = 'medication' then co.drug_key else co.care_key end, -1) as procedure_key,
    t.patientid as patient_id,
    t.appointmentid as encounter_id,
    t.type as transaction_type,
    t.paid_by,
    case when t.type = 'CHARGE' then coalesce(t.amount, 0) else 0 end as charge_amount,
    coalesce(t.payments, 0) as payment_amount,
    -coalesce(t.adjustments, 0) as adjustment_amount,
    case when t.type = 'TRANSFERIN' then coalesce(t.transfers, 0) else 0 end as transfer_in_amount,
    case when t.type = 'TRANSFEROUT' then coalesce(t.transfers, 0) else 0 end as transfer_out_amount,
    case when t.type = 'CHARGE' then coalesce(t.amount, 0) else 0 end - coalesce(t.payments, 0) - coalesce(t.adjustments, 0)
        as balance_effect_amount,
    t.outstanding as outstanding_after_amount,
    t.fromdate as service_from_at,
    t.todate as service_to_at,
    t.is_simulated,
    t.drop_id,
    t.service_date as partition_date
from parties as t
left join shared_ledger_codes as co on co.procedure_code = t.procedurecode
left join dim_encounter as e on e.encounter_id = t.appointmentid
left join dim_patient as pt on pt.patient_id = t.patientid and pt.valid_from <= t.service_date and t.service_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = t.providerid and pr.valid_from <= t.service_date and t.service_date < pr.valid_to
left join dim_organization as og
    on og.organization_id = t.placeofservice and og.valid_from <= t.service_date and t.service_date < og.valid_to
left join dim_payer as pa on pa.payer_id = t.payer_id and pa.valid_from <= t.service_date and t.service_date < pa.valid_to
