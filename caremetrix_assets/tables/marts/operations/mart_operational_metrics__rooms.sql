-- Minutes that the rooms of a place could be used in each period: its capacity on every open day that is no holiday.
select c.partition_date, c.period_grain, l.location_key, sum(l.capacity_minutes_per_open_day * c.working_days) as capacity
from dim_location as l
inner join calendar as c on l.open_weekdays like '%' || cast(c.iso_day_of_week as varchar) || '%'
where l.capacity_minutes_per_open_day is not null
group by c.partition_date, c.period_grain, l.location_key
