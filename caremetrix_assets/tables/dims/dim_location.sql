with organizations as (
    select *, lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_organizations
    where change_type <> 'delete'
),

visits as (
    select
        id, organization, encounterclass, change_type, partition_date, cast(start as date) as started_on,
        lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_encounters
),

kinds as (
    select
        c.organization, r.partition_date,
        max(case when c.encounterclass in ('inpatient', 'emergency') then 1 else 0 end) as has_hospital_care,
        max(case when c.encounterclass = 'urgentcare' then 1 else 0 end) as has_urgent_care,
        max(case when c.encounterclass in ('ambulatory', 'outpatient', 'wellness') then 1 else 0 end) as has_clinic_care,
        max(case when c.encounterclass = 'home' then 1 else 0 end) as has_home_care
    from (
        select distinct
            organization, encounterclass, replaced_on,
            case when started_on > partition_date then started_on else partition_date end as seen_from
        from visits
        where change_type <> 'delete'
    ) as c
    inner join run_dates as r
        on c.seen_from <= r.partition_date and r.partition_date < coalesce(c.replaced_on, date '9999-12-31')
    group by c.organization, r.partition_date
),

-- Of each room the row known on the day; a room that is out of use, or not in use yet, has no capacity.
rooms as (
    select
        t.organization_id, r.partition_date, t.room_type = 'chair' as is_chair,
        case when t.is_active and coalesce(t.valid_from, r.partition_date) <= r.partition_date then t.weekdays end as open_days,
        cast(split_part(t.opens, ':', 1) as integer) * 60 + cast(split_part(t.opens, ':', 2) as integer) as opens_at,
        cast(split_part(t.closes, ':', 1) as integer) * 60 + cast(split_part(t.closes, ':', 2) as integer) as closes_at
    from (
        select *, lead(partition_date) over (partition by room_id order by drop_date, drop_sequence, drop_id) as replaced_on from raw_rooms
    ) as t
    inner join run_dates as r on t.partition_date <= r.partition_date and r.partition_date < coalesce(t.replaced_on, date '9999-12-31')
    where t.change_type <> 'delete'
),

capacities as (
    select
        organization_id, partition_date,
        count(open_days) as room_count, count(case when is_chair then open_days end) as chair_count,
        min(opens_at) filter (where open_days is not null) as opens_at, max(closes_at) filter (where open_days is not null) as closes_at,
        coalesce(sum(closes_at - opens_at) filter (where open_days is not null), 0) as open_minutes,
        max(case when open_days like '%1%' then '1' else '' end) || max(case when open_days like '%2%' then '2' else '' end)
        || max(case when open_days like '%3%' then '3' else '' end) || max(case when open_days like '%4%' then '4' else '' end)
        || max(case when open_days like '%5%' then '5' else '' end) || max(case when open_days like '%6%' then '6' else '' end)
        || max(case when open_days like '%7%' then '7' else '' end) as open_weekdays
    from rooms
    group by organization_id, partition_date
),

-- What happened to claims at insurers and in the till, and the organization of the claim: that of its visit.
postings as (
    select
        claim_id, cast(event_at as date) as event_day, cast(null as date) as payment_day, change_type, drop_id, partition_date,
        lead(partition_date) over (partition by claim_id, event_seq order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_claim_events
    union all
    select
        claim_id, null, case when entry_type = 'payment' then posted_date end, change_type, drop_id, partition_date,
        lead(partition_date) over (partition by receipt_id order by drop_date, drop_sequence, drop_id)
    from raw_receipts
),

claims as (
    select
        c.id as claim_id, v.organization, v.replaced_on,
        case when v.partition_date > c.partition_date then v.partition_date else c.partition_date end as seen_from
    from (select id, appointmentid, min(partition_date) as partition_date from raw_claims group by id, appointmentid) as c
    inner join visits as v on c.appointmentid = v.id and v.change_type <> 'delete'
),

-- Where which producer's feed shows up: in rooms, schedules and money.
sightings as (
    select
        t.organization_id as organization, d.producer, t.partition_date as seen_from,
        cast(null as date) as replaced_on, cast(null as date) as event_day, cast(null as date) as payment_day
    from (
        select organization_id, drop_id, partition_date from raw_rooms
        union
        select organization_id, drop_id, partition_date from raw_provider_schedules
    ) as t
    left join drop_ledger as d on t.drop_id = d.drop_id
    union all
    select
        c.organization, d.producer, case when p.partition_date > c.seen_from then p.partition_date else c.seen_from end as seen_from,
        case when p.replaced_on < coalesce(c.replaced_on, date '9999-12-31') then p.replaced_on else c.replaced_on end as replaced_on,
        min(p.event_day), min(p.payment_day)
    from postings as p
    inner join claims as c on p.claim_id = c.claim_id
    left join drop_ledger as d on p.drop_id = d.drop_id
    where p.change_type <> 'delete'
    group by 1, 2, 3, 4
),

starts as (
    select
        l.producer, r.partition_date,
        max_by(l.practice_start, iso_date(l.drop_date) || lpad(cast(l.drop_sequence as varchar), 9, '0') || l.drop_id) as practice_start
    from drop_ledger as l
    inner join run_dates as r on l.drop_date <= r.partition_date
    where l.practice_start is not null
    group by l.producer, r.partition_date
),

feeds as (
    select
        s.organization, r.partition_date,
        min(l.practice_start) as stated, min(case when s.event_day <= r.partition_date then s.event_day end) as first_event,
        min(case when s.payment_day <= r.partition_date then s.payment_day end) as first_payment
    from sightings as s
    inner join run_dates as r on s.seen_from <= r.partition_date and r.partition_date < coalesce(s.replaced_on, date '9999-12-31')
    left join starts as l on s.producer = l.producer and r.partition_date = l.partition_date
    group by s.organization, r.partition_date
)

-- A ZIP of four digits has lost its leading zero in the source; the region needs it back, the column keeps the source's text.
select
    stable_key('location|' || o.id) as location_key, o.id as location_id,
    stable_key('organization|' || o.id || '|1900-01-01') as organization_key, o.name as location_name, o.city, o.state, o.zip,
    o.lat as latitude, o.lon as longitude,
    case
        when k.has_hospital_care = 1 then 'hospital' when k.has_urgent_care = 1 then 'urgent_care'
        when k.has_clinic_care = 1 then 'clinic' when k.has_home_care = 1 then 'home' else 'other'
    end as location_type,
    c.room_count, c.chair_count, c.opens_at as opens_at_minute, c.closes_at as closes_at_minute,
    nullif(c.open_weekdays, '') as open_weekdays, c.open_minutes as capacity_minutes_per_open_day,
    nullif(coalesce(o.state, '') || coalesce(substring(case length(o.zip) when 4 then '0' else '' end || o.zip, 1, 3), ''), '') as region,
    coalesce(f.stated, f.first_event, f.first_payment) as feed_start_date, r.partition_date
from organizations as o
inner join run_dates as r on o.partition_date <= r.partition_date and r.partition_date < coalesce(o.replaced_on, date '9999-12-31')
left join kinds as k on o.id = k.organization and r.partition_date = k.partition_date
left join capacities as c on o.id = c.organization_id and r.partition_date = c.partition_date
left join feeds as f on o.id = f.organization and r.partition_date = f.partition_date
union all
select
    m.reserved_key, m.label, null, m.label, m.label, m.label, m.label, null, null, m.label,
    null, null, null, null, m.label, null, m.label, null, r.partition_date
from seed_reserved_members as m
cross join run_dates as r
