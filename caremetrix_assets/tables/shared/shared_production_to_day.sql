-- What was charged for a patient up to each day to build, and in the 12 months up to it.
select
    r.partition_date, t.patient_id, coalesce(sum(t.total) filter (where m.months = 0), 0) as lifetime_amount,
    coalesce(sum(t.total) filter (where m.months = 0), 0) - coalesce(sum(t.total) filter (where m.months = 12), 0) as amount_12m
from run_dates as r
cross join (values (0), (12)) as m (months)
inner join shared_production_running as t
    on t.service_date <= add_months(r.partition_date, -m.months) and add_months(r.partition_date, -m.months) < t.until_date
group by r.partition_date, t.patient_id
