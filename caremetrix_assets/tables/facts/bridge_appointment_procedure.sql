select
    coalesce(a.fact_appointment_sk, md5('appointment|encounter|' || p.encounter)) as fact_appointment_sk,
    coalesce(k.procedure_key, -1) as procedure_key,
    row_number() over (partition by p.encounter order by p.start, p.stop nulls last, p.code, p.source_ordinal) as procedure_seq,
    p.base_cost as base_cost_amount,
    p.is_simulated,
    p.drop_id,
    cast(p.start as date) as partition_date
from raw_procedures as p
left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
left join dim_procedure as k on k.procedure_code = p.code and k.code_system = coalesce(nullif(s.code_system, 'ICD10'), 'OTHER')
left join fact_appointment as a on a.encounter_id = p.encounter
