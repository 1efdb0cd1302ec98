-- Days of each period by weekday: business days, and days that are no holiday.
select
    p.partition_date, p.period_grain, d.iso_day_of_week, count(*) filter (where d.is_business_day) as business_days,
    count(*) filter (where not d.is_holiday) as working_days
from dim_date as d
inner join shared_periods as p on d.date_day >= p.period_start and d.date_day <= p.partition_date
where d.date_day >= (select min(period_start) from shared_periods) and d.date_day <= (select max(partition_date) from run_dates)
group by p.partition_date, p.period_grain, d.iso_day_of_week
