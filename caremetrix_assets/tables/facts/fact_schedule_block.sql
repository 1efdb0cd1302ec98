-- What of a block no block of its kind has taken before it: earlier blocks start no later, so only their latest end counts.
with pieces as (
    select
        schedule_id, provider_id, kind, cast(start_at as date) as block_date, stop_at,
        case when taken_until > start_at then taken_until else start_at end as free_from
    from (
        select
            *, max(stop_at) over (
                partition by provider_id, kind, cast(start_at as date) order by start_at, schedule_id
                rows between unbounded preceding and 1 preceding
            ) as taken_until
        from (select *, case block_type when 'clinic' then 'clinic' else 'off' end as kind from raw_provider_schedules) as b
    ) as o
    where taken_until is null or taken_until < stop_at
),

minutes as (
    select
        c.schedule_id,
        minutes_between(c.free_from, c.stop_at) - coalesce(sum(minutes_between(
            case when o.free_from > c.free_from then o.free_from else c.free_from end,
            case when o.stop_at < c.stop_at then o.stop_at else c.stop_at end
        )) filter (where o.schedule_id is not null), 0) as available
    from pieces as c
    left join pieces as o
        on o.kind = 'off' and o.provider_id = c.provider_id and o.block_date = c.block_date and o.free_from < c.stop_at
        and o.stop_at > c.free_from
    where c.kind = 'clinic'
    group by c.schedule_id, c.free_from, c.stop_at
)

select
    md5('schedule_block|' || s.schedule_id) as schedule_sk,
    s.schedule_id,
    date_key(cast(s.start_at as date)) as date_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(lo.location_key, -1) as location_key,
    s.room_id,
    s.block_type,
    s.start_at,
    s.stop_at,
    cast(round(coalesce(m.available, 0), 0) as integer) as available_minutes,
    s.is_simulated,
    s.drop_id,
    cast(s.start_at as date) as partition_date
from raw_provider_schedules as s
left join minutes as m on m.schedule_id = s.schedule_id
left join dim_location as lo on lo.location_id = s.organization_id
left join dim_provider as pr
    on pr.provider_id = s.provider_id and pr.valid_from <= cast(s.start_at as date) and cast(s.start_at as date) < pr.valid_to
