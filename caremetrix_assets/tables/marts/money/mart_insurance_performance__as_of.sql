-- Every claim of the last 12 months as it stands at the end of each day to build.
with money as (
    select claim_id, service_date as day, charge_amount as billed, 0 as primary_paid, 0 as secondary_paid, 0 as simulated
    from fact_claim_line
    union all
    select
        claim_id, entry_date, 0, case when party = 'primary' then payment_amount else 0 end,
        case when party = 'secondary' then payment_amount else 0 end, case when is_simulated then 1 else 0 end
    from shared_money_entries
    where party <> 'patient'
),

days as (
    select
        m.claim_id, m.day, sum(sum(m.billed)) over up_to as billed, sum(sum(m.primary_paid)) over up_to as primary_paid,
        sum(sum(m.secondary_paid)) over up_to as secondary_paid, sum(sum(m.simulated)) over up_to as simulated,
        lead(m.day) over (partition by m.claim_id order by m.day) as next_day
    from money as m
    inner join claims as c on c.claim_id = m.claim_id
    where m.day <= (select max(partition_date) from run_dates)
    group by m.claim_id, m.day
    window up_to as (partition by m.claim_id order by m.day rows between unbounded preceding and current row)
)

select
    r.partition_date, c.submitted_date, c.location_key, c.provider_key, c.patient_type, c.source_key, c.payer_key, c.claim_type,
    coalesce(d.billed, 0) as billed, coalesce(d.primary_paid, 0) as primary_paid, coalesce(d.secondary_paid, 0) as secondary_paid,
    s.claim_state, s.is_decided, s.is_first_denied, s.is_ever_denied, s.is_ever_rejected,
    coalesce(s.is_ever_denied or s.is_ever_rejected or s.is_resubmitted, false) as is_touched,
    case when s.claim_id is not null then date_diff('day', c.submitted_date, f.entry_date) end as days_to_payment,
    c.is_simulated or coalesce(s.is_simulated, false) or coalesce(d.simulated, 0) > 0 as is_simulated
from run_dates as r
inner join claims as c
    on c.submitted_date > add_months(r.partition_date, -12) and c.submitted_date <= r.partition_date and c.service_date <= r.partition_date
left join days as d on d.claim_id = c.claim_id and d.day <= r.partition_date and (d.next_day is null or d.next_day > r.partition_date)
left join shared_money_claim_states as s
    on s.claim_id = c.claim_id and s.payer_rank = 'primary' and s.valid_from <= r.partition_date and r.partition_date < s.valid_to
left join first_payments as f on f.claim_id = c.claim_id and f.valid_from <= r.partition_date and r.partition_date < f.valid_to
