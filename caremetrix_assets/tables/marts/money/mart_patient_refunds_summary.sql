with spread as (
    select
        c.*, b.breakdown, case when b.breakdown in ('location', 'detail') then c.location_key else -3 end as location,
        case when b.breakdown in ('provider', 'detail') then c.provider_key else -3 end as provider,
        case when b.breakdown in ('patient_type', 'detail') then c.patient_type else 'all' end as standing,
        case when b.breakdown in ('acquisition_source', 'detail') then c.source_key else -3 end as source,
        case b.breakdown when 'refund_type' then c.refund_type else 'all' end as type,
        case b.breakdown when 'recipient' then c.recipient else 'all' end as party
    from counted as c
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('refund_type'),
        ('recipient')
    ) as b (breakdown)
    where c.refund_type is not null or b.breakdown not in ('detail', 'refund_type')
),

sums as (
    select
        partition_date, period_grain, breakdown, location, provider, standing, source, type, party, sum(refunds) as refunds,
        sum(refund) as refund, sum(payments) as payments, sum(collected) as collected, sum(credits) as credits, sum(credit) as credit,
        sum(overdue) as overdue, sum(simulated) as simulated
    from (
        select
            partition_date, period_grain, breakdown, location, provider, standing, source, type, party, refunds, refund, payments,
            collected, credits, credit, overdue, simulated
        from spread
        union all
        select
            z.partition_date, z.period_grain, 'total', -3, -3, 'all', -3, 'all', 'all', z.zero, z.zero, z.zero, z.zero, z.zero, z.zero,
            z.zero, 0
        from shared_money_zero as z
    ) as u
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

ranked as (
    select
        partition_date, period_grain, breakdown, location, provider, standing, source, type, party, days,
        sum(sum(refunds)) over (
            partition by partition_date, period_grain, breakdown, location, provider, standing, source, type, party
            order by days rows between unbounded preceding and current row
        ) as up_to,
        sum(sum(refunds)) over (
            partition by partition_date, period_grain, breakdown, location, provider, standing, source, type, party
        ) as whole
    from spread
    where days is not null
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),

medians as (
    select
        partition_date, period_grain, breakdown, location, provider, standing, source, type, party,
        min(case when up_to * 2 >= whole then days end) as p50
    from ranked
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

-- A reason has no payments of its own: it is set against all of them.
paid as (
    select
        *, case
            when breakdown = 'detail' then null
            when breakdown <> 'refund_type' then payments
            else max(case breakdown when 'total' then payments end) over (partition by partition_date, period_grain)
        end as all_payments,
        case
            when breakdown = 'detail' then null
            when breakdown <> 'refund_type' then collected
            else max(case breakdown when 'total' then collected end) over (partition by partition_date, period_grain)
        end as all_collected
    from sums
)

select
    s.period_grain, p.period_start, s.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, s.breakdown, s.location as location_key, s.provider as provider_key,
    s.standing as patient_type, s.source as source_key, s.type as refund_type, s.party as recipient,
    case when s.partition_date >= f.receipts_from then s.refunds end as refunds,
    case when s.partition_date >= f.receipts_from then s.refund end as refund_amount, s.all_payments as payments,
    s.all_collected as gross_collection_amount,
    case when s.partition_date >= f.receipts_from then rate_of(s.refunds, s.all_payments) end as refund_count_rate,
    case when s.partition_date >= f.receipts_from then rate_of(s.refund, s.all_collected) end as refund_amount_rate,
    case when s.partition_date >= f.receipts_from then number_of(m.p50, 1) end as days_payment_to_refund_p50, s.credits as open_credits,
    s.credit as open_credit_amount, s.overdue as overdue_credit_amount,
    case when s.credits is null then 'not_available' when s.simulated > 0 then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from paid as s
cross join shared_money_feed_start as f
inner join shared_periods as p on p.partition_date = s.partition_date and p.period_grain = s.period_grain
left join medians as m
    on m.partition_date = s.partition_date and m.period_grain = s.period_grain and m.breakdown = s.breakdown and m.location = s.location
    and m.provider = s.provider and m.standing = s.standing and m.source = s.source and m.type = s.type and m.party = s.party
left join dim_date as d on d.date_day = p.period_start
where s.breakdown = 'total' or s.refunds <> 0 or s.refund <> 0 or s.payments <> 0 or s.collected <> 0 or s.credits <> 0
