-- The period of each grain that ends on a date to build, its prior period and its prior year: first and last day of each.
with ends as (
    select
        r.partition_date, g.period_grain,
        cast(case g.period_grain
            when 'day' then r.partition_date
            when 'month' then date_trunc('month', r.partition_date)
            when 'rolling_30d' then r.partition_date - interval 29 day
            when 'rolling_90d' then r.partition_date - interval 89 day
            else add_months(r.partition_date, -12) + interval 1 day
        end as date) as period_start,
        r.partition_date = last_day(r.partition_date) as ends_month,
        add_months(r.partition_date, -1) as month_before,
        add_months(r.partition_date, -12) as year_before
    from run_dates as r
    cross join (values ('day'), ('month'), ('rolling_30d'), ('rolling_90d'), ('rolling_12m')) as g (period_grain)
)

select
    e.partition_date,
    e.period_grain,
    e.period_start,
    e.partition_date as period_end,
    e.period_grain <> 'month' or e.ends_month as is_period_complete,
    cast(case e.period_grain
        when 'day' then e.partition_date - interval 7 day
        when 'month' then date_trunc('month', e.month_before)
        when 'rolling_30d' then e.partition_date - interval 59 day
        when 'rolling_90d' then e.partition_date - interval 179 day
        else add_months(e.year_before, -12) + interval 1 day
    end as date) as prior_start,
    cast(case e.period_grain
        when 'day' then e.partition_date - interval 7 day
        when 'month' then case when e.ends_month then last_day(e.month_before) else e.month_before end
        when 'rolling_30d' then e.partition_date - interval 30 day
        when 'rolling_90d' then e.partition_date - interval 90 day
        else e.year_before
    end as date) as prior_end,
    cast(case e.period_grain
        when 'day' then e.year_before
        when 'month' then date_trunc('month', e.year_before)
        when 'rolling_30d' then e.year_before - interval 29 day
        when 'rolling_90d' then e.year_before - interval 89 day
        else add_months(e.year_before, -12) + interval 1 day
    end as date) as year_start,
    cast(case when e.period_grain = 'month' and e.ends_month then last_day(e.year_before) else e.year_before end as date) as year_end
from ends as e
