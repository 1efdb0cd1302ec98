-- Items of claims, on the day on which their outcome can no longer change.
with events as (
    select
        claim_id, min(case when event = 'submitted' then cast(event_at as date) end) as submitted_date,
        bool_or(is_simulated) as is_simulated
    from fact_claim_event
    group by claim_id
),

claims as (
    select
        f.claim_id, f.patient_id, f.service_date, f.location_key, coalesce(pr.member_key, -1) as provider_key,
        coalesce(f.patient_type, 'prospect') as patient_type, f.source_key, f.encounter_key, f.primary_payer_key, y.payer_class,
        l.feed_start_date, e.submitted_date, cast(f.rejected_at as date) as rejected_date, f.denied_at,
        case
            when f.first_adjudicated_at is null or f.denied_at < f.first_adjudicated_at then f.denied_at else f.first_adjudicated_at
        end as decided_at, coalesce(c.diagnosis_code_1, coalesce(n.encounter_code, '')) = coalesce(n.encounter_code, '') as no_diagnosis,
        f.is_simulated, coalesce(e.is_simulated, false) as is_simulated_event
    from fact_claim as f
    left join events as e on e.claim_id = f.claim_id
    left join dim_claim as c on c.claim_id = f.claim_id
    left join dim_encounter as n on n.encounter_id = f.encounter_id
    left join dim_payer as y on y.payer_key = f.primary_payer_key
    left join dim_location as l on l.location_key = f.location_key
    left join dim_provider as pr on pr.provider_key = f.provider_key
),

judged as (
    select
        c.*, m.measure_id, case m.measure_id
            when 'claim_record_complete' then c.service_date when 'claim_denial' then cast(c.decided_at as date)
            when 'claim_rejection' then cast(c.submitted_date + interval 14 day as date)
            else cast(c.service_date + interval 90 day as date)
        end as measured
    from claims as c
    cross join (values ('claim_record_complete'), ('claim_denial'), ('claim_rejection'), ('claim_submitted_90d')) as m (measure_id)
    where
        m.measure_id <> 'claim_submitted_90d'
        or c.payer_class in ('government', 'private') and c.service_date >= c.feed_start_date
)

select
    measure_id, patient_id, measured, measured as known_from, date '9999-12-31' as known_until, location_key, provider_key, patient_type,
    source_key, claim_id as item_id, is_simulated or measure_id <> 'claim_record_complete' and is_simulated_event as is_simulated,
    false as is_excluded, case measure_id
        when 'claim_record_complete'
            then not no_diagnosis and encounter_key > 0 and primary_payer_key > 0 and provider_key > 0
        when 'claim_denial' then coalesce(denied_at = decided_at, false)
        when 'claim_rejection' then coalesce(rejected_date <= measured, false)
        else coalesce(submitted_date <= measured, false)
    end as is_met, case measure_id when 'claim_record_complete' then 4 end as required,
    case measure_id
        when 'claim_record_complete'
            then
                4 - cast(no_diagnosis as integer) - cast(encounter_key <= 0 as integer) - cast(primary_payer_key <= 0 as integer)
                - cast(provider_key <= 0 as integer)
    end as filled, measure_id = 'claim_record_complete' and no_diagnosis as gap_1,
    measure_id = 'claim_record_complete' and encounter_key <= 0 as gap_2,
    measure_id = 'claim_record_complete' and primary_payer_key <= 0 as gap_3,
    measure_id = 'claim_record_complete' and provider_key <= 0 as gap_4, false as gap_5
from judged
where measured >= (select min(period_start) from shared_periods)
