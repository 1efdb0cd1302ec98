with classed as (
    select c.*, case when c.primary_payer_key = -3 then 'all' else coalesce(p.payer_class, 'Unknown') end as payer_class
    from cells as c
    left join dim_payer as p
        on p.member_key = c.primary_payer_key and p.valid_from <= c.partition_date and c.partition_date < p.valid_to
),

sums as (
    select
        c.partition_date, c.period_grain, b.breakdown,
        case when b.breakdown in ('location', 'detail') then c.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail') then c.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then c.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then c.source_key else -3 end as source_key,
        case b.breakdown when 'procedure_category' then c.procedure_category else 'all' end as procedure_category,
        case b.breakdown when 'payer_class' then c.payer_class else 'all' end as payer_class,
        sum(c.lines) as lines, sum(c.gross) as gross, sum(c.contractual) as contractual, sum(c.courtesy) as courtesy,
        sum(c.bad_debt) as bad_debt, sum(c.net_production) as net_production, sum(c.payer_paid) as payer_paid,
        sum(c.patient_paid) as patient_paid, sum(c.refund) as refund, sum(c.payer_paid + c.patient_paid + c.refund) as net_collection,
        sum(c.posted) as posted, sum(c.unearned) as unearned, sum(c.matched_charge) as matched_charge,
        sum(c.matched_paid) as matched_paid, sum(c.closed) as closed, sum(c.ar_open) as ar_open,
        sum(c.net_production_90d) as net_production_90d, sum(c.priced) as priced, sum(c.standard) as standard,
        sum(c.prior_gross) as prior_gross, sum(c.year_gross) as year_gross, sum(c.simulated) as simulated
    from classed as c
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('procedure_category'),
        ('payer_class')
    ) as b (breakdown)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

marked as (
    select s.*, coalesce(s.partition_date >= f.receipts_from, false) as has_receipts
    from sums as s cross join shared_money_feed_start as f
)

select
    s.period_grain, p.period_start, s.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, s.breakdown, s.location_key, s.provider_key, s.patient_type, s.source_key,
    s.procedure_category, s.payer_class, s.lines, s.gross as gross_production_amount, s.contractual as contractual_amount,
    s.courtesy as courtesy_amount, s.bad_debt as bad_debt_amount, s.net_production as net_production_amount,
    s.payer_paid as payer_collection_amount, s.patient_paid as patient_collection_amount, s.refund as refund_amount,
    s.net_collection as net_collection_amount,
    case when s.period_grain in ('rolling_90d', 'rolling_12m') then rate_of(s.net_collection, s.net_production) end as net_collection_rate,
    case when s.has_receipts then s.posted end as posted_collection_amount,
    case when s.has_receipts then s.unearned end as unearned_amount, s.matched_charge as matched_net_charge_amount,
    s.matched_paid as matched_paid_amount, rate_of(s.matched_paid, s.matched_charge) as matched_collection_rate,
    s.closed as closed_lines, rate_of(s.closed, s.lines) as closed_share, case when s.has_receipts then s.ar_open end as ar_open_amount,
    s.net_production_90d as net_production_90d_amount,
    case when s.has_receipts and s.net_production_90d > 0 then number_of(s.ar_open * 90, s.net_production_90d) end as ar_days,
    s.priced as priced_gross_amount, s.standard as standard_amount, rate_of(s.priced - s.standard, s.standard) as fee_variance_rate,
    s.prior_gross as prior_period_gross_amount, rate_of(s.gross - s.prior_gross, s.prior_gross) as prior_period_change_rate,
    s.year_gross as prior_year_gross_amount, rate_of(s.gross - s.year_gross, s.year_gross) as prior_year_change_rate,
    case when s.lines is null then 'not_available' when s.simulated > 0 then 'simulated' else 'derived' end as data_basis, s.partition_date
from marked as s
inner join shared_periods as p on p.partition_date = s.partition_date and p.period_grain = s.period_grain
left join dim_date as d on d.date_day = p.period_start
where
    s.breakdown = 'total' or s.lines <> 0 or s.gross <> 0 or s.contractual <> 0 or s.courtesy <> 0 or s.bad_debt <> 0
    or s.net_production <> 0 or s.payer_paid <> 0 or s.patient_paid <> 0 or s.refund <> 0 or s.net_collection <> 0
    or (s.has_receipts and (s.posted <> 0 or s.unearned <> 0 or s.ar_open <> 0)) or s.matched_charge <> 0 or s.matched_paid <> 0
    or s.closed <> 0 or s.net_production_90d <> 0 or s.priced <> 0 or s.standard <> 0 or s.prior_gross <> 0 or s.year_gross <> 0
