-- One detail row stands in each breakdown with its own keys there.
with placed as (
    select
        t.partition_date, t.period_grain, t.measure_key, b.breakdown,
        case when b.breakdown in ('location', 'detail') then t.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then t.provider_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then t.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then t.source_key else -3 end as source, t.patient_id,
        t.population_items, t.excluded_items, t.denominator_items, t.numerator_items, t.required_fields, t.filled_fields, t.data_basis
    from mart_quality_metrics_detail as t
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail')
    ) as b (breakdown)
),
sums as (
    select
        partition_date, period_grain, measure_key, breakdown, place, clinician, type, source, sum(population_items) as population,
        sum(excluded_items) as excluded, sum(denominator_items) as denominator, sum(numerator_items) as numerator,
        count(distinct case when denominator_items > 0 then patient_id end) as patients, sum(required_fields) as required,
        sum(filled_fields) as filled, bool_or(data_basis = 'simulated') as is_simulated
    from placed
    group by partition_date, period_grain, measure_key, breakdown, place, clinician, type, source
),
-- Every measure has its total row, also where nothing counts or nothing is known.
complete as (
    select
        m.partition_date, p.period_grain, m.measure_key, b.breakdown, b.place, b.clinician, b.type, b.source,
        case when m.is_available then coalesce(s.population, 0) end as population,
        case when m.is_available then coalesce(s.excluded, 0) end as excluded,
        case when m.is_available then coalesce(s.denominator, 0) end as denominator,
        case when m.is_available then coalesce(s.numerator, 0) end as numerator,
        case when m.is_available then coalesce(s.patients, 0) end as patients,
        case when m.is_available and m.domain = 'documentation' then coalesce(s.required, 0) end as required,
        case when m.is_available and m.domain = 'documentation' then coalesce(s.filled, 0) end as filled,
        case when not m.is_available then 'not_available' when s.is_simulated then 'simulated' else 'derived' end as data_basis
    from shared_ops_measures as m
    inner join shared_periods as p
        on p.partition_date = m.partition_date and (m.measure_basis = 'event' or p.period_grain = 'rolling_12m')
    cross join (values ('total', -3, -3, 'all', -3)) as b (breakdown, place, clinician, type, source)
    left join sums as s
        on s.partition_date = m.partition_date and s.period_grain = p.period_grain and s.measure_key = m.measure_key
        and s.breakdown = 'total'
    union all
    select
        partition_date, period_grain, measure_key, breakdown, place, clinician, type, source, population, excluded, denominator, numerator,
        patients, required, filled, case when is_simulated then 'simulated' else 'derived' end
    from sums
    where breakdown <> 'total'
),
judged as (
    select
        c.*, m.measure_id, m.domain, m.measure_basis, m.target_rate, m.is_higher_better, case
            when c.denominator is null or c.denominator = 0 then null
            when m.is_higher_better and ceil(m.target_rate * c.denominator) > c.numerator
                then ceil(m.target_rate * c.denominator) - c.numerator
            when not m.is_higher_better and c.numerator > floor(m.target_rate * c.denominator)
                then c.numerator - floor(m.target_rate * c.denominator)
            else 0
        end as to_target
    from complete as c
    inner join shared_ops_measures as m on m.partition_date = c.partition_date and m.measure_key = c.measure_key
)
select
    j.period_grain, p.period_start, j.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, j.breakdown, j.place as location_key, j.clinician as provider_key,
    j.type as patient_type, j.source as source_key, j.measure_key, j.measure_id, j.domain, j.measure_basis,
    j.population as population_items, j.excluded as excluded_items, j.denominator as denominator_items, j.numerator as numerator_items,
    rate_of(j.numerator, j.denominator) as measure_rate, j.target_rate, j.is_higher_better, j.to_target as items_to_target,
    j.to_target = 0 as is_target_met, j.patients, j.required as required_fields, j.filled as filled_fields,
    rate_of(j.filled, j.required) as field_completeness_rate, coalesce(j.patients, 0) < 11 as is_small_cell, j.data_basis, j.partition_date
from judged as j
inner join shared_periods as p on p.partition_date = j.partition_date and p.period_grain = j.period_grain
left join dim_date as d on d.date_day = p.period_start
