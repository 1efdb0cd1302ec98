-- What staff did; after hours where the place's hours are known and it was closed that weekday, that holiday or that minute.
select
    a.action_sk, a.user_id, a.role, a.module, a.action, a.location_key, a.acted_at, cast(a.acted_at as date) as event_date, a.is_simulated,
    case when a.action in ('create', 'update', 'delete', 'sign') then 1 else 0 end as is_edit,
    case when a.action in ('login', 'login_failed') then 1 else 0 end as is_login,
    case when a.action = 'login_failed' then 1 else 0 end as is_failed,
    case
        when l.opens_at_minute is null or l.closes_at_minute is null or l.open_weekdays is null then 0
        when
            d.is_holiday or l.open_weekdays not like '%' || cast(d.iso_day_of_week as varchar) || '%'
            or floor(minutes_between(cast(cast(a.acted_at as date) as timestamp), a.acted_at)) < l.opens_at_minute
            or floor(minutes_between(cast(cast(a.acted_at as date) as timestamp), a.acted_at)) >= l.closes_at_minute
            then 1
        else 0
    end as is_after_hours
from fact_staff_action as a
left join dim_location as l on l.location_key = a.location_key
left join dim_date as d on d.date_day = cast(a.acted_at as date)
