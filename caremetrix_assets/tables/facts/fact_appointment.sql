with visit_types as (
    select
        patient, visit_no,
        case when visit_no = 1 then 'new' when event_date > lapse_date(previous_date, 18) then 'reactivated' else 'established' end as type
    from classified
    where is_visit
),

-- A transfer on the day of discharge is no readmission.
readmissions as (
    select distinct s.fact_appointment_sk
    from classified as s
    inner join classified as p on p.patient = s.patient and p.encounterclass = s.encounterclass
    where
        s.encounterclass = 'inpatient' and cast(p.ended_at as date) < s.event_date
        and cast(p.ended_at as date) >= s.event_date - interval 30 day
),

kinds as (
    select
        *, row_number() over (
            order by
                nullif(strpos('|exam|laboratory|vital-signs|procedure|survey|', '|' || category || '|'), 0) nulls last,
                observation_code, unit nulls first, value_type nulls first, category nulls first
        ) as kind_rank
    from dim_observation
),

observed_at as (
    select o.encounter, o.date, count(*) as row_count, min(k.kind_rank) as kind_rank
    from raw_observations as o
    left join kinds as k
        on k.observation_code = o.code and k.category is not distinct from o.category and k.unit is not distinct from o.units
        and k.value_type is not distinct from o.type
    group by o.encounter, o.date
),

visit_observations as (
    select encounter, sum(row_count) as observation_count, min_by(kind_rank, date) as kind_rank from observed_at group by encounter
),

first_conditions as (
    select encounter, min_by(code, iso_date(start) || code) as code from raw_conditions group by encounter
)

select
    c.fact_appointment_sk,
    c.appointment_id,
    c.encounter_id,
    date_key(c.event_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(og.organization_key, -1) as organization_key,
    coalesce(lo.location_key, -1) as location_key,
    coalesce(pa.payer_key, -1) as payer_key,
    coalesce(i.insurance_key, -1) as insurance_key,
    coalesce(c.encounter_key, -1) as encounter_key,
    coalesce(r.reason_key, case when c.reasoncode is null and fc.code is null then n.reason_key end, -1) as reason_key,
    coalesce(c.procedure_key, -2) as primary_procedure_key,
    case when vo.encounter is null then -2 else coalesce(k.observation_key, -1) end as primary_observation_key,
    coalesce(ps.source_key, -1) as source_key,
    c.patient as patient_id,
    c.provider as provider_id,
    c.organization as organization_id,
    c.room_id,
    c.kind as appointment_type,
    c.encounterclass as encounter_class,
    c.class_group,
    coalesce(c.booking_channel, 'walk_in') as booking_channel,
    c.booked_at,
    coalesce(c.entered_at, c.booked_at) as entered_at,
    c.scheduled_start_at, c.scheduled_minutes,
    c.arrived_at, c.seated_at, c.dismissed_at,
    c.started_at, c.ended_at,
    c.outcome,
    c.cancelled_at,
    number_of(round(minutes_between(c.cancelled_at, c.scheduled_start_at) * 60, 0), 3600) as notice_hours,
    date_diff('day', cast(c.booked_at as date), cast(c.scheduled_start_at as date)) as lead_time_days,
    c.duration_minutes,
    minutes_between(c.arrived_at, c.seated_at) as wait_minutes,
    c.length_of_stay_days,
    coalesce(c.procedure_count, 0) as procedure_count,
    coalesce(vo.observation_count, 0) as observation_count,
    case when c.is_visit then c.visit_no end as visit_seq,
    case when c.is_visit then date_diff('day', c.previous_date, c.event_date) end as days_since_previous_visit,
    case
        when t.type is null then 'prospect'
        when c.is_visit then t.type
        when t.type = 'new' or c.outcome in ('no_show', 'cancelled_late', 'cancelled_early') then 'established'
        else t.type
    end as patient_type,
    c.is_return_30d,
    ra.fact_appointment_sk is not null as is_readmission_30d,
    c.is_hygiene,
    c.is_death_certification,
    coalesce(c.estimated_production, m.median_charge) as estimated_production_amount,
    c.total_claim_cost as billed_amount,
    c.payer_coverage as payer_coverage_amount,
    c.charge_amount,
    case
        when c.reasoncode is not null then 'reason_code'
        when fc.code is not null then 'first_condition'
        when r.reason_key is not null then 'visit_type'
        else 'not_recorded'
    end as reason_source,
    c.is_booking_simulated,
    c.is_simulated,
    c.drop_id,
    c.event_date as partition_date
from classified as c
left join visit_types as t on t.patient = c.patient and t.visit_no = c.visit_no
left join readmissions as ra on ra.fact_appointment_sk = c.fact_appointment_sk
left join visit_observations as vo on vo.encounter = c.encounter_id
left join kinds as k on k.kind_rank = vo.kind_rank
left join medians as m on m.kind = c.kind and m.event_date = c.event_date
left join first_conditions as fc on fc.encounter = c.encounter_id
left join shared_reasons as r on r.reason_code = coalesce(c.reasoncode, fc.code, c.code)
left join shared_reasons as n on n.reason_code = 'NOT_RECORDED'
left join raw_payer_transitions as s
    on s.patient = c.patient and s.start_date <= c.at_time and (c.at_time < s.end_date or s.end_date is null)
left join dim_insurance as i
    on i.payer_id = s.payer and i.secondary_payer_id is not distinct from s.secondary_payer
    and i.plan_ownership is not distinct from s.plan_ownership
left join dim_patient as pt on pt.patient_id = c.patient and pt.valid_from <= c.event_date and c.event_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = c.provider and pr.valid_from <= c.event_date and c.event_date < pr.valid_to
left join dim_organization as og on og.organization_id = c.organization and og.valid_from <= c.event_date and c.event_date < og.valid_to
left join dim_location as lo on lo.location_id = c.organization
left join bridge_patient_source as ps on ps.patient_id = c.patient and ps.first_touch_weight > 0
left join dim_payer as pa on pa.payer_id = coalesce(c.payer, s.payer) and pa.valid_from <= c.event_date and c.event_date < pa.valid_to
