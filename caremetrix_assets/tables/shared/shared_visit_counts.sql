-- Visits of a patient up to each day to build, and in the months before it: the number of the latest visit less that of the one before
-- the window.
with counted as (
    select
        r.partition_date, v.patient_id, max(v.visit_seq) filter (where m.months = 0) as visits,
        coalesce(max(v.visit_seq) filter (where m.months = 12), 0) as before_12m,
        coalesce(max(v.visit_seq) filter (where m.months = 18), 0) as before_18m,
        coalesce(max(v.visit_seq) filter (where m.months = 24), 0) as before_24m
    from run_dates as r
    cross join (values (0), (12), (18), (24)) as m (months)
    inner join shared_visits as v
        on v.visit_date <= add_months(r.partition_date, -m.months) and add_months(r.partition_date, -m.months) < v.latest_until
    group by r.partition_date, v.patient_id
)

select
    c.partition_date, c.patient_id, c.visits, c.visits - c.before_12m as visits_12m, c.visits - c.before_18m as visits_18m,
    c.before_12m - c.before_24m as visits_prior_12m
from counted as c
