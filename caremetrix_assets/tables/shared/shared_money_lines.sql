-- Charge lines with the keys that every money mart groups by: those of the line, each the member's.
select
    l.claim_line_sk, l.claim_id, l.line_number, l.service_date, l.patient_id, coalesce(pt.member_key, -1) as patient_key,
    l.location_key, coalesce(pr.member_key, -1) as provider_key, l.patient_type, l.source_key, l.procedure_key,
    coalesce(p1.member_key, -1) as primary_payer_key,
    case when l.secondary_payer_key = -2 then -2 else coalesce(p2.member_key, -1) end as secondary_payer_key,
    l.is_billed_to_insurance, l.charge_amount, l.is_simulated
from fact_claim_line as l
left join dim_patient as pt on pt.patient_key = l.patient_key
left join dim_provider as pr on pr.provider_key = l.provider_key
left join dim_payer as p1 on p1.payer_key = l.primary_payer_key
left join dim_payer as p2 on p2.payer_key = l.secondary_payer_key
