with visits as (
    select
        e.*,
        case
            when e.encounterclass in ('ambulatory', 'outpatient', 'wellness', 'urgentcare') then 'ambulatory'
            when e.encounterclass in ('inpatient', 'snf', 'hospice') then 'inpatient'
            when e.encounterclass in ('emergency', 'home', 'virtual') then e.encounterclass
            else 'other'
        end as class_group
    from raw_encounters as e
)

select
    stable_key('encounter|' || v.id) as encounter_key,
    v.id as encounter_id,
    v.patient as patient_id,
    v.provider as provider_id,
    v.organization as organization_id,
    v.payer as payer_id,
    v.encounterclass as encounter_class,
    v.class_group,
    v.code as encounter_code,
    v.description,
    v.reasoncode as reason_code,
    v.start as started_at,
    v.stop as ended_at,
    minutes_between(v.start, v.stop) as duration_minutes,
    case
        when v.class_group = 'inpatient' then date_diff('day', cast(v.start as date), cast(v.stop as date))
        else 0
    end as length_of_stay_days,
    coalesce(v.code = '308646001', false) as is_death_certification,
    cast(v.start as date) as partition_date
from visits as v
union all
select
    m.reserved_key, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    null, null, null, null, null,
    s.opening_date
from seed_reserved_members as m
cross join run_settings as s
