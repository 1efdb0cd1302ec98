with encounters as (
    select
        e.*, cast(e.start as date) as event_date, md5('appointment|encounter|' || e.id) as fact_appointment_sk, d.encounter_key,
        d.class_group, d.duration_minutes, d.length_of_stay_days, d.is_death_certification, not d.is_death_certification as is_visit
    from raw_encounters as e left join dim_encounter as d on d.encounter_id = e.id
),
-- Death certifications sort behind the visits of their day: a visit's visit_no is its own number, theirs that of the latest visit.
histories as (
    select
        *, sum(case when is_visit then 1 else 0 end) over up_to as visit_no, lag(event_date) over visits_only as previous_date,
        is_visit and coalesce(max(case when is_visit then 1 end) over month_before, 0) = 1 as is_return_30d
    from encounters
    window
        up_to as (partition by patient order by event_date, is_death_certification, start, fact_appointment_sk rows unbounded preceding),
        visits_only as (partition by patient, is_visit order by event_date, start, fact_appointment_sk),
        month_before as (partition by patient order by event_date range between interval 30 day preceding and interval 1 day preceding)
),
visit_types as (
    select
        patient, visit_no,
        case when visit_no = 1 then 'new' when event_date > lapse_date(previous_date, 18) then 'reactivated' else 'established' end as type
    from histories where is_visit
),
readmissions as (
    select distinct s.id
    from encounters as s inner join encounters as p on p.patient = s.patient and p.encounterclass = s.encounterclass
    where s.encounterclass = 'inpatient' and cast(p.stop as date) < s.event_date and cast(p.stop as date) >= s.event_date - interval 30 day
),
procedures as (
    select
        p.encounter, coalesce(d.procedure_key, -1) as procedure_key, count(*) over visit as procedure_count,
        bool_or(d.is_hygiene) over visit as is_hygiene, row_number() over (
            partition by p.encounter order by p.base_cost desc nulls last, p.start asc, p.code asc, p.stop asc nulls last
        ) as cost_rank
    from raw_procedures as p
    left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
    left join dim_procedure as d on d.procedure_code = p.code and d.code_system = coalesce(nullif(s.code_system, 'ICD10'), 'OTHER')
    window visit as (partition by p.encounter)
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
charges as (
    select
        c.encounter_id, sum(t.amount) as charge_amount,
        sum(t.amount) filter (where c.claim_kind = 'encounter' and e.is_visit and cast(t.fromdate as date) = e.event_date) as visit_charge
    from raw_claims_transactions as t
    inner join dim_claim as c on c.claim_id = t.claimid
    inner join encounters as e on e.id = c.encounter_id
    where t.type = 'CHARGE' group by c.encounter_id
),
classified as (
    select
        h.*, c.charge_amount, c.visit_charge, p.procedure_count, p.procedure_key, coalesce(p.is_hygiene, false) as is_hygiene,
        ntile(32) over (partition by c.visit_charge is null order by c.visit_charge, h.id) as band, case
            when p.is_hygiene then 'hygiene' when h.encounterclass = 'wellness' then 'wellness'
            when h.encounterclass = 'virtual' then 'telehealth' when h.encounterclass in ('urgentcare', 'emergency') then 'urgent'
            when h.encounterclass in ('outpatient', 'inpatient') then 'procedure' else 'follow_up'
        end as kind
    from histories as h
    left join procedures as p on p.encounter = h.id and p.cost_rank = 1
    left join charges as c on c.encounter_id = h.id
),
-- A median over 90 days for every day: 32 bands of charge show the band it lies in, and only that band is ranked.
bands as (
    select
        d.kind, d.event_date, b.band, sum(count(p.visit_charge)) over (
            partition by d.kind, b.band order by d.event_date range between interval 90 day preceding and interval 1 day preceding
        ) as visits
    from (select distinct kind, event_date from classified) as d
    cross join (select distinct band from classified) as b
    left join classified as p on p.kind = d.kind and p.event_date = d.event_date and p.band = b.band
    group by d.kind, d.event_date, b.band
),
positions as (
    select
        *, sum(visits) over (partition by kind, event_date) as total,
        sum(visits) over (partition by kind, event_date order by band rows between unbounded preceding and current row) as upto
    from bands
),
medians as (
    select
        m.kind, m.event_date, m.total, p.visit_charge,
        m.upto - m.visits + row_number() over (partition by m.kind, m.event_date order by p.visit_charge, p.id) as position
    from positions as m
    inner join classified as p
        on p.kind = m.kind and p.band = m.band and p.visit_charge is not null and p.event_date < m.event_date
        and p.event_date >= m.event_date - interval 90 day
    where m.upto * 2 >= m.total and (m.upto - m.visits) * 2 < m.total
)
select
    c.fact_appointment_sk, null as appointment_id, c.id as encounter_id, date_key(c.event_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key, coalesce(pr.provider_key, -1) as provider_key,
    coalesce(og.organization_key, -1) as organization_key, coalesce(lo.location_key, -1) as location_key,
    coalesce(pa.payer_key, -1) as payer_key, coalesce(i.insurance_key, -1) as insurance_key, coalesce(c.encounter_key, -1) as encounter_key,
    coalesce(r.reason_key, case when c.reasoncode is null and fc.code is null then n.reason_key end, -1) as reason_key,
    coalesce(c.procedure_key, -2) as primary_procedure_key,
    case when vo.encounter is null then -2 else coalesce(k.observation_key, -1) end as primary_observation_key,
    coalesce(ps.source_key, -1) as source_key,
    c.patient as patient_id, c.provider as provider_id, c.organization as organization_id, null as room_id, c.kind as appointment_type,
    c.encounterclass as encounter_class, c.class_group, 'walk_in' as booking_channel, null as booked_at, null as entered_at,
    null as scheduled_start_at, null as scheduled_minutes, null as arrived_at, null as seated_at, null as dismissed_at,
    c.start as started_at, c.stop as ended_at, 'completed' as outcome, null as cancelled_at, null as notice_hours, null as lead_time_days,
    c.duration_minutes, null as wait_minutes, c.length_of_stay_days, coalesce(c.procedure_count, 0) as procedure_count,
    coalesce(vo.observation_count, 0) as observation_count, case when c.is_visit then c.visit_no end as visit_seq,
    case when c.is_visit then date_diff('day', c.previous_date, c.event_date) end as days_since_previous_visit,
    case when not c.is_visit and t.type = 'new' then 'established' else coalesce(t.type, 'prospect') end as patient_type,
    c.is_return_30d, ra.id is not null as is_readmission_30d, c.is_hygiene, c.is_death_certification,
    m.visit_charge as estimated_production_amount, c.total_claim_cost as billed_amount, c.payer_coverage as payer_coverage_amount,
    c.charge_amount, case
        when c.reasoncode is not null then 'reason_code' when fc.code is not null then 'first_condition'
        when r.reason_key is not null then 'visit_type' else 'not_recorded'
    end as reason_source, false as is_booking_simulated, c.is_simulated, c.drop_id, c.event_date as partition_date
from classified as c
left join visit_types as t on t.patient = c.patient and t.visit_no = c.visit_no
left join readmissions as ra on ra.id = c.id
left join visit_observations as vo on vo.encounter = c.id
left join kinds as k on k.kind_rank = vo.kind_rank
left join medians as m on m.kind = c.kind and m.event_date = c.event_date and m.position * 2 in (m.total, m.total + 1)
left join (select encounter, min_by(code, iso_date(start) || code) as code from raw_conditions group by encounter) as fc
    on fc.encounter = c.id
left join dim_reason as r on r.code_system = 'SNOMED' and r.reason_code = coalesce(c.reasoncode, fc.code, c.code)
left join dim_reason as n on n.reason_code = 'NOT_RECORDED'
left join raw_payer_transitions as s on s.patient = c.patient and s.start_date <= c.start and (c.start < s.end_date or s.end_date is null)
left join dim_insurance as i
    on i.payer_id = s.payer and i.secondary_payer_id is not distinct from s.secondary_payer
    and i.plan_ownership is not distinct from s.plan_ownership
left join dim_patient as pt on pt.patient_id = c.patient and pt.valid_from <= c.event_date and c.event_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = c.provider and pr.valid_from <= c.event_date and c.event_date < pr.valid_to
left join dim_organization as og on og.organization_id = c.organization and og.valid_from <= c.event_date and c.event_date < og.valid_to
left join dim_location as lo on lo.location_id = c.organization
left join bridge_patient_source as ps on ps.patient_id = c.patient and ps.first_touch_weight > 0
left join dim_payer as pa on pa.payer_id = coalesce(c.payer, s.payer) and pa.valid_from <= c.event_date and c.event_date < pa.valid_to
