-- Refunds, payments and credits by day and full keys. Payments have no reason: their refund_type is null.
with refunds as (
    select
        partition_date, refund_date as day, location_key, provider_key, patient_type, source_key, refund_type, recipient,
        case when case_status = 'refunded' and match_status <> 'unmatched' then days_payment_to_refund end as days,
        case case_status when 'refunded' then 1 else 0 end as refunds, refund_amount as refund,
        case case_status when 'open_credit' then 1 else 0 end as credits, open_credit_amount as credit,
        case when is_overdue then open_credit_amount else 0 end as overdue,
        case data_basis when 'simulated' then 1 else 0 end as simulated
    from mart_patient_refunds
),

payments as (
    select
        e.entry_date as day, coalesce(e.undone_date, date '9999-12-31') as stands_until, l.location_key, l.provider_key, l.patient_type,
        l.source_key, e.party, count(*) as payments, sum(e.payment_amount) as collected,
        sum(case when e.is_simulated then 1 else 0 end) as simulated
    from shared_money_entries as e
    inner join shared_money_lines as l on l.claim_line_sk = e.claim_line_sk
    where
        e.entry_type = 'payment' and not e.is_undoing and e.entry_date >= (select min(period_start) from shared_periods)
    group by
        e.entry_date, coalesce(e.undone_date, date '9999-12-31'), l.location_key, l.provider_key, l.patient_type, l.source_key, e.party
)

select
    p.partition_date, p.period_grain, r.location_key, r.provider_key, r.patient_type, r.source_key, r.refund_type, r.recipient, r.days,
    sum(r.refunds) as refunds, sum(r.refund) as refund, 0 as payments, 0 as collected, sum(r.credits) as credits, sum(r.credit) as credit,
    sum(r.overdue) as overdue, sum(r.simulated) as simulated
from shared_periods as p
inner join refunds as r on r.partition_date = p.partition_date and (r.credits = 1 or r.day >= p.period_start)
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
union all
select
    p.partition_date, p.period_grain, y.location_key, y.provider_key, y.patient_type, y.source_key, null, y.party, null, 0, 0,
    sum(y.payments), sum(y.collected), 0, 0, 0, sum(y.simulated)
from shared_periods as p
inner join payments as y on y.day >= p.period_start and y.day <= p.partition_date and y.stands_until > p.partition_date
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
