-- Balances of a patient at three days, and what moved since the first of the month.
with patients as (
    select patient_id, max(patient_key) as patient_key, min(service_date) as first_date from shared_money_lines group by patient_id
),

looks as (
    select partition_date, 'closing' as moment, partition_date as day from run_dates
    union all
    select partition_date, 'opening', cast(date_trunc('month', partition_date) - interval 1 day as date) from run_dates
    union all
    select partition_date, 'base', add_months(partition_date, -3) from run_dates
),

entries as (
    select
        e.entry_date as day, l.patient_id,
        case when e.entry_type = 'payment' and e.party <> 'patient' then e.payment_amount else 0 end as payer,
        case when e.entry_type = 'payment' and e.party = 'patient' then e.payment_amount else 0 end as patient,
        case when e.entry_type in ('refund', 'takeback') then e.payment_amount else 0 end as refund, e.adjustment_amount,
        case when e.is_simulated then 1 else 0 end as simulated
    from shared_money_entries as e
    inner join shared_money_lines as l on l.claim_line_sk = e.claim_line_sk
),

parts as (
    select
        k.partition_date, l.patient_id, case k.moment when 'opening' then b.balance else 0 end as opening,
        case k.moment when 'base' then b.balance else 0 end as base, case k.moment when 'closing' then b.balance else 0 end as closing,
        0 as charge, 0 as payer, 0 as patient, 0 as refund, 0 as adjustment, case when b.is_simulated then 1 else 0 end as simulated
    from looks as k
    inner join shared_money_balances as b on b.valid_from <= k.day and k.day < b.valid_to
    inner join shared_money_lines as l on l.claim_line_sk = b.claim_line_sk
    where b.balance <> 0
    union all
    select
        r.partition_date, l.patient_id, 0, 0, 0, l.charge_amount, 0, 0, 0, 0, case when l.is_simulated then 1 else 0 end
    from run_dates as r
    inner join shared_money_lines as l
        on l.service_date >= cast(date_trunc('month', r.partition_date) as date) and l.service_date <= r.partition_date
    union all
    select r.partition_date, e.patient_id, 0, 0, 0, 0, e.payer, e.patient, e.refund, e.adjustment_amount, e.simulated
    from run_dates as r
    inner join entries as e on e.day >= cast(date_trunc('month', r.partition_date) as date) and e.day <= r.partition_date
    union all
    select r.partition_date, p.patient_id, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from run_dates as r
    inner join patients as p on p.first_date <= r.partition_date
)

select
    m.partition_date, m.patient_id, p.patient_key, sum(m.opening) as opening, sum(m.base) as base, sum(m.closing) as closing,
    sum(m.charge) as charge, sum(m.payer) as payer, sum(m.patient) as patient, sum(m.refund) as refund, sum(m.adjustment) as adjustment,
    sum(m.simulated) as simulated
from parts as m
inner join patients as p on p.patient_id = m.patient_id
group by m.partition_date, m.patient_id, p.patient_key
