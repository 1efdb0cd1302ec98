with charges as (
    select
        t.*, cast(t.fromdate as date) as service_date, row_number() over (partition by t.claimid order by t.line_ordinal) as line_number
    from raw_claims_transactions as t
    where t.type = 'CHARGE'
),

claimed as (
    select
        c.*, d.claim_key, d.claim_kind, d.primary_payer_id, d.secondary_payer_id,
        -- among the further lines of a code; only those of the encounter claim are asked
        row_number() over (
            partition by c.claimid, c.procedurecode, case when c.line_number = 1 then 1 else 2 end order by c.line_number
        ) as code_rank
    from charges as c
    left join dim_claim as d on d.claim_id = c.claimid
),

performed as (
    select encounter, code, count(*) as procedures
    from raw_procedures
    group by encounter, code
)

select
    md5('claim_line|' || c.claimid || '|' || cast(c.line_number as varchar)) as claim_line_sk,
    c.claimid as claim_id,
    c.line_number,
    date_key(c.service_date) as date_key,
    coalesce(c.claim_key, -1) as claim_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(og.organization_key, -1) as organization_key,
    coalesce(lo.location_key, -1) as location_key,
    coalesce(p1.payer_key, -1) as primary_payer_key,
    case when c.secondary_payer_id is null then -2 else coalesce(p2.payer_key, -1) end as secondary_payer_key,
    coalesce(a.insurance_key, -1) as insurance_key,
    coalesce(case when c.claim_kind = 'medication' then co.drug_key else co.care_key end, -1) as procedure_key,
    coalesce(e.encounter_key, -1) as encounter_key,
    coalesce(a.source_key, -1) as source_key,
    c.patientid as patient_id,
    c.appointmentid as encounter_id,
    c.claim_kind,
    case
        when c.claim_kind = 'medication' then 'medication'
        when c.line_number = 1 then 'visit'
        when c.code_rank <= p.procedures then 'procedure'
        else 'immunization'
    end as line_kind,
    c.fromdate as service_at,
    c.service_date,
    c.units,
    c.unitamount as unit_amount,
    coalesce(c.amount, 0) as charge_amount,
    coalesce(c.transfertype = '1' and c.primary_payer_id is not null, false) as is_billed_to_insurance,
    coalesce(a.patient_type, 'prospect') as patient_type,
    c.is_simulated,
    c.drop_id,
    c.service_date as partition_date
from claimed as c
left join performed as p on p.encounter = c.appointmentid and p.code = c.procedurecode
left join shared_ledger_codes as co on co.procedure_code = c.procedurecode
left join fact_appointment as a on a.encounter_id = c.appointmentid
left join dim_encounter as e on e.encounter_id = c.appointmentid
left join dim_patient as pt on pt.patient_id = c.patientid and pt.valid_from <= c.service_date and c.service_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = c.providerid and pr.valid_from <= c.service_date and c.service_date < pr.valid_to
left join dim_organization as og
    on og.organization_id = c.placeofservice and og.valid_from <= c.service_date and c.service_date < og.valid_to
left join dim_location as lo on lo.location_id = c.placeofservice
left join dim_payer as p1
    on p1.payer_id = coalesce(c.primary_payer_id, e.payer_id) and p1.valid_from <= c.service_date and c.service_date < p1.valid_to
left join dim_payer as p2
    on p2.payer_id = c.secondary_payer_id and p2.valid_from <= c.service_date and c.service_date < p2.valid_to
