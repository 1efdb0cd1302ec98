with joined as (
    select
        m.partition_date, m.patient_id, m.patient_key, c.location_key, c.provider_key, c.patient_type, c.source_key, c.coverage_class,
        c.uninsured_days, m.opening, m.charge, m.payer, m.patient, m.refund, m.adjustment, m.closing, m.base, c.patient_open, c.payer_open,
        c.credit, c.over_90, coalesce(l.applied, 0) as applied, coalesce(l.applied + l.patient_open, 0) as due,
        coalesce(l.instalments, 0) as instalments, coalesce(l.closed, 0) as closed, c.due as statements_due, c.on_time, c.has_statements,
        c.patient_open > 0 and c.has_collections as in_collections,
        case
            when m.closing <= 0 and m.base <= 0 then 'none'
            when m.base <= 0 then 'new'
            when m.closing > m.base * 1.1 then 'rising'
            when m.closing < m.base * 0.9 then 'falling'
            else 'flat'
        end as balance_trend, coalesce(m.partition_date >= f.receipts_from, false) as has_receipts,
        m.simulated + c.simulated + coalesce(l.simulated, 0) as simulated
    from movements as m
    inner join context as c on c.partition_date = m.partition_date and c.patient_id = m.patient_id
    left join lines as l on l.partition_date = m.partition_date and l.patient_id = m.patient_id
    cross join shared_money_feed_start as f
),

scored as (
    select
        *, cast(round(
            coalesce(cast(number_of(over_90 * 30, patient_open) as decimal(18, 6)), 0)
            + coalesce(cast(number_of((statements_due - on_time) * 25, statements_due) as decimal(18, 6)), 0)
            + case when patient_open < 2000 then patient_open * 0.01 else 20 end + case balance_trend when 'rising' then 10 else 0 end
            + case when coverage_class = 'none' then 10 when uninsured_days > 0 then 5 else 0 end
            + case when in_collections then 5 else 0 end, 0
        ) as integer) as score
    from joined
)

select
    patient_id, patient_key, location_key, provider_key, patient_type, source_key, coverage_class, uninsured_days as uninsured_days_12m,
    opening as opening_balance_amount, charge as charge_amount, payer as payer_payment_amount, patient as patient_payment_amount,
    refund as refund_amount, adjustment as adjustment_amount, closing as closing_balance_amount,
    case when has_receipts then patient_open end as patient_open_amount, case when has_receipts then payer_open end as payer_open_amount,
    credit as credit_amount, case when has_receipts then over_90 end as patient_over_90_amount, base as balance_3m_ago_amount,
    balance_trend, case when has_receipts then due end as patient_due_12m_amount,
    case when has_receipts then applied end as patient_applied_12m_amount,
    case when has_receipts then rate_of(applied, due) end as patient_pay_rate,
    case when has_receipts then instalments end as instalment_lines_12m,
    case when has_receipts then closed end as instalment_closed_lines_12m,
    case when has_receipts then rate_of(closed, instalments) end as instalment_closed_rate,
    case when has_statements then statements_due end as statements_due_12m,
    case when has_statements then on_time end as statements_on_time_12m,
    case when has_statements then rate_of(on_time, statements_due) end as on_time_rate,
    case when has_statements then in_collections end as is_in_collections, case when has_receipts then score end as risk_score,
    case
        when not has_receipts then null
        when patient_open = 0 then 'no_balance'
        when score >= 60 then 'high'
        when score >= 35 then 'medium'
        else 'low'
    end as risk_band, case when simulated > 0 then 'simulated' else 'derived' end as data_basis, partition_date
from scored
