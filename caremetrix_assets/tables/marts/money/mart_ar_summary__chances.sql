-- What part of the balance of an age group is paid within 90 days: of all lines open 90 days before, or a rule of thumb for few lines.
with lines as (
    select r.partition_date, b.claim_line_sk, k.aging_bucket, b.balance
    from run_dates as r
    inner join shared_money_balances as b
        on b.valid_from <= cast(r.partition_date - interval 90 day as date)
        and cast(r.partition_date - interval 90 day as date) < b.valid_to
    inner join fact_claim_line as l on l.claim_line_sk = b.claim_line_sk
    inner join shared_money_buckets as k
        on date_diff('day', l.service_date, cast(r.partition_date - interval 90 day as date)) >= k.first_days
        and date_diff('day', l.service_date, cast(r.partition_date - interval 90 day as date)) <= k.last_days
    where b.balance > 0
),

paid as (
    select n.partition_date, n.claim_line_sk, sum(e.payment_amount) as paid
    from lines as n
    inner join shared_money_entries as e on e.claim_line_sk = n.claim_line_sk
    where
        e.entry_type = 'payment' and e.entry_date > cast(n.partition_date - interval 90 day as date)
        and e.entry_date <= n.partition_date
    group by n.partition_date, n.claim_line_sk
),

sums as (
    select
        n.partition_date, n.aging_bucket, count(*) as lines, sum(n.balance) as balance,
        sum(case when coalesce(p.paid, 0) <= 0 then 0 when p.paid < n.balance then p.paid else n.balance end) as collected
    from lines as n
    left join paid as p on p.partition_date = n.partition_date and p.claim_line_sk = n.claim_line_sk
    group by n.partition_date, n.aging_bucket
)

select
    r.partition_date, k.aging_bucket,
    case
        when s.lines >= 20 then rate_of(s.collected, s.balance)
        when k.aging_bucket = '0-30' then 0.95
        when k.aging_bucket = '31-60' then 0.85
        when k.aging_bucket = '61-90' then 0.70
        when k.aging_bucket = '91-120' then 0.50
        else 0.25
    end as chance
from run_dates as r
cross join shared_money_buckets as k
left join sums as s on s.partition_date = r.partition_date and s.aging_bucket = k.aging_bucket
