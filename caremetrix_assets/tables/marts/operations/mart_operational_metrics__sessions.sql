-- A user's actions without a pause of more than 30 minutes; the date, place and role are those of the first. Its length is known from the
-- day of each action on, before the next day with one.
with marked as (
    select
        *, case
            when minutes_between(lag(acted_at) over (partition by user_id order by acted_at, action_sk), acted_at) <= 30 then 0
            else 1
        end as is_first
    from actions
),

numbered as (
    select
        *, sum(is_first) over (partition by user_id order by acted_at, action_sk rows unbounded preceding) as session_no
    from marked
),

days as (
    select
        user_id, session_no, event_date as known_from, max(acted_at) as last_at, bool_or(is_simulated) as is_simulated,
        coalesce(lead(event_date) over (partition by user_id, session_no order by event_date), date '9999-12-31') as known_until
    from numbered
    group by user_id, session_no, event_date
)

select
    f.event_date, d.known_from, d.known_until, f.location_key, f.role, d.is_simulated,
    cast(round(minutes_between(f.acted_at, d.last_at) * 60, 0) as bigint) as seconds
from numbered as f
inner join days as d on d.user_id = f.user_id and d.session_no = f.session_no
where f.is_first = 1
