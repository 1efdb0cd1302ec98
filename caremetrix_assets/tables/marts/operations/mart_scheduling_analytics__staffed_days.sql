-- Staffed minutes of a clinician at a place on a day and what bookings take of them, as known from known_from on, before known_until.
with days as (
    select
        provider_key, location_key, staffed_date, sum(available_minutes) as available, bool_or(is_simulated) as is_simulated
    from blocks
    where kind = 'clinic'
    group by provider_key, location_key, staffed_date
),

slots as (
    select
        s.provider_key, s.location_key, s.staffed_date, s.start_at, s.stop_at, b.appointment_id, b.outcome = 'completed' as is_completed,
        b.known_from, b.known_until,
        case when b.scheduled_start_at > s.start_at then b.scheduled_start_at else s.start_at end as slot_from,
        case when b.scheduled_stop_at < s.stop_at then b.scheduled_stop_at else s.stop_at end as slot_to
    from (
        select *, scheduled_start_at + scheduled_minutes * interval 1 minute as scheduled_stop_at
        from shared_ops_bookings
        where outcome in ('completed', 'no_show', 'unresolved')
    ) as b
    inner join staffed as s
        on s.provider_key = b.provider_key and s.location_key = b.location_key
        and s.staffed_date = cast(b.scheduled_start_at as date) and b.scheduled_start_at < s.stop_at and b.scheduled_stop_at > s.start_at
),

-- A day changes when a booking of it is cancelled later on.
changes as (
    select provider_key, location_key, staffed_date, staffed_date as known_from from days
    union
    select provider_key, location_key, staffed_date, known_from from slots where known_from > staffed_date
    union
    select provider_key, location_key, staffed_date, known_until from slots where known_until < date '9999-12-31'
),

versions as (
    select
        *, coalesce(
            lead(known_from) over (partition by provider_key, location_key, staffed_date order by known_from), date '9999-12-31'
        ) as known_until
    from changes
),

laid as (
    select
        s.provider_key, s.location_key, s.staffed_date, s.start_at, s.stop_at, v.known_from, s.slot_from, s.slot_to, s.is_completed,
        coalesce(max(s.slot_to) over earlier, s.start_at) as covered_to,
        coalesce(max(case when s.is_completed then s.slot_to end) over earlier, s.start_at) as filled_to
    from slots as s
    inner join versions as v
        on v.provider_key = s.provider_key and v.location_key = s.location_key and v.staffed_date = s.staffed_date
        and v.known_from >= s.known_from and v.known_from < s.known_until
    window earlier as (
        partition by s.provider_key, s.location_key, s.staffed_date, s.start_at, v.known_from order by s.slot_from, s.appointment_id
        rows between unbounded preceding and 1 preceding
    )
),

stretches as (
    select
        provider_key, location_key, staffed_date, start_at, known_from, sum(minutes_between(slot_from, slot_to)) as booked,
        sum(case
            when slot_to > covered_to
                then minutes_between(case when slot_from > covered_to then slot_from else covered_to end, slot_to)
        end) as occupied,
        sum(case
            when is_completed and slot_to > filled_to
                then minutes_between(case when slot_from > filled_to then slot_from else filled_to end, slot_to)
        end) as filled,
        count(*) filter (where slot_from > covered_to and minutes_between(covered_to, slot_from) >= 30) as gaps, max(slot_to) as last_to
    from laid
    group by provider_key, location_key, staffed_date, start_at, known_from
)

select
    d.provider_key, d.location_key, d.staffed_date, v.known_from, v.known_until, max(d.available) as available,
    bool_or(d.is_simulated) as is_simulated, coalesce(sum(t.booked), 0) as booked, coalesce(sum(t.occupied), 0) as occupied,
    coalesce(sum(t.filled), 0) as filled,
    coalesce(sum(t.gaps), 0) + count(*) filter (where minutes_between(coalesce(t.last_to, s.start_at), s.stop_at) >= 30) as gaps
from days as d
inner join versions as v on v.provider_key = d.provider_key and v.location_key = d.location_key and v.staffed_date = d.staffed_date
left join staffed as s on s.provider_key = d.provider_key and s.location_key = d.location_key and s.staffed_date = d.staffed_date
left join stretches as t
    on t.provider_key = s.provider_key and t.location_key = s.location_key and t.staffed_date = s.staffed_date
    and t.start_at = s.start_at and t.known_from = v.known_from
group by d.provider_key, d.location_key, d.staffed_date, v.known_from, v.known_until
