-- Versions begin where an end-of-day state differs from the one before in a tracked column, so they do not depend on the
-- date of the snapshot; which of them exist, and what their counters last were, does.
with accepted as (
    select
        p.id as payer_id, p.name as payer_name, p.ownership,
        p.address, p.city, p.state_headquartered, p.zip, p.phone,
        p.amount_covered, p.amount_uncovered, p.revenue, p.unique_customers, p.member_months,
        nullif(p.qols_avg, cast('NaN' as double)) as quality_of_life_average,
        p.drop_date, p.partition_date,
        row_number() over (partition by p.id, p.drop_date order by p.drop_sequence desc, p.drop_id desc) as rank_of_day
    from raw_payers as p
    where p.change_type <> 'delete'
),

-- A null that was never filled before makes no version when it is.
days as (
    select
        a.*,
        case
            when lag(a.drop_date) over member is null then 1
            when count(a.payer_name) over earlier > 0 and (a.payer_name is distinct from lag(a.payer_name) over member) then 1
            when count(a.ownership) over earlier > 0 and (a.ownership is distinct from lag(a.ownership) over member) then 1
            when count(a.address) over earlier > 0 and (a.address is distinct from lag(a.address) over member) then 1
            when count(a.city) over earlier > 0 and (a.city is distinct from lag(a.city) over member) then 1
            when count(a.state_headquartered) over earlier > 0
                and (a.state_headquartered is distinct from lag(a.state_headquartered) over member) then 1
            when count(a.zip) over earlier > 0 and (a.zip is distinct from lag(a.zip) over member) then 1
            when count(a.phone) over earlier > 0 and (a.phone is distinct from lag(a.phone) over member) then 1
            else 0
        end as is_version_start
    from accepted as a
    where a.rank_of_day = 1
    window
        member as (partition by a.payer_id order by a.drop_date),
        earlier as (partition by a.payer_id order by a.drop_date rows between unbounded preceding and 1 preceding)
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
        member as (partition by d.payer_id order by d.drop_date),
        past as (partition by d.payer_id order by d.drop_date rows between unbounded preceding and current row),
        future as (partition by d.payer_id order by d.drop_date rows between 1 following and unbounded following)
),

versions as (
    select
        s.*,
        case when s.version_seq = 1 then date '1900-01-01' else s.started_on end as valid_from,
        case when s.next_from <= r.partition_date then s.next_from else date '9999-12-31' end as valid_to,
        coalesce(c.payer_class, 'private') as payer_class,
        r.partition_date as snapshot_date
    from states as s
    inner join run_dates as r
        on s.partition_date <= r.partition_date and r.partition_date < coalesce(s.replaced_on, date '9999-12-31')
    left join seed_payer_classes as c
        on s.ownership = c.ownership or (s.ownership is null and upper(s.payer_name) = c.payer_name)
),

-- The one fixed member: who pays or owes is the patient.
self_pay as (
    select
        stable_key('payer|SELF_PAY|1900-01-01') as payer_key,
        'SELF_PAY' as payer_id,
        'Patient (self-pay)' as payer_name,
        'self_pay' as payer_class
)

select
    stable_key('payer|' || v.payer_id || '|' || iso_date(v.valid_from)) as payer_key,
    stable_key('payer|' || v.payer_id || '|1900-01-01') as member_key,
    v.payer_id, v.payer_name, v.ownership, v.payer_class, v.address, v.city, v.state_headquartered, v.zip, v.phone,
    v.amount_covered, v.amount_uncovered, v.revenue, v.unique_customers, v.quality_of_life_average, v.member_months,
    v.valid_to = date '9999-12-31' as is_current, v.valid_from, v.valid_to, v.snapshot_date as partition_date
from versions as v
union all
select
    s.payer_key, s.payer_key, s.payer_id, s.payer_name, null, s.payer_class, null, null, null, null, null,
    null, null, null, null, null, null,
    true, date '1900-01-01', date '9999-12-31', r.partition_date
from self_pay as s
cross join run_dates as r
union all
select
    m.reserved_key, m.reserved_key, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    null, null, null, null, null, null,
    true, date '1900-01-01', date '9999-12-31', r.partition_date
from seed_reserved_members as m
cross join run_dates as r
