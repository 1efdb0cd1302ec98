with digits (digit) as (
    values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
),

-- 1900-01-01 is a Monday, so weekdays are remainders; one day beyond the calendar, whose holiday is observed on its last.
numbers as (
    select a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit as day_number
    from digits as a
    cross join digits as b
    cross join digits as c
    cross join digits as d
    cross join digits as e
),

days as (
    select
        cast(date '1900-01-01' + day_number * interval 1 day as date) as date_day,
        cast(date '1900-01-01' + (day_number - day_number % 7 + 3) * interval 1 day as date) as thursday,
        cast(day_number % 7 + 1 as integer) as iso_day_of_week
    from numbers
    where day_number <= 73414
),

parts as (
    select
        d.*,
        cast(extract(year from d.date_day) as integer) as year,
        cast(extract(month from d.date_day) as integer) as month,
        cast(extract(day from d.date_day) as integer) as day_of_month,
        cast(extract(day from last_day(d.date_day)) as integer) as days_in_month
    from days as d
),

nominal_holidays as (
    select
        p.date_day, h.holiday_name, p.iso_day_of_week,
        h.day_of_month is not null as is_fixed
    from parts as p
    inner join seed_federal_holidays as h
        on p.month = h.month and p.year between h.first_year and h.last_year
        and (
            p.day_of_month = h.day_of_month
            or (p.iso_day_of_week = h.iso_day_of_week and h.nth > 0 and floor((p.day_of_month - 1) / 7) + 1 = h.nth)
            or (p.iso_day_of_week = h.iso_day_of_week and h.nth = -1 and p.day_of_month + 7 > p.days_in_month)
        )
),

holidays as (
    select date_day, min(holiday_name) as holiday_name
    from (
        select date_day, holiday_name from nominal_holidays
        union all
        select
            cast(date_day + case iso_day_of_week when 6 then -1 else 1 end * interval 1 day as date) as date_day,
            holiday_name || ' (observed)' as holiday_name
        from nominal_holidays
        where is_fixed and iso_day_of_week >= 6
    ) as h
    group by date_day
),

months (month, month_name) as (
    values
    (1, 'January'), (2, 'February'), (3, 'March'), (4, 'April'), (5, 'May'), (6, 'June'), (7, 'July'),
    (8, 'August'), (9, 'September'), (10, 'October'), (11, 'November'), (12, 'December')
),

weekdays (iso_day_of_week, day_name) as (
    values
    (1, 'Monday'), (2, 'Tuesday'), (3, 'Wednesday'), (4, 'Thursday'), (5, 'Friday'), (6, 'Saturday'), (7, 'Sunday')
),

calendar as (
    select
        p.*, m.month_name, w.day_name, h.holiday_name,
        case when p.iso_day_of_week <= 5 and h.date_day is null then 1 else 0 end as business_days,
        (p.month - s.fiscal_start_month + 12) % 12 as fiscal_month,
        case when s.fiscal_start_month > 1 and p.month >= s.fiscal_start_month then p.year + 1 else p.year end as fiscal_year
    from parts as p
    inner join months as m on p.month = m.month
    inner join weekdays as w on p.iso_day_of_week = w.iso_day_of_week
    left join holidays as h on p.date_day = h.date_day
    cross join run_settings as s
    where p.date_day <= date '2100-12-31'
),

counted as (
    select
        c.*,
        sum(c.business_days) over (
            partition by c.year, c.month order by c.date_day rows between unbounded preceding and current row
        ) as business_day_of_month
    from calendar as c
),

full_drops as (
    select
        drop_date, history_start,
        row_number() over (order by drop_date, drop_sequence, drop_id) as drop_rank
    from drop_ledger
    where kind = 'full'
),

-- Ten years are Synthea's default window; a few older rows that it keeps make the earliest date useless.
snapshots as (
    select
        r.partition_date,
        coalesce(
            min(s.history_start),
            max_by(f.history_start, case when f.history_start is not null then f.drop_rank else 0 end),
            add_months(min(f.drop_date), -120)
        ) as history_start
    from run_dates as r
    cross join run_settings as s
    left join full_drops as f on f.drop_date <= r.partition_date
    group by r.partition_date
)

select
    date_key(c.date_day) as date_key,
    c.date_day, c.year,
    cast(floor((c.month - 1) / 3) + 1 as integer) as quarter,
    c.month, c.month_name,
    cast(date_trunc('month', c.date_day) as date) as month_start_date,
    last_day(c.date_day) as month_end_date,
    c.day_of_month,
    date_diff('day', cast(date_trunc('year', c.date_day) as date), c.date_day) + 1 as day_of_year,
    c.days_in_month,
    cast(extract(year from c.thursday) as integer) as iso_year,
    cast(floor(date_diff('day', cast(date_trunc('year', c.thursday) as date), c.thursday) / 7) + 1 as integer) as iso_week,
    c.iso_day_of_week, c.day_name,
    c.iso_day_of_week >= 6 as is_weekend,
    c.holiday_name,
    c.holiday_name is not null as is_holiday,
    c.business_days = 1 as is_business_day,
    c.business_day_of_month,
    c.fiscal_year,
    cast(floor(c.fiscal_month / 3) + 1 as integer) as fiscal_quarter,
    add_months(c.date_day, -12) as same_day_prior_year_date,
    coalesce(c.date_day < s.history_start, false) as is_before_history,
    s.partition_date
from counted as c
cross join snapshots as s
union all
select
    m.reserved_key, null, null, null, null, m.label, null, null, null, null, null, null, null, null,
    m.label, null, m.label, null, null, null, null, null, null, null, r.partition_date
from seed_reserved_members as m
cross join run_dates as r
