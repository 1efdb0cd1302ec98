-- Versions begin where an end-of-day state differs from the one before in a tracked column, so they do not depend on the
-- date of the snapshot; which of them exist, and what their counters last were, does.
with accepted as (
    select
        o.id as organization_id, o.name as organization_name, o.address, o.city, o.state, o.zip,
        o.lat as latitude, o.lon as longitude,
        nullif(trim(split_part(o.phone, ' Or ', 1)), '') as phone_primary,
        nullif(trim(split_part(o.phone, ' Or ', 2)), '') as phone_alternate,
        o.npi, o.revenue, o.utilization as utilization_counter,
        o.drop_date, o.partition_date,
        row_number() over (partition by o.id, o.drop_date order by o.drop_sequence desc, o.drop_id desc) as rank_of_day
    from raw_organizations as o
    where o.change_type <> 'delete'
),

-- A null that was never filled before makes no version when it is.
days as (
    select
        a.*,
        case
            when lag(a.drop_date) over member is null then 1
            when count(a.organization_name) over earlier > 0
                and (a.organization_name is distinct from lag(a.organization_name) over member) then 1
            when count(a.address) over earlier > 0 and (a.address is distinct from lag(a.address) over member) then 1
            when count(a.city) over earlier > 0 and (a.city is distinct from lag(a.city) over member) then 1
            when count(a.state) over earlier > 0 and (a.state is distinct from lag(a.state) over member) then 1
            when count(a.zip) over earlier > 0 and (a.zip is distinct from lag(a.zip) over member) then 1
            when count(a.latitude) over earlier > 0 and (a.latitude is distinct from lag(a.latitude) over member) then 1
            when count(a.longitude) over earlier > 0 and (a.longitude is distinct from lag(a.longitude) over member) then 1
            when count(a.phone_primary) over earlier > 0
                and (a.phone_primary is distinct from lag(a.phone_primary) over member) then 1
            when count(a.phone_alternate) over earlier > 0
                and (a.phone_alternate is distinct from lag(a.phone_alternate) over member) then 1
            when count(a.npi) over earlier > 0 and (a.npi is distinct from lag(a.npi) over member) then 1
            else 0
        end as is_version_start
    from accepted as a
    where a.rank_of_day = 1
    window
        member as (partition by a.organization_id order by a.drop_date),
        earlier as (partition by a.organization_id order by a.drop_date rows between unbounded preceding and 1 preceding)
),

-- Each end-of-day state with its version, and until which snapshot it is the last one of that version.
states as (
    select
        d.*,
        max(case when d.is_version_start = 1 then d.drop_date end) over past as started_on,
        sum(d.is_version_start) over past as version_seq,
        min(case when d.is_version_start = 1 then d.drop_date end) over future as next_from,
        case when lead(d.is_version_start) over member = 0 then lead(d.partition_date) over member end as replaced_on
    from days as d
    window
        member as (partition by d.organization_id order by d.drop_date),
        past as (partition by d.organization_id order by d.drop_date rows between unbounded preceding and current row),
        future as (partition by d.organization_id order by d.drop_date rows between 1 following and unbounded following)
),

versions as (
    select
        s.*,
        case when s.version_seq = 1 then date '1900-01-01' else s.started_on end as valid_from,
        case when s.next_from <= r.partition_date then s.next_from else date '9999-12-31' end as valid_to,
        r.partition_date as snapshot_date
    from states as s
    inner join run_dates as r
        on s.partition_date <= r.partition_date and r.partition_date < coalesce(s.replaced_on, date '9999-12-31')
)

select
    stable_key('organization|' || v.organization_id || '|' || iso_date(v.valid_from)) as organization_key,
    stable_key('organization|' || v.organization_id || '|1900-01-01') as member_key,
    v.organization_id, v.organization_name, v.address, v.city, v.state, v.zip, v.latitude, v.longitude,
    v.phone_primary, v.phone_alternate, v.npi, v.revenue, v.utilization_counter,
    v.valid_to = date '9999-12-31' as is_current, v.valid_from, v.valid_to, v.snapshot_date as partition_date
from versions as v
union all
select
    m.reserved_key, m.reserved_key,
    m.label, m.label, m.label, m.label, m.label, m.label, null, null,
    m.label, m.label, m.label, null, null,
    true, date '1900-01-01', date '9999-12-31', r.partition_date
from seed_reserved_members as m
cross join run_dates as r
