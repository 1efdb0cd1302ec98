-- A visit speaks for the patient's type from its day to the day before the next one.
with visits as (
    select
        patient_id, patient_type, cast(started_at as date) as visit_date,
        lead(cast(started_at as date)) over (partition by patient_id order by visit_seq) as next_date
    from fact_appointment
    where visit_seq is not null
),

items as (
    select i.*, cast(i.presented_at as date) as presented_date, coalesce(nullif(s.code_system, 'ICD10'), 'OTHER') as code_system
    from raw_treatment_plan_items as i
    left join seed_code_systems as s on lower(i.procedure_system) like s.system_pattern
)

select
    md5('treatment_plan_item|' || i.plan_item_id) as plan_item_sk,
    i.plan_item_id,
    i.plan_id,
    date_key(i.presented_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(lo.location_key, -1) as location_key,
    coalesce(pc.procedure_key, -1) as procedure_key,
    coalesce(ps.source_key, -1) as source_key,
    i.patient_id,
    i.presented_at,
    i.accepted_at,
    i.scheduled_at,
    i.completed_at,
    i.declined_at,
    i.status,
    i.fee as fee_amount,
    i.procedure_encounter_id as completed_encounter_id,
    case
        when v.patient_id is null then 'prospect'
        when v.patient_type = 'new' and v.visit_date < i.presented_date then 'established'
        else v.patient_type
    end as patient_type,
    i.is_simulated,
    i.drop_id,
    i.presented_date as partition_date
from items as i
left join visits as v
    on v.patient_id = i.patient_id and v.visit_date <= i.presented_date and i.presented_date < coalesce(v.next_date, date '9999-12-31')
left join dim_procedure as pc on pc.procedure_code = i.procedure_code and pc.code_system = i.code_system
left join bridge_patient_source as ps on ps.patient_id = i.patient_id and ps.first_touch_weight > 0
left join dim_location as lo on lo.location_id = i.organization_id
left join dim_patient as pt on pt.patient_id = i.patient_id and pt.valid_from <= i.presented_date and i.presented_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = i.provider_id and pr.valid_from <= i.presented_date and i.presented_date < pr.valid_to
