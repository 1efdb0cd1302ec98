-- Whether an insurer is done with a claim, and since when, between two days on which that may change, [valid_from, valid_to). Only for
-- claims with a balance on a day at which receivables are aged.
with claims as (
    select distinct l.claim_id
    from shared_money_balances as b
    inner join shared_money_as_of as d on b.valid_from <= d.as_of_date and d.as_of_date < b.valid_to
    inner join fact_claim_line as l on l.claim_line_sk = b.claim_line_sk
    where b.balance <> 0
),

payments as (
    select e.claim_id, e.party, e.entry_date, e.undone_date, e.is_undoing, sum(e.payment_amount) as amount
    from shared_money_entries as e
    inner join claims as c on c.claim_id = e.claim_id
    where e.entry_type = 'payment' and e.party <> 'patient' and e.entry_date <= (select max(partition_date) from run_dates)
    group by e.claim_id, e.party, e.entry_date, e.undone_date, e.is_undoing
),

states as (
    select s.* from shared_money_claim_states as s inner join claims as c on c.claim_id = s.claim_id
),

moments as (
    select claim_id, payer_rank as party, valid_from as day, 0 as amount from states
    union all
    select claim_id, party, entry_date, amount from payments
),

days as (
    select
        claim_id, party, day, sum(sum(amount)) over (
            partition by claim_id, party order by day rows between unbounded preceding and current row
        ) as paid,
        lead(day) over (partition by claim_id, party order by day) as next_day
    from moments
    group by claim_id, party, day
),

-- the newest payment that is not taken back by then
standing as (
    select d.claim_id, d.party, d.day, max(p.entry_date) as last_payment_date
    from days as d
    inner join payments as p on p.claim_id = d.claim_id and p.party = d.party and p.entry_date <= d.day
    where not p.is_undoing and (p.undone_date is null or p.undone_date > d.day)
    group by d.claim_id, d.party, d.day
)

select
    d.claim_id, d.party, d.day as valid_from, coalesce(d.next_day, date '9999-12-31') as valid_to,
    case
        when s.claim_id is null then t.last_payment_date is not null
        else s.last_event = 'closed' or (s.is_adjudicated and d.paid >= s.promised)
    end as is_settled,
    case
        when t.last_payment_date is null or s.settling_date > t.last_payment_date then s.settling_date
        else t.last_payment_date
    end as settled_date
from days as d
left join states as s on s.claim_id = d.claim_id and s.payer_rank = d.party and s.valid_from <= d.day and d.day < s.valid_to
left join standing as t on t.claim_id = d.claim_id and t.party = d.party and t.day = d.day
