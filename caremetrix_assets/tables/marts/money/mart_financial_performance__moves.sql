-- Everything that counts in a period, by the day it belongs to (event_date) and the day from which it is known (known_date).
with production as (
    select n.* from shared_money_net_production as n where n.day >= (select min(year_start) from shared_periods)
),

entries as (
    select e.*, l.service_date, l.location_key, l.provider_key, l.patient_type, l.source_key, l.primary_payer_key, l.procedure_key
    from shared_money_entries as e
    inner join shared_money_lines as l on l.claim_line_sk = e.claim_line_sk
    where e.entry_date >= (select min(year_start) from shared_periods)
),

balances as (
    select
        b.valid_from, b.valid_to, l.service_date, l.location_key, l.provider_key, l.patient_type, l.source_key, l.primary_payer_key,
        l.procedure_key
    from shared_money_balances as b
    inner join shared_money_lines as l on l.claim_line_sk = b.claim_line_sk
    where b.balance <= 0 and l.service_date >= (select min(year_start) from shared_periods)
),

procedures as (
    select
        cast(p.started_at as date) as start_date, l.*, p.gross_fee_amount, p.standard_fee_amount * p.quantity as standard,
        case when p.is_simulated then 1 else 0 end as simulated
    from fact_procedure as p
    inner join shared_money_lines as l on l.claim_id = p.claim_id and l.line_number = p.line_number
    where
        l.charge_amount > 0 and p.standard_fee_amount > 0
        and cast(p.started_at as date) >= (select min(year_start) from shared_periods)
),

moves as (
    select
        day as event_date, day as known_date, location_key, provider_key, patient_type, source_key, primary_payer_key, procedure_key, lines,
        gross, contractual, courtesy, net_production, 0 as bad_debt, 0 as payer_paid, 0 as patient_paid, 0 as refund, 0 as posted,
        gross as matched_charge, 0 as matched_paid, 0 as closed, 0 as priced, 0 as standard, simulated,
        simulated as simulated_production
    from production
    union all
    select
        entry_date, entry_date, location_key, provider_key, patient_type, source_key, primary_payer_key, procedure_key, 0, 0, 0, 0, 0,
        case entry_type when 'bad_debt' then adjustment_amount else 0 end,
        case when entry_type = 'payment' and party <> 'patient' then payment_amount else 0 end,
        case when entry_type = 'payment' and party = 'patient' then payment_amount else 0 end,
        case when entry_type in ('refund', 'takeback') then payment_amount else 0 end, 0, 0, 0, 0, 0, 0,
        case when is_simulated then 1 else 0 end, 0
    from entries
    union all
    select
        posted_on, posted_on, location_key, provider_key, patient_type, source_key, primary_payer_key, procedure_key, 0, 0, 0, 0, 0, 0, 0,
        0, 0, payment_amount, 0, 0, 0, 0, 0, case when is_simulated then 1 else 0 end, 0
    from entries
    where payment_amount <> 0
    union all
    select
        service_date, entry_date, location_key, provider_key, patient_type, source_key, primary_payer_key, procedure_key, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, case when entry_type in ('contractual', 'courtesy') then adjustment_amount else 0 end, payment_amount, 0, 0, 0,
        case when is_simulated then 1 else 0 end, 0
    from entries
    union all
    select
        b.service_date, case s.sign when 1 then b.valid_from else b.valid_to end, b.location_key, b.provider_key, b.patient_type,
        b.source_key, b.primary_payer_key, b.procedure_key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, s.sign, 0, 0, 0, 0
    from balances as b
    cross join (values (1), (-1)) as s (sign)
    union all
    select
        start_date, case when start_date < service_date then service_date else start_date end, location_key, provider_key, patient_type,
        source_key, primary_payer_key, procedure_key, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, gross_fee_amount, standard, simulated, 0
    from procedures
)

select
    m.event_date, m.known_date, m.location_key, m.provider_key, m.patient_type, m.source_key, m.primary_payer_key,
    coalesce(p.procedure_category, 'Unknown') as procedure_category, sum(m.lines) as lines, sum(m.gross) as gross,
    sum(m.contractual) as contractual, sum(m.courtesy) as courtesy, sum(m.net_production) as net_production, sum(m.bad_debt) as bad_debt,
    sum(m.payer_paid) as payer_paid, sum(m.patient_paid) as patient_paid, sum(m.refund) as refund, sum(m.posted) as posted,
    sum(m.matched_charge) as matched_charge, sum(m.matched_paid) as matched_paid, sum(m.closed) as closed, sum(m.priced) as priced,
    sum(m.standard) as standard, sum(m.simulated) as simulated, sum(m.simulated_production) as simulated_production
from moves as m
left join dim_procedure as p on p.procedure_key = m.procedure_key
where m.known_date <= (select max(partition_date) from run_dates)
group by
    m.event_date, m.known_date, m.location_key, m.provider_key, m.patient_type, m.source_key, m.primary_payer_key,
    coalesce(p.procedure_category, 'Unknown')
