with cells as (
    select
        m.last_date, m.cohort_month, m.months_since, b.breakdown,
        case b.breakdown when 'location' then m.location_key else -3 end as location_key,
        case b.breakdown when 'provider' then m.provider_key else -3 end as provider_key,
        case b.breakdown when 'acquisition_source' then m.source_key else -3 end as source_key,
        case b.breakdown when 'age_band' then m.age_band else 'all' end as age_band,
        case b.breakdown when 'payer_class' then m.payer_class else 'all' end as payer_class, count(*) as patients,
        count(*) filter (where m.is_alive) as alive, count(*) filter (where m.is_seen) as seen,
        count(*) filter (where m.is_alive and m.is_seen_in_year) as retained, count(*) filter (where m.is_returned) as returned,
        count(*) filter (where m.may_lapse) as may_lapse, count(*) filter (where m.may_lapse and m.is_lapsing) as lapsed,
        sum(m.visits) as visits, sum(m.production) as production
    from members as m
    cross join (
        values ('total'), ('location'), ('provider'), ('acquisition_source'), ('age_band'), ('payer_class')
    ) as b (breakdown)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

-- A product of survival factors is the exponential of the sum of their logarithms; decimals keep it the same in every run.
cumulated as (
    select
        c.*, sum(c.visits) over so_far as all_visits, sum(c.production) over so_far as all_production,
        max(case when c.lapsed = c.may_lapse and c.lapsed > 0 then 1 else 0 end) over so_far as is_extinct,
        sum(
            case
                when c.lapsed > 0 and c.lapsed < c.may_lapse
                    then cast(ln(cast(c.may_lapse - c.lapsed as double) / c.may_lapse) as decimal(28, 18))
                else 0
            end
        ) over so_far as log_survival
    from cells as c
    window so_far as (
        partition by c.last_date, c.cohort_month, c.breakdown, c.location_key, c.provider_key, c.source_key, c.age_band, c.payer_class
        order by c.months_since rows unbounded preceding
    )
)

select
    c.cohort_month,
    c.months_since,
    c.breakdown,
    c.location_key,
    c.provider_key,
    c.source_key,
    c.age_band,
    c.payer_class,
    c.patients as cohort_patients,
    c.alive as at_risk_patients,
    c.seen as active_in_month_patients,
    rate_of(c.seen, c.patients) as active_in_month_rate,
    c.retained as retained_12m_patients,
    rate_of(c.retained, c.alive) as retained_12m_rate,
    c.returned as returned_patients,
    c.may_lapse as lapse_at_risk_patients,
    c.lapsed as first_lapsed_patients,
    case
        when c.is_extinct = 1 then 0
        else cast(round(cast(round(exp(cast(c.log_survival as double)), 12) as decimal(18, 12)), 6) as double)
    end as survival_estimate,
    c.all_visits as cumulative_visits,
    c.all_production as cumulative_production_amount,
    number_of(c.all_production, c.patients) as cumulative_production_per_patient,
    c.patients < 11 as is_small_cell,
    case when ft.is_simulated and c.source_key > 0 then 'simulated' else 'derived' end as data_basis,
    ft.partition_date
from shared_feed_touches as ft
inner join cumulated as c
    on c.last_date = case
        when ft.partition_date = last_day(ft.partition_date) then ft.partition_date
        else cast(date_trunc('month', ft.partition_date) - interval 1 day as date)
    end
