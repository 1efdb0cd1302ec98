-- Procedures without a charge line, until one is served; and those charged nothing although most lines of the code in the year up to
-- then are charged. In a source without any ledger nothing is charged, and nothing missed.
with code_days as (
    select
        procedure_key, service_date, lead(service_date) over (partition by procedure_key order by service_date) as next_date,
        sum(count(*)) over up_to as lines, sum(sum(case when charge_amount > 0 then 1 else 0 end)) over up_to as charged
    from fact_claim_line
    group by procedure_key, service_date
    window up_to as (partition by procedure_key order by service_date rows between unbounded preceding and current row)
),

done as (
    select
        p.procedure_sk, p.procedure_key, cast(p.started_at as date) as start_date, p.base_cost_amount, p.patient_id, p.location_key,
        p.provider_key, p.patient_type, p.source_key, p.is_simulated, l.service_date, l.charge_amount,
        case when f.first_date > cast(p.started_at as date) then f.first_date else cast(p.started_at as date) end as known_date
    from fact_procedure as p
    cross join (select min(service_date) as first_date from fact_claim_line) as f
    left join fact_claim_line as l on l.claim_id = p.claim_id and l.line_number = p.line_number
    where
        p.base_cost_amount > 0 and cast(p.started_at as date) > (select add_months(min(partition_date), -12) from run_dates)
        and (l.claim_line_sk is null or l.charge_amount = 0 or l.service_date > cast(p.started_at as date))
        and f.first_date is not null
)

select
    procedure_sk, 'no_line' as subtype, start_date, base_cost_amount, known_date as valid_from,
    coalesce(service_date, date '9999-12-31') as valid_to, patient_id, location_key, provider_key, patient_type, source_key, is_simulated
from done
where service_date is null or service_date > start_date
union all
select
    d.procedure_sk, 'zero_charge', d.start_date, d.base_cost_amount,
    case when d.service_date > d.start_date then d.service_date else d.start_date end, date '9999-12-31', d.patient_id, d.location_key,
    d.provider_key, d.patient_type, d.source_key, d.is_simulated
from done as d
inner join code_days as n
    on n.procedure_key = d.procedure_key and n.service_date <= d.start_date and (n.next_date is null or n.next_date > d.start_date)
left join code_days as b
    on b.procedure_key = d.procedure_key and b.service_date <= add_months(d.start_date, -12)
    and (b.next_date is null or b.next_date > add_months(d.start_date, -12))
where d.charge_amount = 0 and 2 * (n.charged - coalesce(b.charged, 0)) > n.lines - coalesce(b.lines, 0)
