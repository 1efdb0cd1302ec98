-- Whether treatment plan items are known on each day to build, and whether the simulator made some.
with firsts as (
    select
        min(cast(f.presented_at as date)) as first_date,
        min(cast(f.presented_at as date)) filter (where f.is_simulated) as first_simulated_date
    from fact_treatment_plan_item as f
)

select
    r.partition_date, coalesce(f.first_date <= r.partition_date, false) as is_available,
    coalesce(f.first_simulated_date <= r.partition_date, false) as is_simulated
from run_dates as r
cross join firsts as f
