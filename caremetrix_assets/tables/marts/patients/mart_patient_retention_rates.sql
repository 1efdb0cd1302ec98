with windows as (
    select
        r.partition_date, n.months, add_months(r.partition_date, -n.months) as base_end,
        add_months(r.partition_date, -2 * n.months) as base_start
    from run_dates as r
    cross join (values (6), (12), (18), (24)) as n (months)
),

-- Patients by their latest visit in the earlier half of the window; they stayed when the visit after it lies in the later half.
base as (
    select
        w.partition_date, w.months, v.patient_id, v.location_key, v.provider_key, v.patient_type, v.birth_date,
        v.death_date <= w.partition_date as is_dead, coalesce(v.next_date <= w.partition_date, false) as is_retained,
        0 as followed, 0 as returned
    from windows as w
    inner join shared_visits as v on v.visit_date > w.base_start and v.visit_date <= w.base_end and w.base_end < v.latest_until
),

-- Visits of the earlier half, and those followed by one on a later day within as many months.
followed as (
    select
        w.partition_date, w.months, v.patient_id, v.location_key, v.provider_key, v.patient_type, v.birth_date,
        count(*) as followed, count(*) filter (where v.next_day <= add_months(v.visit_date, w.months)) as returned
    from windows as w
    inner join shared_visits as v on v.visit_date > w.base_start and v.visit_date <= w.base_end
    where v.death_date is null or v.death_date > w.partition_date
    group by 1, 2, 3, 4, 5, 6, 7
),

counted as (
    select
        b.partition_date, b.months, b.patient_id, b.location_key, b.provider_key, b.patient_type, b.birth_date,
        cast(not coalesce(b.is_dead, false) as integer) as base,
        cast(b.is_retained and not coalesce(b.is_dead, false) as integer) as retained,
        cast(coalesce(b.is_dead, false) as integer) as deceased, 0 as followed, 0 as returned
    from base as b
    union all
    select
        f.partition_date, f.months, f.patient_id, f.location_key, f.provider_key, f.patient_type, f.birth_date, 0, 0, 0, f.followed,
        f.returned
    from followed as f
),

entries as (
    select
        c.partition_date, c.months, c.location_key, c.provider_key, c.patient_type, coalesce(s.source_key, -1) as source_key,
        coalesce(age_band(age_years(c.birth_date, c.partition_date)), 'Unknown') as age_band, sum(c.base) as base,
        sum(c.retained) as retained,
        sum(c.deceased) as deceased, sum(c.followed) as followed, sum(c.returned) as returned
    from counted as c
    left join shared_patient_sources as s
        on s.patient_id = c.patient_id and s.valid_from <= c.partition_date and c.partition_date < s.valid_to
    group by 1, 2, 3, 4, 5, 6, 7
    union all
    select w.partition_date, w.months, -1, -1, 'new', -1, '', 0, 0, 0, 0, 0
    from windows as w
),

summed as (
    select
        e.partition_date, e.months, b.breakdown, case when b.breakdown in ('location', 'detail') then e.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then e.provider_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then e.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then e.source_key else -3 end as source,
        case b.breakdown when 'age_band' then e.age_band else 'all' end as age_band,
        sum(e.base) as base, sum(e.retained) as retained, sum(e.deceased) as deceased, sum(e.followed) as followed,
        sum(e.returned) as returned
    from entries as e
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('age_band')
    ) as b (breakdown)
    where e.base + e.deceased + e.followed > 0 or b.breakdown = 'total'
    group by 1, 2, 3, 4, 5, 6, 7, 8
),

history as (
    select max(d.date_day) as before_history from dim_date as d where d.is_before_history
)

select
    'day' as period_grain,
    s.partition_date as period_start,
    s.partition_date as period_end,
    true as is_period_complete,
    coalesce(add_months(s.partition_date, -2 * s.months) <= h.before_history, false) as is_warmup,
    s.breakdown,
    s.place as location_key,
    s.clinician as provider_key,
    s.type as patient_type,
    s.source as source_key,
    cast(s.months as integer) as window_months,
    s.age_band,
    s.base as base_patients,
    s.retained as retained_patients,
    rate_of(s.retained, s.base) as retention_rate,
    rate_of(s.base - s.retained, s.base) as churn_rate,
    s.deceased as deceased_excluded_patients,
    s.followed as followed_visits,
    s.returned as returned_visits,
    rate_of(s.returned, s.followed) as visit_return_rate,
    s.base < 11 as is_small_cell,
    case when ft.is_simulated and s.source > 0 then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from summed as s
cross join history as h
inner join shared_feed_touches as ft on ft.partition_date = s.partition_date
