-- The own visit of an event says who and where; nothing is taken from another visit of the patient.
with visits as (
    select r.id, r.provider, r.organization, d.encounter_key
    from raw_encounters as r
    left join dim_encounter as d on d.encounter_id = r.id
),

events as (
    select
        'observation' as event_type,
        md5(
            'patient_e|observation|' || iso_ts(o.date) || '|' || o.patient || '|' || coalesce(o.encounter, '') || '|' || o.code || '|'
            || coalesce(o.value, '') || '|' || coalesce(o.units, '') || '|' || cast(o.source_ordinal as varchar)
        ) as fact_patient_id,
        o.patient, o.encounter, o.date as event_start_at, cast(null as timestamp) as event_end_at, cast(o.date as date) as event_date,
        coalesce(k.observation_key, -1) as observation_key, -2 as procedure_key, -2 as reason_key,
        -- beyond the largest finite number there is no measurement
        case when o.type = 'numeric' and abs(try_cast(o.value as double)) < 1e300 then try_cast(o.value as double) end as value_number,
        o.value, o.units, cast(null as decimal(18, 2)) as base_cost, false as is_open_condition, o.is_simulated, o.drop_id
    from raw_observations as o
    left join dim_observation as k
        on k.observation_code = o.code and k.category is not distinct from o.category and k.unit is not distinct from o.units
        and k.value_type is not distinct from o.type
    union all
    select
        'procedure',
        md5(
            'patient_e|procedure|' || iso_ts(p.start) || '|' || coalesce(iso_ts(p.stop), '') || '|' || p.patient || '|' || p.encounter
            || '|' || p.code
        ),
        p.patient, p.encounter, p.start, p.stop, cast(p.start as date),
        -2, coalesce(k.procedure_key, -1), coalesce(case when p.reasoncode is null then n.reason_key else r.reason_key end, -1),
        null, null, null, p.base_cost, false, p.is_simulated, p.drop_id
    from raw_procedures as p
    left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
    left join dim_procedure as k on k.procedure_code = p.code and k.code_system = coalesce(nullif(s.code_system, 'ICD10'), 'OTHER')
    left join shared_reasons as r on r.reason_code = p.reasoncode
    left join shared_reasons as n on n.reason_code = 'NOT_RECORDED'
    union all
    select
        'condition',
        md5('patient_e|condition|' || iso_date(c.start) || '|' || c.patient || '|' || c.encounter || '|' || c.code),
        c.patient, c.encounter, cast(c.start as timestamp), cast(c.stop as timestamp), c.start,
        -2, -2, coalesce(r.reason_key, -1),
        null, null, null, null, c.stop is null, c.is_simulated, c.drop_id
    from raw_conditions as c
    left join shared_reasons as r on r.reason_code = c.code
),

aged as (
    select
        e.*, v.provider, v.organization, v.encounter_key, p.patient_key,
        -- a birth dated by the local clock may be a day after its first measurement
        case when p.birth_date > e.event_date then 0 else age_years(p.birth_date, e.event_date) end as age_years
    from events as e
    left join visits as v on v.id = e.encounter
    left join dim_patient as p on p.patient_id = e.patient and p.valid_from <= e.event_date and e.event_date < p.valid_to
)

select
    a.fact_patient_id,
    a.event_type,
    date_key(a.event_date) as date_key,
    coalesce(a.patient_key, -1) as patient_key,
    coalesce(a.encounter_key, -1) as encounter_key,
    a.observation_key,
    coalesce(pr.provider_key, -1) as provider_key,
    a.procedure_key,
    coalesce(og.organization_key, -1) as organization_key,
    a.reason_key,
    a.patient as patient_id,
    a.encounter as encounter_id,
    a.event_start_at,
    a.event_end_at,
    a.age_years as age_years_at_event,
    age_band(a.age_years) as age_band,
    a.value_number,
    case when a.value_number is null then a.value end as value_text,
    a.units as unit,
    a.base_cost as base_cost_amount,
    case when a.event_type = 'procedure' then minutes_between(a.event_start_at, a.event_end_at) end as duration_minutes,
    a.is_open_condition,
    1 as event_count,
    a.is_simulated,
    a.drop_id,
    a.event_date as partition_date
from aged as a
left join dim_provider as pr on pr.provider_id = a.provider and pr.valid_from <= a.event_date and a.event_date < pr.valid_to
left join dim_organization as og
    on og.organization_id = a.organization and og.valid_from <= a.event_date and a.event_date < og.valid_to
