select
    stable_key('claim_transaction|' || t.claimid || '|' || cast(t.line_ordinal as varchar)) as claim_transaction_key,
    t.id as transaction_id,
    t.claimid as claim_id,
    t.line_ordinal,
    t.type as transaction_type,
    t.method,
    t.transfertype as transfer_type,
    t.procedurecode as procedure_code,
    t.notes as note,
    t.departmentid as department_id,
    t.diagnosisref1 as diagnosis_reference_1,
    t.diagnosisref2 as diagnosis_reference_2,
    t.diagnosisref3 as diagnosis_reference_3,
    t.diagnosisref4 as diagnosis_reference_4,
    t.units,
    t.transfer_from_ordinal,
    sum(case when t.type = 'CHARGE' then 1 else 0 end) over (
        partition by t.claimid order by t.line_ordinal rows between unbounded preceding and current row
    ) as line_number,
    cast(t.fromdate as date) as partition_date
from raw_claims_transactions as t
union all
select
    m.reserved_key, m.label, m.label, null, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    null, null, null,
    s.opening_date
from seed_reserved_members as m
cross join run_settings as s
