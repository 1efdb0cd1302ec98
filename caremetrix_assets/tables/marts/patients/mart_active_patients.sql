with by_provider as (
    select
        k.partition_date, k.patient_id, v.provider_key,
        row_number() over (partition by k.partition_date, k.patient_id order by count(*) desc, max(v.visit_seq) desc) as position
    from shared_patients_on_day as k
    inner join shared_visits as v
        on v.patient_id = k.patient_id and v.visit_date <= k.partition_date and v.visit_date > add_months(k.partition_date, -18)
    where k.is_active
    group by k.partition_date, k.patient_id, v.provider_key
),

reactivations as (
    select distinct r.partition_date, v.patient_id
    from run_dates as r
    inner join shared_visits as v on v.visit_date <= r.partition_date and v.visit_date > add_months(r.partition_date, -12)
    where v.is_reactivated
),

firsts as (
    select v.patient_id, v.visit_date as first_date, age_years(v.visit_date, r.partition_date) as years, r.partition_date
    from run_dates as r
    inner join shared_visits as v on v.visit_date <= r.partition_date
    where v.visit_seq = 1
),

preventive as (
    select h.partition_date, h.patient_id, max(h.days_past_due) <= 0 as is_up_to_date
    from mart_hygiene_retention as h
    group by h.partition_date, h.patient_id
),

coverage as (
    select distinct r.partition_date, b.patient_id
    from run_dates as r
    inner join bridge_patient_coverage as b on b.coverage_start_date <= r.partition_date and r.partition_date < b.coverage_end_date
    where b.is_insured
)

select
    k.patient_id,
    k.patient_key,
    k.location_key,
    k.provider_key,
    k.patient_type,
    k.source_key,
    k.payer_class,
    p.provider_key as panel_provider_key,
    i.patient_id is not null as is_insured,
    age_band(age_years(k.birth_date, k.partition_date)) as age_band,
    k.gender,
    k.visit_date as last_visit_date,
    case when f.years < 1 then 'under 1' when f.years < 3 then '1-2' when f.years < 6 then '3-5' else '6 and more' end as tenure_band,
    f.first_date > add_months(k.partition_date, -12) as is_new_12m,
    x.patient_id is not null as is_reactivated_12m,
    c.visits_12m,
    c.visits_18m,
    coalesce(m.amount_12m, 0) as production_12m_amount,
    n.next_booked_date,
    h.is_up_to_date as is_preventive_up_to_date,
    case when fb.is_simulated or (ft.is_simulated and k.source_key > 0) then 'simulated' else 'derived' end as data_basis,
    k.partition_date
from shared_patients_on_day as k
inner join by_provider as p on p.partition_date = k.partition_date and p.patient_id = k.patient_id and p.position = 1
inner join firsts as f on f.partition_date = k.partition_date and f.patient_id = k.patient_id
inner join shared_visit_counts as c on c.partition_date = k.partition_date and c.patient_id = k.patient_id
inner join shared_feed_bookings as fb on fb.partition_date = k.partition_date
inner join shared_feed_touches as ft on ft.partition_date = k.partition_date
left join reactivations as x on x.partition_date = k.partition_date and x.patient_id = k.patient_id
left join preventive as h on h.partition_date = k.partition_date and h.patient_id = k.patient_id
left join coverage as i on i.partition_date = k.partition_date and i.patient_id = k.patient_id
left join shared_production_to_day as m on m.partition_date = k.partition_date and m.patient_id = k.patient_id
left join shared_next_bookings as n on n.partition_date = k.partition_date and n.patient_id = k.patient_id
where k.is_active
