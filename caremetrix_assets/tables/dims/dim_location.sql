with organizations as (
    select
        *,
        lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_organizations
    where change_type <> 'delete'
),

visits as (
    select
        organization, encounterclass, change_type, partition_date,
        cast(start as date) as started_on,
        lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_encounters
),

classes as (
    select
        organization, encounterclass, replaced_on,
        case when started_on > partition_date then started_on else partition_date end as seen_from
    from visits
    where change_type <> 'delete'
    group by organization, encounterclass, replaced_on, case when started_on > partition_date then started_on else partition_date end
),

kinds as (
    select
        c.organization, r.partition_date,
        max(case when c.encounterclass in ('inpatient', 'emergency') then 1 else 0 end) as has_hospital_care,
        max(case when c.encounterclass = 'urgentcare' then 1 else 0 end) as has_urgent_care,
        max(case when c.encounterclass in ('ambulatory', 'outpatient', 'wellness') then 1 else 0 end) as has_clinic_care,
        max(case when c.encounterclass = 'home' then 1 else 0 end) as has_home_care
    from classes as c
    inner join run_dates as r
        on c.seen_from <= r.partition_date and r.partition_date < coalesce(c.replaced_on, date '9999-12-31')
    group by c.organization, r.partition_date
),

-- A ZIP of four digits has lost its leading zero in the source; the region needs it back, the column keeps the source's text.
locations as (
    select
        o.*,
        case
            when k.has_hospital_care = 1 then 'hospital'
            when k.has_urgent_care = 1 then 'urgent_care'
            when k.has_clinic_care = 1 then 'clinic'
            when k.has_home_care = 1 then 'home'
            else 'other'
        end as location_type,
        substring(case when length(o.zip) = 4 then '0' || o.zip else o.zip end, 1, 3) as zip3,
        r.partition_date as snapshot_date
    from organizations as o
    inner join run_dates as r
        on o.partition_date <= r.partition_date and r.partition_date < coalesce(o.replaced_on, date '9999-12-31')
    left join kinds as k on o.id = k.organization and r.partition_date = k.partition_date
)

select
    stable_key('location|' || l.id) as location_key,
    l.id as location_id,
    stable_key('organization|' || l.id || '|1900-01-01') as organization_key,
    l.name as location_name,
    l.city,
    l.state,
    l.zip,
    l.lat as latitude,
    l.lon as longitude,
    l.location_type,
    cast(null as integer) as room_count,
    cast(null as integer) as chair_count,
    cast(null as integer) as opens_at_minute,
    cast(null as integer) as closes_at_minute,
    cast(null as varchar) as open_weekdays,
    cast(null as integer) as capacity_minutes_per_open_day,
    case when l.zip3 is null then l.state else coalesce(l.state || '-', '') || l.zip3 end as region,
    cast(null as date) as feed_start_date,
    l.snapshot_date as partition_date
from locations as l
union all
select
    m.reserved_key, m.label, null, m.label, m.label, m.label, m.label, null, null, m.label,
    null, null, null, null, m.label, null, m.label, null,
    r.partition_date
from seed_reserved_members as m
cross join run_dates as r
