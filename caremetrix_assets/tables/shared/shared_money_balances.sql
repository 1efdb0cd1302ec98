-- The money of a charge line between two days on which something moved, [valid_from, valid_to): paid by whom, written off, balance,
-- since when the balance is below zero, and whether the simulator moved any of it.
with moves as (
    select
        claim_line_sk, service_date as day, charge_amount as charge, 0 as primary_paid, 0 as secondary_paid, 0 as patient_paid,
        0 as adjustment, case when is_simulated then 1 else 0 end as simulated
    from fact_claim_line
    where service_date <= (select max(partition_date) from run_dates)
    union all
    select
        claim_line_sk, entry_date, 0, case when party = 'primary' then payment_amount else 0 end,
        case when party = 'secondary' then payment_amount else 0 end, case when party = 'patient' then payment_amount else 0 end,
        adjustment_amount, case when is_simulated then 1 else 0 end
    from shared_money_entries
    where entry_date <= (select max(partition_date) from run_dates)
),

-- Most lines of a plain ledger are settled on their day: they are done with one sum.
lines as (
    select
        claim_line_sk, min(day) as first_day, max(day) as last_day, sum(charge) as charge, sum(primary_paid) as primary_paid,
        sum(secondary_paid) as secondary_paid, sum(patient_paid) as patient_paid, sum(adjustment) as adjustment,
        sum(simulated) as simulated
    from moves
    group by claim_line_sk
),

days as (
    select
        m.claim_line_sk, m.day, sum(m.charge) as charge, sum(m.primary_paid) as primary_paid, sum(m.secondary_paid) as secondary_paid,
        sum(m.patient_paid) as patient_paid, sum(m.adjustment) as adjustment, sum(m.simulated) as simulated
    from moves as m
    inner join (select l.claim_line_sk from lines as l where l.first_day < l.last_day) as s on s.claim_line_sk = m.claim_line_sk
    group by m.claim_line_sk, m.day
),

running as (
    select
        d.claim_line_sk, d.day, sum(d.charge) over up_to as charge, sum(d.primary_paid) over up_to as primary_paid,
        sum(d.secondary_paid) over up_to as secondary_paid, sum(d.patient_paid) over up_to as patient_paid,
        sum(d.adjustment) over up_to as adjustment, sum(d.simulated) over up_to as simulated,
        lead(d.day) over (partition by d.claim_line_sk order by d.day) as next_day
    from days as d
    window up_to as (partition by d.claim_line_sk order by d.day rows between unbounded preceding and current row)
    union all
    select
        claim_line_sk, first_day, charge, primary_paid, secondary_paid, patient_paid, adjustment, simulated, cast(null as date)
    from lines
    where first_day = last_day
),

balanced as (
    select *, charge - primary_paid - secondary_paid - patient_paid + adjustment as balance from running
),

credits as (
    select
        claim_line_sk, day,
        max(case when before is null or before >= 0 then day end) over (
            partition by claim_line_sk order by day rows between unbounded preceding and current row
        ) as negative_since
    from (
        select claim_line_sk, day, balance, lag(balance) over (partition by claim_line_sk order by day) as before
        from balanced
        where claim_line_sk in (select n.claim_line_sk from balanced as n where n.balance < 0)
    ) as b
    where balance < 0
)

select
    b.claim_line_sk, b.day as valid_from, coalesce(b.next_day, date '9999-12-31') as valid_to, b.charge, b.primary_paid, b.secondary_paid,
    b.patient_paid, b.adjustment, b.balance, c.negative_since, b.simulated > 0 as is_simulated
from balanced as b
left join credits as c on c.claim_line_sk = b.claim_line_sk and c.day = b.day
