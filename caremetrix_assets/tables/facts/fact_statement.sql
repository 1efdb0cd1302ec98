with visits as (
    select
        patient_id, location_key, cast(started_at as date) as visit_date,
        lead(cast(started_at as date)) over (partition by patient_id order by visit_seq) as next_date
    from fact_appointment
    where visit_seq is not null
),

-- A reversed entry is taken back on its day.
movements as (
    select patient_id, moved_on, sum(amount) as amount
    from (
        select patient_id, posted_date as moved_on, payment_amount as amount from fact_payment where party = 'patient'
        union all
        select patient_id, reversed_date, -payment_amount from fact_payment where party = 'patient' and reversed_date is not null
    ) as m
    cross join run_settings as s
    where m.moved_on <= s.newest_date
    group by patient_id, moved_on
),

paid as (
    select t.statement_id, sum(m.amount) as paid
    from raw_statements as t
    inner join movements as m
        on m.patient_id = t.patient_id and m.moved_on >= t.sent_date and m.moved_on <= cast(t.sent_date + interval 30 day as date)
    group by t.statement_id
)

select
    md5('statement|' || t.statement_id) as statement_sk,
    t.statement_id,
    date_key(t.sent_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(v.location_key, -1) as location_key,
    t.patient_id,
    t.sent_date,
    t.due_date,
    t.amount_due as amount_due_amount,
    t.channel,
    t.statement_type,
    case
        when coalesce(p.paid, 0) <= 0 then 0
        when p.paid > t.amount_due then t.amount_due
        else p.paid
    end as paid_within_30d_amount,
    coalesce(p.paid, 0) >= t.amount_due as is_paid_in_full_30d,
    t.is_simulated,
    t.drop_id,
    t.sent_date as partition_date
from raw_statements as t
left join paid as p on p.statement_id = t.statement_id
left join visits as v
    on v.patient_id = t.patient_id and v.visit_date <= t.sent_date and t.sent_date < coalesce(v.next_date, date '9999-12-31')
left join dim_patient as pt on pt.patient_id = t.patient_id and pt.valid_from <= t.sent_date and t.sent_date < pt.valid_to
