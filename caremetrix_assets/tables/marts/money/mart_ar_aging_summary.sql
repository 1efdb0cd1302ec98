with sums as (
    select
        s.partition_date, b.breakdown, case b.breakdown when 'location' then s.location_key else -3 end as location_key,
        case b.breakdown when 'provider' then s.provider_key else -3 end as provider_key,
        case b.breakdown when 'patient_type' then s.patient_type else 'all' end as patient_type,
        case b.breakdown when 'acquisition_source' then s.source_key else -3 end as source_key,
        case b.breakdown when 'payer' then s.responsible_payer_key else -3 end as responsible_payer_key,
        case b.breakdown when 'responsible_party' then s.responsible_party else 'all' end as responsible_party,
        case f.is_all when 1 then 'all' else s.aging_bucket end as aging_bucket, sum(s.lines) as lines,
        count(distinct s.patient_id) as patients, sum(s.balance) as balance,
        sum(case when s.aging_bucket in ('91-120', '121+') then s.balance else 0 end) as over_90, sum(s.opening) as opening,
        sum(s.opening - s.kept) as cured, sum(s.rolled) as rolled, sum(s.simulated) as simulated
    from stock as s
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('payer'), ('responsible_party')
    ) as b (breakdown)
    cross join (values (0), (1)) as f (is_all)
    where f.is_all = 0 or s.aging_bucket <> 'credit'
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

combinations as (
    select partition_date, breakdown, location_key, provider_key, patient_type, source_key, responsible_payer_key, responsible_party
    from sums
    union distinct
    select partition_date, breakdown, location_key, provider_key, patient_type, source_key, -3, 'all'
    from movements
    where rows_of_day > 0
),

filled as (
    select
        c.*, k.bucket as aging_bucket, coalesce(s.lines, 0) as lines, coalesce(s.patients, 0) as patients,
        coalesce(s.balance, 0) as balance, coalesce(s.over_90, 0) as over_90, coalesce(s.opening, 0) as opening,
        coalesce(s.cured, 0) as cured, coalesce(s.rolled, 0) as rolled, coalesce(s.simulated, 0) as simulated,
        coalesce(c.partition_date >= f.receipts_from, false) as has_receipts,
        coalesce(c.partition_date >= f.charges_from, false) as has_charges
    from combinations as c
    cross join (values ('0-30'), ('31-60'), ('61-90'), ('91-120'), ('121+'), ('credit'), ('all')) as k (bucket)
    cross join shared_money_feed_start as f
    left join sums as s
        on s.partition_date = c.partition_date and s.breakdown = c.breakdown and s.location_key = c.location_key
        and s.provider_key = c.provider_key and s.patient_type = c.patient_type and s.source_key = c.source_key
        and s.responsible_payer_key = c.responsible_payer_key and s.responsible_party = c.responsible_party
        and s.aging_bucket = k.bucket
),

framed as (
    select
        f.*,
        f.has_receipts or (f.aging_bucket = 'credit' and f.has_charges) as is_known,
        f.has_receipts and f.aging_bucket <> 'credit' as is_shared,
        max(case when f.aging_bucket = 'all' then f.balance end) over same_keys as frame
    from filled as f
    window same_keys as (
        partition by
            f.partition_date, f.breakdown, f.location_key, f.provider_key, f.patient_type, f.source_key, f.responsible_payer_key,
            f.responsible_party
    )
)

select
    f.breakdown, f.location_key, f.provider_key, f.patient_type, f.source_key, f.responsible_payer_key, f.responsible_party,
    f.aging_bucket, case when f.is_known then f.lines end as lines, case when f.is_known then f.patients end as patients,
    case when f.is_known then f.balance end as open_amount, case when f.has_receipts then f.frame end as frame_open_amount,
    case when f.is_shared then rate_of(f.balance, f.frame) end as bucket_share,
    case when f.has_receipts then f.over_90 end as over_90_amount,
    case when f.is_shared then rate_of(f.over_90, f.frame) end as over_90_share,
    case when f.has_receipts then f.opening end as opening_30d_amount, case when f.has_receipts then f.cured end as cured_30d_amount,
    case when f.has_receipts then rate_of(f.cured, f.opening) end as cure_30d_rate,
    case when f.has_receipts then f.rolled end as rolled_30d_amount,
    case when f.has_receipts then rate_of(f.rolled, f.opening) end as roll_30d_rate, m.before as previous_day_balance_amount,
    m.charge as day_charge_amount, m.payment as day_payment_amount, m.adjustment as day_adjustment_amount, m.balance as balance_amount,
    m.net_production as net_production_90d_amount,
    case when f.has_receipts and m.net_production > 0 then number_of(f.balance * 90, m.net_production) end as ar_days,
    case
        when not f.is_known and m.balance is null then 'not_available'
        when f.simulated + coalesce(m.simulated, 0) > 0 then 'simulated'
        else 'derived'
    end as data_basis, f.partition_date
from framed as f
left join movements as m
    on f.aging_bucket = 'all' and m.partition_date = f.partition_date and m.breakdown = f.breakdown and m.location_key = f.location_key
    and m.provider_key = f.provider_key and m.patient_type = f.patient_type and m.source_key = f.source_key
