-- What is counted, by period and keys; `family` says in which breakdowns. A row counts in the periods with event_date in them.
with entries as (
    select
        'staff' as family, event_date, location_key, -3 as provider_key, 'all' as patient_type, -3 as source_key, role, module,
        is_simulated, 1 as actions, is_edit as edits, is_after_hours as after_hours, is_login as logins, is_failed as failed, 0 as sessions,
        0 as submitted, 0 as on_time, 0 as reworks, 0 as procedures, 0 as room_minutes
    from actions
    union all
    select 'session', event_date, location_key, -3, 'all', -3, role, 'all', is_simulated, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0
    from sessions
    where known_from = event_date
    union all
    select
        'work', event_date, location_key, provider_key, patient_type, source_key, 'all', 'all', is_simulated, 0, 0, 0, 0, 0, 0,
        case when is_submission then 1 else 0 end, case when is_submission and days <= 5 then 1 else 0 end,
        case when is_submission then 0 else 1 end, 0, 0
    from claims
    union all
    select
        'work', cast(f.started_at as date), f.location_key, coalesce(p.member_key, -1), coalesce(f.patient_type, 'prospect'), f.source_key,
        'all', 'all', f.is_simulated, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0
    from fact_procedure as f
    left join dim_provider as p on p.provider_key = f.provider_key
    where cast(f.started_at as date) >= (select min(period_start) from shared_periods)
    union all
    select
        'room', event_date, location_key, -3, 'all', -3, 'all', 'all', is_simulated, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, scheduled_minutes
    from shared_ops_bookings
    where outcome = 'completed' and room_id is not null
)

select
    p.partition_date, p.period_grain, e.family, e.location_key, e.provider_key, e.patient_type, e.source_key, e.role, e.module,
    bool_or(e.is_simulated) as is_simulated, sum(e.actions) as actions, sum(e.edits) as edits, sum(e.after_hours) as after_hours,
    sum(e.logins) as logins, sum(e.failed) as failed, sum(e.sessions) as sessions, sum(e.submitted) as submitted,
    sum(e.on_time) as on_time, sum(e.reworks) as reworks, sum(e.procedures) as procedures, sum(e.room_minutes) as room_minutes,
    0 as capacity
from entries as e
inner join shared_periods as p on e.event_date >= p.period_start and e.event_date <= p.partition_date
group by
    p.partition_date, p.period_grain, e.family, e.location_key, e.provider_key, e.patient_type, e.source_key, e.role, e.module
union all
select
    partition_date, period_grain, 'room', location_key, -3, 'all', -3, 'all', 'all', false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, capacity
from rooms
union all
select partition_date, period_grain, 'anchor', -3, -3, 'all', -3, 'all', 'all', false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
from shared_periods
