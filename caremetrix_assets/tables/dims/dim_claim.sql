with first_lines as (
    select
        t.claimid as claim_id,
        min_by(t.procedurecode, t.line_ordinal) as procedure_code
    from raw_claims_transactions as t
    where t.type = 'CHARGE'
    group by t.claimid
),

-- The claim of a visit is the one whose first charge is the visit's own code; the others are of medication orders.
visit_claims as (
    select
        c.appointmentid as encounter_id,
        min(c.id) as claim_id
    from raw_claims as c
    inner join first_lines as f on c.id = f.claim_id
    inner join raw_encounters as e on c.appointmentid = e.id and f.procedure_code = e.code
    group by c.appointmentid
),

headers as (
    select
        c.*,
        -- without any charge (a drop without the ledger) nothing tells the two kinds apart
        case
            when v.claim_id is not null then 'encounter'
            when f.claim_id is not null then 'medication'
        end as claim_kind,
        case c.healthcareclaimtypeid1 when '1' then 'professional' when '2' then 'institutional' end as claim_type,
        case when c.diagnosis1 is null then 0 else 1 end + case when c.diagnosis2 is null then 0 else 1 end
        + case when c.diagnosis3 is null then 0 else 1 end + case when c.diagnosis4 is null then 0 else 1 end
        + case when c.diagnosis5 is null then 0 else 1 end + case when c.diagnosis6 is null then 0 else 1 end
        + case when c.diagnosis7 is null then 0 else 1 end + case when c.diagnosis8 is null then 0 else 1 end as diagnosis_count
    from raw_claims as c
    left join first_lines as f on c.id = f.claim_id
    left join visit_claims as v on c.id = v.claim_id
)

select
    stable_key('claim|' || h.id) as claim_key,
    h.id as claim_id,
    h.patientid as patient_id,
    h.providerid as provider_id,
    h.appointmentid as encounter_id,
    h.claim_kind,
    h.claim_type,
    h.primarypatientinsuranceid as primary_payer_id,
    h.secondarypatientinsuranceid as secondary_payer_id,
    h.departmentid as department_id,
    cast(h.servicedate as date) as service_date,
    cast(h.currentillnessdate as date) as current_illness_date,
    h.diagnosis1 as diagnosis_code_1,
    h.diagnosis2 as diagnosis_code_2,
    h.diagnosis3 as diagnosis_code_3,
    h.diagnosis4 as diagnosis_code_4,
    h.diagnosis5 as diagnosis_code_5,
    h.diagnosis6 as diagnosis_code_6,
    h.diagnosis7 as diagnosis_code_7,
    h.diagnosis8 as diagnosis_code_8,
    h.diagnosis_count,
    h.status1 as source_status_primary,
    h.statusp as source_status_patient,
    cast(h.servicedate as date) as partition_date
from headers as h
union all
select
    m.reserved_key, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    null, null,
    m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    null, m.label, m.label,
    s.opening_date
from seed_reserved_members as m
cross join run_settings as s
