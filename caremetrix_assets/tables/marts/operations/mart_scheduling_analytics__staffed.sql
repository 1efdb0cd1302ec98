-- Staffed time of a clinician at a place on a day, as stretches that do not touch: clinic blocks less blocked time and time off. Where
-- blocks of one kind overlap, the time is that of the block that starts first, so only the latest end of the earlier ones counts.
with pieces as (
    select
        schedule_id, provider_key, location_key, kind, staffed_date, stop_at,
        case when taken_until > start_at then taken_until else start_at end as start_at
    from (
        select
            *, max(stop_at) over (
                partition by provider_key, kind, staffed_date order by start_at, schedule_id
                rows between unbounded preceding and 1 preceding
            ) as taken_until
        from blocks
    ) as o
    where taken_until is null or taken_until < stop_at
),

cuts as (
    select
        c.schedule_id, c.provider_key, c.location_key, c.staffed_date, c.stop_at, o.start_at as off_at, o.stop_at as back_at
    from pieces as c
    inner join pieces as o
        on o.kind = 'off' and o.provider_key = c.provider_key and o.staffed_date = c.staffed_date and o.start_at < c.stop_at
        and o.stop_at > c.start_at
    where c.kind = 'clinic'
),

-- From the start of a block to the first cut, and from each cut to the next one or the end.
parts as (
    select
        p.provider_key, p.location_key, p.staffed_date, p.start_at, coalesce(f.off_at, p.stop_at) as stop_at
    from pieces as p
    left join (select schedule_id, min(off_at) as off_at from cuts group by schedule_id) as f on f.schedule_id = p.schedule_id
    where p.kind = 'clinic'
    union all
    select
        provider_key, location_key, staffed_date, back_at,
        coalesce(lead(off_at) over (partition by schedule_id order by off_at), stop_at)
    from cuts
),

islands as (
    select
        *, sum(is_apart) over (partition by provider_key, location_key, staffed_date order by start_at rows unbounded preceding) as island
    from (
        select
            *, case when start_at = lag(stop_at) over (partition by provider_key, location_key, staffed_date order by start_at) then 0
                else 1
            end as is_apart
        from parts
        where start_at < stop_at
    ) as p
)

select provider_key, location_key, staffed_date, min(start_at) as start_at, max(stop_at) as stop_at
from islands
group by provider_key, location_key, staffed_date, island
