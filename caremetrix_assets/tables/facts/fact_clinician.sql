with activities as (
    select
        'encounter' as activity_type, md5('clinician|encounter|' || e.id) as fact_clinician_sk, e.id as encounter, e.patient,
        e.start as started_at, -2 as procedure_key, -2 as medication_key, e.reasoncode,
        cast(null as decimal(18, 2)) as procedure_cost, cast(null as decimal(18, 2)) as unit_cost, cast(null as integer) as dispenses,
        cast(null as decimal(18, 2)) as total_cost, cast(null as decimal(18, 2)) as payer_coverage, cast(null as timestamp) as end_at,
        minutes_between(e.start, e.stop) as duration_minutes, e.is_simulated, e.drop_id
    from raw_encounters as e
    union all
    select
        'procedure',
        md5(
            'clinician|procedure|' || iso_ts(p.start) || '|' || coalesce(iso_ts(p.stop), '') || '|' || p.patient || '|' || p.encounter
            || '|' || p.code
        ),
        p.encounter, p.patient, p.start, coalesce(k.procedure_key, -1), -2, p.reasoncode,
        p.base_cost, null, null, null, null, null, minutes_between(p.start, p.stop), p.is_simulated, p.drop_id
    from raw_procedures as p
    left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
    left join dim_procedure as k on k.procedure_code = p.code and k.code_system = coalesce(nullif(s.code_system, 'ICD10'), 'OTHER')
    union all
    select
        'medication',
        md5(
            'clinician|medication|' || iso_ts(m.start) || '|' || m.patient || '|' || m.encounter || '|' || m.code || '|'
            || cast(m.source_ordinal as varchar)
        ),
        m.encounter, m.patient, m.start, -2, coalesce(k.medication_key, -1), m.reasoncode,
        null, m.base_cost, m.dispenses, m.totalcost, m.payer_coverage, m.stop, null, m.is_simulated, m.drop_id
    from raw_medications as m
    left join dim_medication as k on k.medication_code = m.code
),

placed as (
    select
        a.*, cast(a.started_at as date) as activity_date, v.provider, v.organization, d.encounter_key,
        coalesce(case when a.reasoncode is null then n.reason_key else r.reason_key end, -1) as reason_key
    from activities as a
    left join raw_encounters as v on v.id = a.encounter
    left join dim_encounter as d on d.encounter_id = a.encounter
    left join shared_reasons as r on r.reason_code = a.reasoncode
    left join shared_reasons as n on n.reason_code = 'NOT_RECORDED'
)

select
    a.fact_clinician_sk,
    a.activity_type,
    date_key(a.activity_date) as date_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(og.organization_key, -1) as organization_key,
    coalesce(a.encounter_key, -1) as encounter_key,
    a.procedure_key,
    a.medication_key,
    a.reason_key,
    a.patient as patient_id,
    a.provider as provider_id,
    a.encounter as encounter_id,
    case when a.activity_type = 'encounter' then 1 else 0 end as visit_count,
    case when a.activity_type = 'procedure' then 1 else 0 end as procedure_count,
    case when a.activity_type = 'medication' then 1 else 0 end as medication_count,
    a.procedure_cost as procedure_cost_amount,
    a.unit_cost as medication_unit_cost_amount,
    a.dispenses as medication_dispenses,
    a.total_cost as medication_total_cost_amount,
    a.payer_coverage as medication_payer_coverage_amount,
    a.end_at as medication_end_at,
    a.duration_minutes,
    a.is_simulated,
    a.drop_id,
    a.activity_date as partition_date
from placed as a
left join dim_patient as pt on pt.patient_id = a.patient and pt.valid_from <= a.activity_date and a.activity_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = a.provider and pr.valid_from <= a.activity_date and a.activity_date < pr.valid_to
left join dim_organization as og
    on og.organization_id = a.organization and og.valid_from <= a.activity_date and a.activity_date < og.valid_to
