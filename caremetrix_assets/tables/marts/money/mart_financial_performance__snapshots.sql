-- What is the same in every period that ends on a day: money taken for services after it, and open balances.
with standing as (
    select
        r.partition_date, l.location_key, l.provider_key, l.patient_type, l.source_key, l.primary_payer_key, l.procedure_key,
        e.payment_amount as unearned, 0 as ar_open, case when e.is_simulated then 1 else 0 end as simulated
    from shared_money_entries as e
    inner join run_dates as r on e.posted_on <= r.partition_date and r.partition_date < e.entry_date
    inner join shared_money_lines as l on l.claim_line_sk = e.claim_line_sk
    union all
    select
        partition_date, location_key, provider_key, patient_type, source_key, primary_payer_key, procedure_key, 0, balance_amount,
        case data_basis when 'simulated' then 1 else 0 end
    from mart_ar_aging
    where balance_amount > 0
)

select
    s.partition_date, s.location_key, s.provider_key, s.patient_type, s.source_key, s.primary_payer_key,
    coalesce(p.procedure_category, 'Unknown') as procedure_category, sum(s.unearned) as unearned, sum(s.ar_open) as ar_open,
    sum(s.simulated) as simulated
from standing as s
left join dim_procedure as p on p.procedure_key = s.procedure_key
group by
    s.partition_date, s.location_key, s.provider_key, s.patient_type, s.source_key, s.primary_payer_key,
    coalesce(p.procedure_category, 'Unknown')
