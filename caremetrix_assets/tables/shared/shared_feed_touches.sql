-- Whether contacts that won patients are known on each day to build, and whether the simulator made some.
with touches as (
    select greatest(cast(b.touched_at as date), cast(coalesce(b.entered_at, b.touched_at) as date)) as known_date, b.is_simulated
    from bridge_patient_source as b
),

firsts as (
    select min(t.known_date) as first_date, min(t.known_date) filter (where t.is_simulated) as first_simulated_date
    from touches as t
)

select
    r.partition_date, coalesce(f.first_date <= r.partition_date, false) as is_available,
    coalesce(f.first_simulated_date <= r.partition_date, false) as is_simulated
from run_dates as r
cross join firsts as f
