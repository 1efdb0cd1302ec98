-- Sums of a period by the full keys: its own, the gross of the two periods it is compared with, the 90 days before its end.
with windows as (
    select partition_date, period_grain, 'now' as part, period_start as first_day, partition_date as last_day from shared_periods
    union all
    select partition_date, period_grain, 'prior', prior_start, prior_end from shared_periods
    union all
    select partition_date, period_grain, 'year', year_start, year_end from shared_periods
    union all
    select partition_date, period_grain, 'quarter', cast(partition_date - interval 89 day as date), partition_date from shared_periods
),

sums as (
    select
        w.partition_date, w.period_grain, w.part, m.location_key, m.provider_key, m.patient_type, m.source_key, m.primary_payer_key,
        m.procedure_category, sum(m.lines) as lines, sum(m.gross) as gross, sum(m.contractual) as contractual, sum(m.courtesy) as courtesy,
        sum(m.net_production) as net_production, sum(m.bad_debt) as bad_debt, sum(m.payer_paid) as payer_paid,
        sum(m.patient_paid) as patient_paid, sum(m.refund) as refund, sum(m.posted) as posted, sum(m.matched_charge) as matched_charge,
        sum(m.matched_paid) as matched_paid, sum(m.closed) as closed, sum(m.priced) as priced, sum(m.standard) as standard,
        sum(m.simulated) as simulated, sum(m.simulated_production) as simulated_production
    from windows as w
    inner join moves as m on m.event_date >= w.first_day and m.event_date <= w.last_day and m.known_date <= w.partition_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
)

select
    partition_date, period_grain, location_key, provider_key, patient_type, source_key, primary_payer_key, procedure_category,
    case part when 'now' then lines else 0 end as lines, case part when 'now' then gross else 0 end as gross,
    case part when 'now' then contractual else 0 end as contractual, case part when 'now' then courtesy else 0 end as courtesy,
    case part when 'now' then bad_debt else 0 end as bad_debt, case part when 'now' then net_production else 0 end as net_production,
    case part when 'now' then payer_paid else 0 end as payer_paid, case part when 'now' then patient_paid else 0 end as patient_paid,
    case part when 'now' then refund else 0 end as refund, case part when 'now' then posted else 0 end as posted, 0 as unearned,
    case part when 'now' then matched_charge else 0 end as matched_charge,
    case part when 'now' then matched_paid else 0 end as matched_paid, case part when 'now' then closed else 0 end as closed, 0 as ar_open,
    case part when 'quarter' then net_production else 0 end as net_production_90d,
    case part when 'now' then priced else 0 end as priced, case part when 'now' then standard else 0 end as standard,
    case part when 'prior' then gross else 0 end as prior_gross, case part when 'year' then gross else 0 end as year_gross,
    -- of the other periods only production is looked at
    case part when 'now' then simulated else simulated_production end as simulated
from sums
union all
select
    s.partition_date, p.period_grain, s.location_key, s.provider_key, s.patient_type, s.source_key, s.primary_payer_key,
    s.procedure_category, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, s.unearned, 0, 0, 0, s.ar_open, 0, 0, 0, 0, 0, s.simulated
from snapshots as s
inner join shared_periods as p on p.partition_date = s.partition_date
union all
select
    z.partition_date, z.period_grain, -3, -3, 'all', -3, -3, 'all', z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero,
    z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, 0
from shared_money_zero as z
