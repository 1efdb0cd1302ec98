-- What else is known of a patient on a day: keys of the latest visit, days without insurance, statements, open balances.
with visits as (
    select
        a.patient_id, a.location_key, coalesce(p.member_key, -1) as provider_key, a.patient_type, a.source_key,
        cast(a.started_at as date) as visit_date,
        lead(cast(a.started_at as date)) over (partition by a.patient_id order by a.visit_seq) as next_date
    from fact_appointment as a
    left join dim_provider as p on p.provider_key = a.provider_key
    where a.visit_seq is not null
),

insured as (
    select
        r.partition_date, b.patient_id,
        sum(date_diff(
            'day',
            case
                when b.coverage_start_date > add_months(r.partition_date, -12) then b.coverage_start_date
                else cast(add_months(r.partition_date, -12) + interval 1 day as date)
            end,
            case
                when b.coverage_end_date <= r.partition_date then b.coverage_end_date
                else cast(r.partition_date + interval 1 day as date)
            end
        )) as days
    from run_dates as r
    inner join bridge_patient_coverage as b
        on b.coverage_start_date <= r.partition_date and b.coverage_end_date > add_months(r.partition_date, -12)
    where b.is_insured and b.coverage_start_date < b.coverage_end_date
        and b.coverage_end_date > cast(add_months(r.partition_date, -12) + interval 1 day as date)
    group by r.partition_date, b.patient_id
),

statements as (
    select
        r.partition_date, s.patient_id,
        sum(case
            when s.statement_type = 'first' and cast(s.sent_date + interval 30 day as date) <= r.partition_date then 1 else 0
        end) as due,
        sum(case
            when s.statement_type = 'first' and cast(s.sent_date + interval 30 day as date) <= r.partition_date and s.is_paid_in_full_30d
                then 1
            else 0
        end) as on_time,
        max(case
            when s.statement_type = 'collections' and s.sent_date > add_months(r.partition_date, -12) then 1 else 0
        end) as collections, max(case when s.is_simulated then 1 else 0 end) as simulated
    from run_dates as r
    inner join fact_statement as s
        on s.sent_date <= r.partition_date and cast(s.sent_date + interval 30 day as date) > add_months(r.partition_date, -12)
    group by r.partition_date, s.patient_id
),

open as (
    select
        partition_date, patient_id,
        sum(case when responsible_party = 'patient' and balance_amount > 0 then balance_amount else 0 end) as patient,
        sum(case when responsible_party <> 'patient' and balance_amount > 0 then balance_amount else 0 end) as payer,
        sum(case when balance_amount < 0 then balance_amount else 0 end) as credit,
        sum(case
            when responsible_party = 'patient' and aging_bucket in ('91-120', '121+') then balance_amount else 0
        end) as over_90, max(case data_basis when 'simulated' then 1 else 0 end) as simulated
    from mart_ar_aging
    group by partition_date, patient_id
)

select
    m.partition_date, m.patient_id, coalesce(v.location_key, -1) as location_key, coalesce(v.provider_key, -1) as provider_key,
    coalesce(v.patient_type, 'prospect') as patient_type, coalesce(v.source_key, -1) as source_key,
    coalesce(c.coverage_class, 'none') as coverage_class,
    date_diff('day', add_months(m.partition_date, -12), m.partition_date) - coalesce(i.days, 0) as uninsured_days,
    coalesce(s.due, 0) as due, coalesce(s.on_time, 0) as on_time, coalesce(s.collections, 0) = 1 as has_collections,
    coalesce(m.partition_date >= (select min(f.sent_date) from fact_statement as f), false) as has_statements,
    coalesce(o.patient, 0) as patient_open, coalesce(o.payer, 0) as payer_open, coalesce(o.credit, 0) as credit,
    coalesce(o.over_90, 0) as over_90, coalesce(o.simulated, 0) + coalesce(s.simulated, 0) as simulated
from movements as m
left join visits as v
    on v.patient_id = m.patient_id and v.visit_date <= m.partition_date and (v.next_date is null or v.next_date > m.partition_date)
left join shared_money_coverage as c on c.partition_date = m.partition_date and c.patient_id = m.patient_id
left join insured as i on i.partition_date = m.partition_date and i.patient_id = m.patient_id
left join statements as s on s.partition_date = m.partition_date and s.patient_id = m.patient_id
left join open as o on o.partition_date = m.partition_date and o.patient_id = m.patient_id
