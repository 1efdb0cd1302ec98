with acquired as (
    select r.partition_date, v.*, date_diff('day', v.visit_date, r.partition_date) as follow_up_days
    from run_dates as r
    inner join shared_visits as v on v.visit_seq = 1 and v.visit_date <= r.partition_date
),

-- Windows of follow-up end with the day of the snapshot at the latest.
visits as (
    select
        a.partition_date, a.patient_id, count(*) filter (where v.visit_date <= a.visit_date + interval 30 day) as visits_30d,
        count(*) filter (where v.visit_date <= a.visit_date + interval 90 day) as visits_90d,
        count(*) filter (where v.visit_date <= a.visit_date + interval 180 day) as visits_180d, count(*) as visits_365d
    from acquired as a
    inner join shared_visits as v
        on v.patient_id = a.patient_id and v.visit_date <= a.partition_date and v.visit_date <= a.visit_date + interval 365 day
    group by a.partition_date, a.patient_id
),

production as (
    select
        a.partition_date, a.patient_id, sum(p.amount) as amount_365d,
        sum(p.amount) filter (where p.service_date <= a.visit_date + interval 90 day) as amount_90d
    from acquired as a
    inner join shared_production_days as p
        on p.patient_id = a.patient_id and p.service_date >= a.visit_date and p.service_date <= a.partition_date
        and p.service_date <= a.visit_date + interval 365 day
    group by a.partition_date, a.patient_id
),

bookings as (
    select a.partition_date, a.patient_id, min(b.booked_date) as first_booked_date
    from acquired as a
    inner join shared_known_bookings as b
        on b.patient_id = a.patient_id and b.booked_date <= a.visit_date
        and b.known_from <= a.partition_date and a.partition_date < b.known_to
    group by a.partition_date, a.patient_id
),

no_shows as (
    select f.patient_id, count(*) as no_shows
    from fact_appointment as f
    inner join shared_visits as v
        on v.patient_id = f.patient_id and v.visit_seq = 1 and cast(f.scheduled_start_at as date) <= v.visit_date
    where f.outcome = 'no_show'
    group by f.patient_id
),

contacts as (
    select t.patient_id, t.valid_from, t.valid_to, min(t.touched_date) as first_contact_date
    from shared_touches as t
    group by t.patient_id, t.valid_from, t.valid_to
)

select
    a.patient_id,
    a.patient_key,
    a.visit_date as acquisition_date,
    a.fact_appointment_sk,
    a.location_key,
    a.provider_key,
    coalesce(s.source_key, -1) as source_key,
    a.payer_class,
    age_band(age_years(a.birth_date, a.visit_date)) as age_band,
    a.gender,
    c.first_contact_date,
    b.first_booked_date,
    date_diff('day', b.first_booked_date, a.visit_date) as lead_time_days,
    case when fb.is_available then coalesce(n.no_shows, 0) end as no_shows_before_first_visit,
    a.follow_up_days,
    v.visits_30d,
    v.visits_90d,
    v.visits_180d,
    v.visits_365d,
    coalesce(m.amount_90d, 0) as production_90d_amount,
    coalesce(m.amount_365d, 0) as production_365d_amount,
    case when a.next_date <= a.partition_date then date_diff('day', a.visit_date, a.next_date) end as days_to_second_visit,
    case when ft.is_simulated or fb.is_simulated then 'simulated' else 'derived' end as data_basis,
    a.partition_date
from acquired as a
inner join visits as v on v.partition_date = a.partition_date and v.patient_id = a.patient_id
inner join shared_feed_touches as ft on ft.partition_date = a.partition_date
inner join shared_feed_bookings as fb on fb.partition_date = a.partition_date
left join production as m on m.partition_date = a.partition_date and m.patient_id = a.patient_id
left join bookings as b on b.partition_date = a.partition_date and b.patient_id = a.patient_id
left join no_shows as n on n.patient_id = a.patient_id
left join contacts as c on c.patient_id = a.patient_id and c.valid_from <= a.partition_date and a.partition_date < c.valid_to
left join shared_patient_sources as s on s.patient_id = a.patient_id and s.valid_from <= a.partition_date and a.partition_date < s.valid_to
