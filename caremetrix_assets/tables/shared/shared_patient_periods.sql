-- Periods of the marts about patients: who is active or new is certain only 18 months after the history of the source begins.
with history as (
    select max(d.date_day) + interval 1 day as history_start from dim_date as d where d.is_before_history
)

select
    p.partition_date, p.period_grain, p.period_start, p.period_end, p.is_period_complete, p.year_start, p.year_end,
    coalesce(p.period_start < add_months(h.history_start, 18), false) as is_warmup
from shared_periods as p
cross join history as h
