-- Living patients seen before on the day before each period and on its last day, active or not, under their keys on that day.
with days as (
    select p.partition_date, p.period_grain, 'opening' as kind, cast(p.period_start - interval 1 day as date) as day
    from shared_periods as p
    union all
    select p.partition_date, p.period_grain, 'closing', p.period_end
    from shared_periods as p
),

keyed as (
    select
        d.partition_date, d.day, v.patient_id, v.location_key, v.provider_key, v.patient_type, v.payer_class,
        d.day < v.active_until as is_active
    from (select distinct d.partition_date, d.day from days as d) as d
    inner join shared_visits as v
        on v.visit_date <= d.day and d.day < v.latest_until
    where v.death_date is null or d.day < v.death_date
),

counted as (
    select
        k.partition_date, k.day, k.location_key, k.provider_key, k.patient_type, k.payer_class, coalesce(s.source_key, -1) as source_key,
        count(*) filter (where k.is_active) as active, count(*) filter (where not k.is_active) as inactive
    from keyed as k
    left join shared_patient_sources as s
        on s.patient_id = k.patient_id and s.valid_from <= k.partition_date and k.partition_date < s.valid_to
    group by 1, 2, 3, 4, 5, 6, 7
)

select
    d.partition_date, d.period_grain, d.kind, c.location_key, c.provider_key, c.patient_type, c.payer_class, c.source_key, c.active,
    c.inactive
from days as d
inner join counted as c on c.partition_date = d.partition_date and c.day = d.day
