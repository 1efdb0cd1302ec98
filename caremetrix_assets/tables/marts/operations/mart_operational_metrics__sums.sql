-- Counts by breakdown, and beside them what the scheduling mart says for the same keys.
with entries as (
    select
        c.partition_date, c.period_grain, f.breakdown,
        case when f.breakdown in ('location', 'detail') then c.location_key else -3 end as place,
        case when f.breakdown in ('provider', 'detail') then c.provider_key else -3 end as clinician,
        case when f.breakdown in ('patient_type', 'detail') then c.patient_type else 'all' end as type,
        case when f.breakdown in ('acquisition_source', 'detail') then c.source_key else -3 end as source,
        case when f.breakdown = 'role' then c.role else 'all' end as role,
        case when f.breakdown = 'module' then c.module else 'all' end as module, c.is_simulated, c.actions, c.edits, c.after_hours,
        c.logins, c.failed, c.sessions, c.submitted, c.on_time, c.reworks, c.procedures, c.room_minutes, c.capacity,
        0 as visits, 0 as patients, cast(null as bigint) as available, cast(null as bigint) as occupied
    from counts as c
    inner join families as f on f.family = c.family
    union all
    select
        partition_date, period_grain, breakdown, location_key, provider_key, patient_type, source_key, 'all', 'all',
        available_minutes > 0 and data_basis = 'simulated', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, completed_visits, patients,
        available_minutes, occupied_minutes
    from mart_scheduling_analytics
    where breakdown <> 'appointment_type' and (completed_visits > 0 or available_minutes > 0 or breakdown = 'total')
)

select
    partition_date, period_grain, breakdown, place, clinician, type, source, role, module, bool_or(is_simulated) as is_simulated,
    sum(actions) as actions, sum(edits) as edits, sum(after_hours) as after_hours, sum(logins) as logins, sum(failed) as failed,
    sum(sessions) as sessions, sum(submitted) as submitted, sum(on_time) as on_time, sum(reworks) as reworks,
    sum(procedures) as procedures, sum(room_minutes) as room_minutes, sum(capacity) as capacity, sum(visits) as visits,
    sum(patients) as patients, sum(available) as available, sum(occupied) as occupied
from entries
group by partition_date, period_grain, breakdown, place, clinician, type, source, role, module
