-- Every procedure of the last 12 months with the money of its charge line at the end of each day to build.
with done as (
    select
        cast(p.started_at as date) as start_date, p.location_key, coalesce(pr.member_key, -1) as provider_key, p.patient_type, p.source_key,
        p.procedure_key, coalesce(k.procedure_category, 'Unknown') as procedure_category, p.patient_id, l.claim_line_sk,
        coalesce(p.base_cost_amount, 0) as base_cost, cast(coalesce(p.allocated_minutes, 0) as decimal(28, 6)) as minutes, p.is_simulated
    from fact_procedure as p
    left join fact_claim_line as l on l.claim_id = p.claim_id and l.line_number = p.line_number
    left join dim_procedure as k on k.procedure_key = p.procedure_key
    left join dim_provider as pr on pr.provider_key = p.provider_key
    where
        cast(p.started_at as date) >= (select min(period_start) from shared_periods)
        and cast(p.started_at as date) <= (select max(partition_date) from run_dates)
),

balances as (
    select b.*
    from shared_money_balances as b
    where b.claim_line_sk in (select d.claim_line_sk from done as d)
)

select
    r.partition_date, d.start_date, d.location_key, d.provider_key, d.patient_type, d.source_key, d.procedure_key, d.procedure_category,
    d.patient_id, coalesce(b.charge, 0) as gross, case when b.charge > 0 then 0 else 1 end as uncharged,
    coalesce(b.primary_paid + b.secondary_paid, 0) as payer_paid, coalesce(b.patient_paid, 0) as patient_paid,
    coalesce(b.adjustment, 0) as adjustment, coalesce(b.balance, 0) as open,
    case when b.claim_line_sk is null then 0 else d.base_cost end as base_cost, d.minutes,
    case when d.is_simulated or coalesce(b.is_simulated, false) then 1 else 0 end as simulated
from run_dates as r
inner join done as d on d.start_date > add_months(r.partition_date, -12) and d.start_date <= r.partition_date
left join balances as b
    on b.claim_line_sk = d.claim_line_sk and b.valid_from <= r.partition_date and r.partition_date < b.valid_to
