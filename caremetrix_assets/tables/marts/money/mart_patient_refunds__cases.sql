-- What was given back in the 12 months up to a day and still stands, and what is owed back on it.
with refunds as (
    select
        r.partition_date, 'refunded' as case_status, e.payment_sk, e.claim_line_sk, e.claim_id, e.party as recipient, e.entry_type,
        e.original_receipt_id, e.entry_date as refund_date, e.entry_date as last_date, -e.payment_amount as refund, 0 as credit,
        e.is_simulated
    from run_dates as r
    inner join shared_money_entries as e on e.entry_date > add_months(r.partition_date, -12) and e.entry_date <= r.partition_date
    where e.entry_type in ('refund', 'takeback') and not e.is_undoing and (e.undone_date is null or e.undone_date > r.partition_date)
),

same_day as (
    select claim_line_sk, entry_date, sum(payment_amount) as given_back
    from shared_money_entries
    where entry_type in ('refund', 'takeback')
    group by claim_line_sk, entry_date
),

-- The balance as it would have been without the refunds of the day, and whether it was below zero the day before already.
credits as (
    select
        f.partition_date, f.payment_sk, case when p.negative_since is not null then p.negative_since else f.refund_date end as since
    from refunds as f
    inner join same_day as s on s.claim_line_sk = f.claim_line_sk and s.entry_date = f.refund_date
    inner join shared_money_balances as b
        on b.claim_line_sk = f.claim_line_sk and b.valid_from <= f.refund_date and f.refund_date < b.valid_to
    left join shared_money_balances as p
        on p.claim_line_sk = f.claim_line_sk and p.valid_from < f.refund_date and f.refund_date <= p.valid_to
    where b.balance + s.given_back < 0
)

select
    f.partition_date, f.case_status, f.payment_sk, f.claim_line_sk, f.claim_id, f.recipient, f.entry_type, f.original_receipt_id,
    f.refund_date, f.last_date, f.refund, f.credit, c.since, f.is_simulated
from refunds as f
left join credits as c on c.partition_date = f.partition_date and c.payment_sk = f.payment_sk
union all
select
    partition_date, 'open_credit', null, claim_line_sk, claim_id, responsible_party, null, null, null, partition_date, 0, -balance_amount,
    responsible_since_date, data_basis = 'simulated'
from mart_ar_aging
where balance_amount < 0
