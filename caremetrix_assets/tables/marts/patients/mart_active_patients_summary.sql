-- What the active patients did before each period, to take off from what they did up to its end.
with starts as (
    select p.partition_date, p.period_grain, cast(p.period_start - interval 1 day as date) as day
    from shared_periods as p
),

visits_before as (
    select
        s.partition_date, v.patient_id, coalesce(sum(v.visit_seq) filter (where s.period_grain = 'day'), 0) as day,
        coalesce(sum(v.visit_seq) filter (where s.period_grain = 'month'), 0) as month,
        coalesce(sum(v.visit_seq) filter (where s.period_grain = 'rolling_30d'), 0) as rolling_30d,
        coalesce(sum(v.visit_seq) filter (where s.period_grain = 'rolling_90d'), 0) as rolling_90d,
        coalesce(sum(v.visit_seq) filter (where s.period_grain = 'rolling_12m'), 0) as rolling_12m
    from starts as s
    inner join shared_visits as v on v.visit_date <= s.day and s.day < v.latest_until
    group by s.partition_date, v.patient_id
),

production_before as (
    select
        s.partition_date, p.patient_id, coalesce(sum(p.total) filter (where s.period_grain = 'day'), 0) as day,
        coalesce(sum(p.total) filter (where s.period_grain = 'month'), 0) as month,
        coalesce(sum(p.total) filter (where s.period_grain = 'rolling_30d'), 0) as rolling_30d,
        coalesce(sum(p.total) filter (where s.period_grain = 'rolling_90d'), 0) as rolling_90d,
        coalesce(sum(p.total) filter (where s.period_grain = 'rolling_12m'), 0) as rolling_12m
    from starts as s
    inner join shared_production_running as p on p.service_date <= s.day and s.day < p.until_date
    group by s.partition_date, p.patient_id
),

-- Everyone seen in the last 24 months; who is not active counts in active_24m_patients alone.
people as (
    select
        k.partition_date, k.patient_id, k.location_key, k.provider_key, k.patient_type, k.source_key, k.payer_class,
        coalesce(age_band(age_years(k.birth_date, k.partition_date)), 'Unknown') as age_band, coalesce(k.gender, 'Unknown') as gender,
        age_years(k.birth_date, k.partition_date) as age, k.visit_seq as visits, coalesce(m.lifetime_amount, 0) as production,
        a.patient_id is not null as is_active, a.panel_provider_key, coalesce(a.visits_12m > 0, false) as is_active_12m,
        a.next_booked_date is not null as is_booked, coalesce(a.is_preventive_up_to_date, false) as is_up_to_date,
        coalesce(a.is_insured, false) as is_insured
    from shared_patients_on_day as k
    left join mart_active_patients as a on a.partition_date = k.partition_date and a.patient_id = k.patient_id
    left join shared_production_to_day as m on m.partition_date = k.partition_date and m.patient_id = k.patient_id
    where k.visit_date > add_months(k.partition_date, -24)
),

entries as (
    select
        p.*, case when p.is_active then p.visits - coalesce(v.day, 0) else 0 end as visits_day,
        case when p.is_active then p.visits - coalesce(v.month, 0) else 0 end as visits_month,
        case when p.is_active then p.visits - coalesce(v.rolling_30d, 0) else 0 end as visits_rolling_30d,
        case when p.is_active then p.visits - coalesce(v.rolling_90d, 0) else 0 end as visits_rolling_90d,
        case when p.is_active then p.visits - coalesce(v.rolling_12m, 0) else 0 end as visits_rolling_12m,
        case when p.is_active then p.production - coalesce(b.day, 0) else 0 end as production_day,
        case when p.is_active then p.production - coalesce(b.month, 0) else 0 end as production_month,
        case when p.is_active then p.production - coalesce(b.rolling_30d, 0) else 0 end as production_rolling_30d,
        case when p.is_active then p.production - coalesce(b.rolling_90d, 0) else 0 end as production_rolling_90d,
        case when p.is_active then p.production - coalesce(b.rolling_12m, 0) else 0 end as production_rolling_12m
    from people as p
    left join visits_before as v on v.partition_date = p.partition_date and v.patient_id = p.patient_id
    left join production_before as b on b.partition_date = p.partition_date and b.patient_id = p.patient_id
),

-- Without anybody there is a total row all the same.
anchored as (
    select r.partition_date as day_of_row, e.* from run_dates as r left join entries as e on e.partition_date = r.partition_date
),

summed as (
    select
        e.day_of_row as partition_date, b.breakdown,
        case when b.breakdown in ('location', 'detail') then e.location_key else -3 end as place,
        case
            when b.breakdown in ('provider', 'detail') then e.provider_key when b.breakdown = 'panel_provider' then e.panel_provider_key
            else -3
        end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then e.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then e.source_key else -3 end as source,
        case b.breakdown when 'age_band' then e.age_band else 'all' end as age_band,
        case b.breakdown when 'gender' then e.gender else 'all' end as gender,
        case b.breakdown when 'payer_class' then e.payer_class else 'all' end as payer_class, count(e.patient_id) as active_24m,
        count(*) filter (where e.is_active) as active, count(*) filter (where e.is_active_12m) as active_12m,
        count(*) filter (where e.is_active and e.is_booked) as booked,
        count(*) filter (where e.is_active and e.is_up_to_date) as up_to_date,
        count(*) filter (where e.is_active and e.is_insured) as insured, sum(e.age) filter (where e.is_active) as ages,
        count(e.age) filter (where e.is_active) as aged,
        sum(e.visits_day) as visits_day, sum(e.visits_month) as visits_month, sum(e.visits_rolling_30d) as visits_rolling_30d,
        sum(e.visits_rolling_90d) as visits_rolling_90d, sum(e.visits_rolling_12m) as visits_rolling_12m,
        sum(e.production_day) as production_day, sum(e.production_month) as production_month,
        sum(e.production_rolling_30d) as production_rolling_30d, sum(e.production_rolling_90d) as production_rolling_90d,
        sum(e.production_rolling_12m) as production_rolling_12m
    from anchored as e
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('age_band'), ('gender'),
        ('payer_class'), ('panel_provider')
    ) as b (breakdown)
    where (e.patient_id is not null or b.breakdown = 'total') and (b.breakdown <> 'panel_provider' or e.panel_provider_key is not null)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

figures as (
    select
        s.*, h.period_grain, h.period_start, h.period_end, h.is_period_complete, h.is_warmup,
        coalesce(case h.period_grain
            when 'day' then s.visits_day when 'month' then s.visits_month when 'rolling_30d' then s.visits_rolling_30d
            when 'rolling_90d' then s.visits_rolling_90d else s.visits_rolling_12m
        end, 0) as visits,
        coalesce(case h.period_grain
            when 'day' then s.production_day when 'month' then s.production_month when 'rolling_30d' then s.production_rolling_30d
            when 'rolling_90d' then s.production_rolling_90d else s.production_rolling_12m
        end, 0) as production
    from summed as s
    inner join shared_patient_periods as h on h.partition_date = s.partition_date
)

select
    s.period_grain, s.period_start, s.period_end, s.is_period_complete, s.is_warmup, s.breakdown, s.place as location_key,
    s.clinician as provider_key, s.type as patient_type, s.source as source_key, s.age_band, s.gender, s.payer_class,
    s.active as active_patients,
    s.active_12m as active_12m_patients,
    case when s.breakdown <> 'panel_provider' then s.active_24m end as active_24m_patients,
    case when fb.is_available then s.booked end as booked_patients,
    case when fb.is_available then rate_of(s.booked, s.active) end as booked_rate,
    s.up_to_date as up_to_date_patients,
    rate_of(s.up_to_date, s.active) as up_to_date_rate,
    s.insured as insured_patients,
    rate_of(s.insured, s.active) as insured_share,
    number_of(s.ages, s.aged) as age_years_mean,
    s.visits,
    number_of(s.visits, s.active) as visits_per_patient,
    s.production as production_amount,
    number_of(s.production, s.active) as production_per_patient,
    s.active < 11 as is_small_cell,
    case when fb.is_simulated or (ft.is_simulated and s.source > 0) then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from figures as s
inner join shared_feed_bookings as fb on fb.partition_date = s.partition_date
inner join shared_feed_touches as ft on ft.partition_date = s.partition_date
