with breakdowns as (
    select b.breakdown
    from (
        values ('total'), ('gender'), ('age_band'), ('gender_age_band'), ('race'), ('ethnicity'), ('county')
    ) as b (breakdown)
),

grouped as (
    select
        p.partition_date, p.patient_id, b.breakdown,
        case when b.breakdown in ('gender', 'gender_age_band') then p.gender else 'all' end as gender,
        case when b.breakdown in ('age_band', 'gender_age_band') then p.age_band else 'all' end as age_band,
        case when b.breakdown = 'race' then p.race else 'all' end as race,
        case when b.breakdown = 'ethnicity' then p.ethnicity else 'all' end as ethnicity,
        case when b.breakdown = 'county' then p.county else 'all' end as county
    from people as p
    cross join breakdowns as b
),

numbered as (
    select
        g.*, g.breakdown in ('total', 'gender', 'age_band', 'gender_age_band') as is_clinical,
        dense_rank() over (order by g.breakdown, g.gender, g.age_band, g.race, g.ethnicity, g.county) as group_no
    from grouped as g
),

groups as (
    select
        n.partition_date, n.group_no, n.breakdown, n.gender, n.age_band, n.race, n.ethnicity, n.county, count(*) as living
    from numbered as n
    group by 1, 2, 3, 4, 5, 6, 7, 8
),

limits as (
    select o.observation_key, s.threshold_value
    from dim_observation as o
    inner join seed_population_measurements as s on s.observation_code = o.observation_code and s.unit = o.unit
),

counted as (
    select
        s.partition_date, n.group_no, s.subject, s.reason_key, s.observation_key, count(*) as patients,
        count(*) filter (where s.is_recent) as recent, count(*) filter (where s.is_prior) as prior, sum(s.events_12m) as events,
        sum(s.encounters_12m) as encounters, count(o.patient_id) as open_now, count(*) filter (where s.is_incident) as incident
    from states as s
    inner join numbered as n on n.partition_date = s.partition_date and n.patient_id = s.patient_id
    left join open_episodes as o
        on o.partition_date = s.partition_date and o.subject = s.subject and o.reason_key = s.reason_key and o.patient_id = s.patient_id
    where s.subject = 'population' or n.is_clinical
    group by s.partition_date, n.group_no, s.subject, s.reason_key, s.observation_key
),

ranked as (
    select
        v.partition_date, n.group_no, v.observation_key, v.value, count(*) over whole as total,
        row_number() over (partition by v.partition_date, n.group_no, v.observation_key order by v.value) as position
    from latest_values as v
    inner join numbered as n on n.partition_date = v.partition_date and n.patient_id = v.patient_id
    where n.is_clinical
    window whole as (partition by v.partition_date, n.group_no, v.observation_key)
),

measured as (
    select
        r.partition_date, r.group_no, r.observation_key, count(*) as patients, sum(cast(r.value as decimal(28, 6))) as value_sum,
        min(r.value) filter (where 2 * r.position >= r.total) as value_p50,
        min(r.value) filter (where 10 * r.position >= 9 * r.total) as value_p90,
        count(*) filter (where r.value >= t.threshold_value) as above
    from ranked as r
    left join limits as t on t.observation_key = r.observation_key
    group by r.partition_date, r.group_no, r.observation_key
),

-- The population is there in every group, also where nothing ever happened to anybody.
rows_of_day as (
    select g.*, 'population' as subject, -2 as reason_key, -2 as observation_key
    from groups as g
    union all
    select g.*, c.subject, c.reason_key, c.observation_key
    from groups as g
    inner join counted as c on c.partition_date = g.partition_date and c.group_no = g.group_no
    where c.subject <> 'population'
)

select
    d.subject, d.reason_key, d.observation_key, d.breakdown, d.gender, d.race, d.ethnicity, d.age_band, d.county,
    d.living as living_patients,
    coalesce(c.patients, 0) as patients,
    rate_of(coalesce(c.patients, 0), d.living) as ever_rate,
    coalesce(c.recent, 0) as patients_12m,
    coalesce(c.prior, 0) as patients_prior_12m,
    coalesce(c.events, 0) as events_12m,
    coalesce(c.encounters, 0) as encounters_12m,
    case when d.subject <> 'observation' then coalesce(c.open_now, 0) end as open_patients,
    case when d.subject <> 'observation' then rate_of(coalesce(c.open_now, 0), d.living) end as open_rate,
    case when d.subject = 'condition' then d.living - c.patients + c.incident end as at_risk_12m_patients,
    case when d.subject = 'condition' then c.incident end as incident_12m_patients,
    case when d.subject = 'condition' then rate_of(c.incident, d.living - c.patients + c.incident) end as incidence_rate_12m,
    case when d.subject = 'observation' then coalesce(m.patients, 0) end as measured_patients,
    number_of(m.value_sum, m.patients) as value_mean,
    m.value_p50,
    m.value_p90,
    t.threshold_value,
    case when t.threshold_value is not null then coalesce(m.above, 0) end as above_threshold_patients,
    case when t.threshold_value is not null then rate_of(m.above, m.patients) end as above_threshold_rate,
    coalesce(c.patients, 0) < 11 as is_small_cell,
    'derived' as data_basis,
    d.partition_date
from rows_of_day as d
left join counted as c
    on c.partition_date = d.partition_date and c.group_no = d.group_no and c.subject = d.subject and c.reason_key = d.reason_key
    and c.observation_key = d.observation_key
left join measured as m on m.partition_date = d.partition_date and m.group_no = d.group_no and m.observation_key = d.observation_key
left join limits as t on t.observation_key = d.observation_key
