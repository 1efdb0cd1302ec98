-- How the balance came from the day before to the day, and net production of 90 days, by the keys of the lines.
with moves as (
    select
        r.partition_date, l.location_key, l.provider_key, l.patient_type, l.source_key, b.balance as before, 0 as charge, 0 as payment,
        0 as adjustment, 0 as balance, 0 as net_production, 0 as rows_of_day, case when b.is_simulated then 1 else 0 end as simulated
    from run_dates as r
    inner join shared_money_balances as b
        on b.valid_from <= cast(r.partition_date - interval 1 day as date)
        and cast(r.partition_date - interval 1 day as date) < b.valid_to
    inner join shared_money_lines as l on l.claim_line_sk = b.claim_line_sk
    where b.balance <> 0
    union all
    select
        r.partition_date, l.location_key, l.provider_key, l.patient_type, l.source_key, 0, l.charge_amount, 0, 0, 0, 0, 1,
        case when l.is_simulated then 1 else 0 end
    from run_dates as r
    inner join shared_money_lines as l on l.service_date = r.partition_date
    union all
    select
        r.partition_date, l.location_key, l.provider_key, l.patient_type, l.source_key, 0, 0, e.payment_amount, e.adjustment_amount, 0, 0,
        1, case when e.is_simulated then 1 else 0 end
    from run_dates as r
    inner join shared_money_entries as e on e.entry_date = r.partition_date
    inner join shared_money_lines as l on l.claim_line_sk = e.claim_line_sk
    union all
    select
        partition_date, location_key, provider_key, patient_type, source_key, 0, 0, 0, 0, balance_amount, 0, 0,
        case data_basis when 'simulated' then 1 else 0 end
    from mart_ar_aging
    union all
    -- a key that owed 30 days ago and owes nothing since has a row too, and nothing moved in it
    select partition_date, location_key, provider_key, patient_type, source_key, 0, 0, 0, 0, 0, 0, 0, 0
    from stock
    union all
    select
        r.partition_date, n.location_key, n.provider_key, n.patient_type, n.source_key, 0, 0, 0, 0, 0, n.net_production, 0, n.simulated
    from run_dates as r
    inner join shared_money_net_production as n
        on n.day >= cast(r.partition_date - interval 89 day as date) and n.day <= r.partition_date
    union all
    select
        z.partition_date, -3, -3, 'all', -3, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, 1, 0
    from (
        select r.partition_date, case when r.partition_date >= f.charges_from then 0 end as zero
        from run_dates as r
        cross join shared_money_feed_start as f
    ) as z
),

cells as (
    select
        partition_date, location_key, provider_key, patient_type, source_key, sum(before) as before, sum(charge) as charge,
        sum(payment) as payment, sum(adjustment) as adjustment, sum(balance) as balance, sum(net_production) as net_production,
        sum(rows_of_day) as rows_of_day, sum(simulated) as simulated
    from moves
    group by partition_date, location_key, provider_key, patient_type, source_key
)

select
    c.partition_date, b.breakdown, case b.breakdown when 'location' then c.location_key else -3 end as location_key,
    case b.breakdown when 'provider' then c.provider_key else -3 end as provider_key,
    case b.breakdown when 'patient_type' then c.patient_type else 'all' end as patient_type,
    case b.breakdown when 'acquisition_source' then c.source_key else -3 end as source_key, sum(c.before) as before,
    sum(c.charge) as charge, sum(c.payment) as payment, sum(c.adjustment) as adjustment, sum(c.balance) as balance,
    sum(c.net_production) as net_production, sum(c.rows_of_day) as rows_of_day, sum(c.simulated) as simulated
from cells as c
cross join (values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source')) as b (breakdown)
where b.breakdown = 'total' or c.location_key <> -3
group by 1, 2, 3, 4, 5, 6
