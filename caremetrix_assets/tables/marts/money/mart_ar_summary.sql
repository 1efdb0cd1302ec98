with lines as (
    select
        a.*, case when a.balance_amount > 0 then a.balance_amount else 0 end as open, c.chance,
        row_number() over (
            partition by a.partition_date, a.patient_id order by abs(a.balance_amount) desc, a.claim_line_sk
        ) as place
    from mart_ar_aging as a
    left join chances as c on c.partition_date = a.partition_date and c.aging_bucket = a.aging_bucket
),

patients as (
    select
        partition_date, patient_id, max(case place when 1 then patient_key end) as patient_key,
        max(case place when 1 then location_key end) as location_key, max(case place when 1 then provider_key end) as provider_key,
        max(case place when 1 then patient_type end) as patient_type, max(case place when 1 then source_key end) as source_key,
        sum(balance_amount) as balance, sum(open) as open,
        sum(case responsible_party when 'patient' then open else 0 end) as patient_open,
        sum(case responsible_party when 'patient' then 0 else open end) as payer_open, sum(balance_amount - open) as credit,
        sum(case aging_bucket when '0-30' then open else 0 end) as open_0_30,
        sum(case aging_bucket when '31-60' then open else 0 end) as open_31_60,
        sum(case aging_bucket when '61-90' then open else 0 end) as open_61_90,
        sum(case aging_bucket when '91-120' then open else 0 end) as open_91_120,
        sum(case aging_bucket when '121+' then open else 0 end) as open_121_plus,
        sum(case when aging_bucket in ('91-120', '121+') then open else 0 end) as over_90,
        sum(case when aging_bucket in ('91-120', '121+') and responsible_party = 'patient' then open else 0 end) as patient_over_90,
        min(case when open > 0 then service_date end) as oldest_open_date, sum(open * coalesce(chance, 0)) as expected,
        max(case data_basis when 'simulated' then 1 else 0 end) as simulated
    from lines
    group by partition_date, patient_id
),

last_payments as (
    select r.partition_date, p.patient_id, max(p.entry_date) as entry_date, max(p.simulated) as simulated
    from run_dates as r
    inner join payments as p on p.valid_from <= r.partition_date and r.partition_date < p.valid_to
    group by r.partition_date, p.patient_id
),

statements as (
    select
        patient_id, sent_date, due_date, is_simulated,
        lead(sent_date) over (partition by patient_id order by sent_date, statement_id) as next_date
    from fact_statement
),

joined as (
    select
        p.*, coalesce(c.coverage_class, 'none') as coverage_class,
        date_diff('day', l.entry_date, p.partition_date) as days_since_payment,
        coalesce(p.partition_date >= f.receipts_from, false) as has_receipts,
        case
            when p.partition_date >= (select min(sent_date) from fact_statement)
                then coalesce(p.patient_open > 0 and s.due_date < p.partition_date, false)
        end as is_overdue, p.simulated + coalesce(l.simulated, 0) + case when s.is_simulated then 1 else 0 end as simulated_rows
    from patients as p
    cross join shared_money_feed_start as f
    left join shared_money_coverage as c on c.partition_date = p.partition_date and c.patient_id = p.patient_id
    left join last_payments as l on l.partition_date = p.partition_date and l.patient_id = p.patient_id
    left join statements as s
        on s.patient_id = p.patient_id and s.sent_date <= p.partition_date and (s.next_date is null or s.next_date > p.partition_date)
),

scored as (
    select
        *, case
            when patient_open = 0 then 0
            else
                case when patient_open < 2000 then patient_open * 0.015 else 30 end
                + cast(number_of(patient_over_90 * 30, patient_open) as decimal(18, 6))
                + case when days_since_payment < 90 then 0 else 20 end + case coverage_class when 'none' then 10 else 0 end
                + case when is_overdue then 10 else 0 end
        end as score
    from joined
)

select
    patient_id, patient_key, location_key, provider_key, patient_type, source_key, coverage_class, balance as balance_amount,
    case when has_receipts then open end as open_amount, case when has_receipts then patient_open end as patient_open_amount,
    case when has_receipts then payer_open end as payer_open_amount, credit as credit_amount,
    case when has_receipts then open_0_30 end as open_0_30_amount, case when has_receipts then open_31_60 end as open_31_60_amount,
    case when has_receipts then open_61_90 end as open_61_90_amount, case when has_receipts then open_91_120 end as open_91_120_amount,
    case when has_receipts then open_121_plus end as open_121_plus_amount,
    case when has_receipts then rate_of(over_90, open) end as over_90_share,
    case when has_receipts then patient_over_90 end as patient_over_90_amount, oldest_open_date,
    days_since_payment as days_since_patient_payment, is_overdue as is_statement_overdue,
    case
        when not has_receipts then null
        when patient_open = 0 then 'no_patient_balance'
        when patient_over_90 * 2 >= patient_open then 'high'
        when patient_over_90 * 4 >= patient_open then 'medium'
        else 'low'
    end as aging_risk_band, case when has_receipts then cast(round(score, 0) as integer) end as priority_score,
    case when has_receipts then round(expected, 2) end as expected_collection_amount,
    case when simulated_rows > 0 then 'simulated' else 'derived' end as data_basis, partition_date
from scored
