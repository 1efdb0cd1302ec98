-- Versions begin where an end-of-day state differs from the one before in a tracked column, so they do not depend on the
-- date of the snapshot; which of them exist, and what their counters last were, does.
with accepted as (
    select
        p.id as patient_id, p.prefix as name_prefix, p.first as first_name, p.middle as middle_name, p.last as last_name,
        p.suffix as name_suffix, p.maiden as maiden_name, p.birthdate as birth_date, p.deathdate as death_date, p.gender,
        p.race, p.ethnicity,
        case upper(p.marital)
            when 'M' then 'Married' when 'S' then 'Single' when 'D' then 'Divorced' when 'W' then 'Widowed' else p.marital
        end as marital_status,
        p.birthplace, p.address, p.city, p.state, p.county, p.fips, p.zip, p.lat as latitude, p.lon as longitude,
        p.income, p.healthcare_expenses, p.healthcare_coverage,
        p.drop_date, p.partition_date,
        row_number() over (partition by p.id, p.drop_date order by p.drop_sequence desc, p.drop_id desc) as rank_of_day
    from raw_patients as p
    where p.change_type <> 'delete'
),

-- A null that was never filled before makes no version when it is.
days as (
    select
        a.*,
        case
            when lag(a.drop_date) over member is null then 1
            when count(a.name_prefix) over earlier > 0 and (a.name_prefix is distinct from lag(a.name_prefix) over member) then 1
            when count(a.first_name) over earlier > 0 and (a.first_name is distinct from lag(a.first_name) over member) then 1
            when count(a.middle_name) over earlier > 0 and (a.middle_name is distinct from lag(a.middle_name) over member) then 1
            when count(a.last_name) over earlier > 0 and (a.last_name is distinct from lag(a.last_name) over member) then 1
            when count(a.name_suffix) over earlier > 0 and (a.name_suffix is distinct from lag(a.name_suffix) over member) then 1
            when count(a.maiden_name) over earlier > 0 and (a.maiden_name is distinct from lag(a.maiden_name) over member) then 1
            when count(a.race) over earlier > 0 and (a.race is distinct from lag(a.race) over member) then 1
            when count(a.ethnicity) over earlier > 0 and (a.ethnicity is distinct from lag(a.ethnicity) over member) then 1
            when count(a.marital_status) over earlier > 0
                and (a.marital_status is distinct from lag(a.marital_status) over member) then 1
            when count(a.birthplace) over earlier > 0 and (a.birthplace is distinct from lag(a.birthplace) over member) then 1
            when count(a.address) over earlier > 0 and (a.address is distinct from lag(a.address) over member) then 1
            when count(a.city) over earlier > 0 and (a.city is distinct from lag(a.city) over member) then 1
            when count(a.state) over earlier > 0 and (a.state is distinct from lag(a.state) over member) then 1
            when count(a.county) over earlier > 0 and (a.county is distinct from lag(a.county) over member) then 1
            when count(a.fips) over earlier > 0 and (a.fips is distinct from lag(a.fips) over member) then 1
            when count(a.zip) over earlier > 0 and (a.zip is distinct from lag(a.zip) over member) then 1
            when count(a.latitude) over earlier > 0 and (a.latitude is distinct from lag(a.latitude) over member) then 1
            when count(a.longitude) over earlier > 0 and (a.longitude is distinct from lag(a.longitude) over member) then 1
            else 0
        end as is_version_start
    from accepted as a
    where a.rank_of_day = 1
    window
        member as (partition by a.patient_id order by a.drop_date),
        earlier as (partition by a.patient_id order by a.drop_date rows between unbounded preceding and 1 preceding)
),

-- Each end-of-day state with its version, and until which snapshot it is the last one of that version.
states as (
    select
        d.*,
        max(case when d.is_version_start = 1 then d.drop_date end) over past as started_on,
        sum(d.is_version_start) over past as version_seq,
        min(case when d.is_version_start = 1 then d.drop_date end) over future as next_from,
        case when lead(d.is_version_start) over member = 0 then lead(d.partition_date) over member end as replaced_on,
        lead(d.partition_date) over member as superseded_on
    from days as d
    window
        member as (partition by d.patient_id order by d.drop_date),
        past as (partition by d.patient_id order by d.drop_date rows between unbounded preceding and current row),
        future as (partition by d.patient_id order by d.drop_date rows between 1 following and unbounded following)
),

transitions as (
    select
        *,
        cast(start_date as date) as start_day, coalesce(cast(end_date as date), date '9999-12-31') as end_day,
        lead(partition_date) over (
            partition by patient, start_date, source_ordinal order by drop_date, drop_sequence, drop_id
        ) as replaced_on
    from raw_payer_transitions
),

known_payers as (
    select id, min(partition_date) as known_from from raw_payers group by id
),

coverage as (
    select
        t.patient, r.partition_date,
        max_by(case when k.id is null then -1 else stable_key('payer|' || t.payer || '|1900-01-01') end, t.start_date) as payer_key
    from transitions as t
    inner join run_dates as r
        on t.partition_date <= r.partition_date and r.partition_date < coalesce(t.replaced_on, date '9999-12-31')
        and t.start_day <= r.partition_date and r.partition_date < t.end_day
    left join known_payers as k on t.payer = k.id and k.known_from <= r.partition_date
    where t.change_type <> 'delete'
    group by t.patient, r.partition_date
),

-- Birth, death and gender are facts about the person: the newest accepted value stands on every version.
-- An older version keeps the age of its last day.
versions as (
    select
        s.*,
        case when s.version_seq = 1 then date '1900-01-01' else s.started_on end as valid_from,
        case when s.next_from <= r.partition_date then s.next_from else date '9999-12-31' end as valid_to,
        f.birth_date as born_on, f.death_date as died_on, f.gender as newest_gender,
        case
            when f.death_date < coalesce(s.next_from, date '9999-12-31') and f.death_date <= r.partition_date then f.death_date
            when s.next_from <= r.partition_date then cast(s.next_from - interval 1 day as date)
            else r.partition_date
        end as aged_on,
        r.partition_date as snapshot_date
    from states as s
    inner join run_dates as r
        on s.partition_date <= r.partition_date and r.partition_date < coalesce(s.replaced_on, date '9999-12-31')
    inner join states as f
        on s.patient_id = f.patient_id and f.partition_date <= r.partition_date
        and r.partition_date < coalesce(f.superseded_on, date '9999-12-31')
)

select
    stable_key('patient|' || v.patient_id || '|' || iso_date(v.valid_from)) as patient_key,
    stable_key('patient|' || v.patient_id || '|1900-01-01') as member_key,
    v.patient_id, v.name_prefix, v.first_name, v.middle_name, v.last_name, v.name_suffix, v.maiden_name,
    nullif(trim(
        coalesce(trim(v.first_name) || ' ', '') || coalesce(trim(v.middle_name) || ' ', '') || coalesce(trim(v.last_name), '')
    ), '') as full_name,
    v.born_on as birth_date, cast(extract(year from v.born_on) as integer) as birth_year, v.died_on as death_date,
    coalesce(v.died_on <= v.snapshot_date, false) as is_deceased,
    v.newest_gender as gender, v.race, v.ethnicity, v.marital_status, v.birthplace, v.address, v.city, v.state, v.county,
    v.fips, v.zip, substring(v.zip, 1, 3) as zip3, v.latitude, v.longitude,
    v.income, v.healthcare_expenses, v.healthcare_coverage,
    case when v.born_on <= v.aged_on then age_years(v.born_on, v.aged_on) end as age_years,
    age_band(case when v.born_on <= v.aged_on then age_years(v.born_on, v.aged_on) end) as age_band,
    coalesce(c.payer_key, -2) as current_payer_key,
    v.valid_to = date '9999-12-31' as is_current, v.valid_from, v.valid_to, v.snapshot_date as partition_date
from versions as v
left join coverage as c on v.patient_id = c.patient and v.snapshot_date = c.partition_date
union all
select
    m.reserved_key, m.reserved_key, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    null, null, null, null, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label,
    m.label, m.label, m.label, null, null, null, null, null, null, m.label, null,
    true, date '1900-01-01', date '9999-12-31', r.partition_date
from seed_reserved_members as m
cross join run_dates as r
