-- Whether contacts that won patients are known on each day to build, and whether the simulator made some.
with firsts as (
    select min(c.known_date) as first_date, min(c.known_date) filter (where c.is_simulated) as first_simulated_date
    from shared_contacts as c
)

select
    r.partition_date, coalesce(f.first_date <= r.partition_date, false) as is_available,
    coalesce(f.first_simulated_date <= r.partition_date, false) as is_simulated
from run_dates as r
cross join firsts as f
