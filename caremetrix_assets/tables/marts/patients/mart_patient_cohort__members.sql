-- Patients won in the 60 months up to the last complete month, with every month since then: alive, seen, lapsed for the first time.
-- Everything stops with the end of the last complete month, so it is worked out once per month, not per day.
with months as (
    select distinct
        case
            when r.partition_date = last_day(r.partition_date) then r.partition_date
            else cast(date_trunc('month', r.partition_date) - interval 1 day as date)
        end as last_date
    from run_dates as r
),

ages as (
    select cast(tens.n * 10 + ones.n as integer) as months_since
    from (values (0), (1), (2), (3), (4), (5)) as tens (n)
    cross join (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as ones (n)
),

first_lapses as (
    select v.patient_id, min(v.lapse_date) as lapsed_on
    from shared_visits as v
    where (v.next_date is null or v.next_date > v.lapse_date) and (v.death_date is null or v.death_date >= v.lapse_date)
    group by v.patient_id
),

won as (
    select
        m.last_date, v.patient_id, cast(date_trunc('month', v.visit_date) as date) as cohort_month, v.location_key, v.provider_key,
        coalesce(s.source_key, -1) as source_key, coalesce(age_band(age_years(v.birth_date, v.visit_date)), 'Unknown') as age_band,
        v.payer_class, v.next_date, coalesce(v.death_date, date '9999-12-31') as death_date,
        coalesce(l.lapsed_on, date '9999-12-31') as lapsed_on
    from months as m
    inner join shared_visits as v
        on v.visit_seq = 1 and v.visit_date <= m.last_date
        and v.visit_date >= add_months(cast(date_trunc('month', m.last_date) as date), -59)
    left join first_lapses as l on l.patient_id = v.patient_id
    left join shared_patient_sources as s
        on s.patient_id = v.patient_id and s.valid_from <= m.last_date and m.last_date < s.valid_to
),

grid as (
    select
        w.*, a.months_since, add_months(w.cohort_month, a.months_since) as month_start,
        last_day(add_months(w.cohort_month, a.months_since)) as month_end
    from won as w
    inner join ages as a on add_months(w.cohort_month, a.months_since) <= w.last_date
),

monthly_visits as (
    select
        v.patient_id, cast(date_trunc('month', v.visit_date) as date) as month_start, count(*) as visits,
        max(v.visit_date) as last_visit_date
    from shared_visits as v
    group by v.patient_id, cast(date_trunc('month', v.visit_date) as date)
),

monthly_production as (
    select p.patient_id, cast(date_trunc('month', p.service_date) as date) as month_start, sum(p.amount) as production
    from shared_production_days as p
    group by p.patient_id, cast(date_trunc('month', p.service_date) as date)
)

select
    g.last_date, g.cohort_month, g.months_since, g.patient_id, g.location_key, g.provider_key, g.source_key, g.age_band, g.payer_class,
    g.death_date > g.month_end as is_alive, v.visits is not null as is_seen, coalesce(g.next_date <= g.month_end, false) as is_returned,
    g.months_since = 0 or (g.death_date >= g.month_start and g.lapsed_on >= g.month_start) as may_lapse,
    g.lapsed_on >= g.month_start and g.lapsed_on <= g.month_end as is_lapsing,
    max(v.last_visit_date) over (partition by g.last_date, g.patient_id order by g.months_since rows unbounded preceding)
    > add_months(g.month_end, -12) as is_seen_in_year,
    coalesce(v.visits, 0) as visits, coalesce(p.production, 0) as production
from grid as g
left join monthly_visits as v on v.patient_id = g.patient_id and v.month_start = g.month_start
left join monthly_production as p on p.patient_id = g.patient_id and p.month_start = g.month_start
