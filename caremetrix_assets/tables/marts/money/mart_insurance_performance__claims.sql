-- Claims by the day they count on: their first submission where the practice's records cover them, else the day of service.
with submissions as (
    select claim_id, min(cast(event_at as date)) as submitted_date
    from fact_claim_event
    where payer_rank = 'primary' and event = 'submitted'
    group by claim_id
),

dated as (
    select
        c.claim_id, c.service_date, c.location_key, coalesce(pr.member_key, -1) as provider_key, c.patient_type, c.source_key,
        coalesce(pa.member_key, -1) as payer_key, coalesce(d.claim_type, 'Unknown') as claim_type,
        case when c.service_date >= l.feed_start_date then s.submitted_date else c.service_date end as submitted_date, c.is_simulated
    from fact_claim as c
    left join dim_claim as d on d.claim_id = c.claim_id
    left join dim_location as l on l.location_key = c.location_key
    left join dim_provider as pr on pr.provider_key = c.provider_key
    left join dim_payer as pa on pa.payer_key = c.primary_payer_key
    left join submissions as s on s.claim_id = c.claim_id
)

select
    claim_id, service_date, location_key, provider_key, patient_type, source_key, payer_key, claim_type, submitted_date, is_simulated
from dated
where
    submitted_date >= (select min(period_start) from shared_periods) and submitted_date <= (select max(partition_date) from run_dates)
    and service_date <= (select max(partition_date) from run_dates)
