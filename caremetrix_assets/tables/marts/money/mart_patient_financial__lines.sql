-- Lines served in the 12 months up to the day: what the patient paid for them, and whether in parts.
with pay_days as (
    select claim_line_sk, entry_date, undone_date
    from shared_money_entries
    where entry_type = 'payment' and party = 'patient' and not is_undoing
    group by claim_line_sk, entry_date, undone_date
),

-- only lines that were ever paid on two days can be instalments on some day
parts as (
    select r.partition_date, d.claim_line_sk, count(distinct d.entry_date) as days
    from (select claim_line_sk from pay_days group by claim_line_sk having count(distinct entry_date) > 1) as m
    inner join pay_days as d on d.claim_line_sk = m.claim_line_sk
    inner join run_dates as r on d.entry_date <= r.partition_date and (d.undone_date is null or d.undone_date > r.partition_date)
    group by r.partition_date, d.claim_line_sk
),

lines as (
    select
        r.partition_date, l.patient_id, l.claim_line_sk, b.balance, b.patient_paid, a.responsible_party,
        coalesce(i.days, 0) > 1 as in_parts,
        case when b.is_simulated then 1 else 0 end as simulated
    from run_dates as r
    inner join shared_money_balances as b on b.valid_from <= r.partition_date and r.partition_date < b.valid_to
    inner join shared_money_lines as l
        on l.claim_line_sk = b.claim_line_sk and l.service_date > add_months(r.partition_date, -12) and l.service_date <= r.partition_date
    left join mart_ar_aging as a on a.partition_date = r.partition_date and a.claim_line_sk = l.claim_line_sk
    left join parts as i on i.partition_date = r.partition_date and i.claim_line_sk = l.claim_line_sk
)

select
    partition_date, patient_id,
    sum(case
        when responsible_party = 'patient' and balance < 0 and patient_paid + balance <= 0 then 0
        when responsible_party = 'patient' and balance < 0 then patient_paid + balance
        when patient_paid > 0 then patient_paid
        else 0
    end) as applied,
    sum(case when responsible_party = 'patient' and balance > 0 then balance else 0 end) as patient_open,
    sum(case when in_parts then 1 else 0 end) as instalments, sum(case when in_parts and balance <= 0 then 1 else 0 end) as closed,
    sum(simulated) as simulated
from lines
group by partition_date, patient_id
