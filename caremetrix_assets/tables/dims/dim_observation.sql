-- Only rows whose key was written twice can have been replaced; the window over all rows took ten times as long.
with changed as (
    select distinct date, patient, encounter, code, value, units, source_ordinal
    from raw_observations
    where change_type <> 'insert'
),

results as (
    select o.*, c.code is not null as is_changed
    from raw_observations as o
    left join changed as c
        on o.date = c.date and o.patient = c.patient and o.code = c.code and o.source_ordinal = c.source_ordinal
        and o.encounter is not distinct from c.encounter
        and o.value is not distinct from c.value and o.units is not distinct from c.units
),

replaced as (
    select
        *,
        lead(partition_date) over (
            partition by date, patient, encounter, code, value, units, source_ordinal
            order by drop_date, drop_sequence, drop_id
        ) as replaced_on
    from results
    where is_changed
),

tallies as (
    select
        category, code, units, type, description, partition_date, replaced_on, drop_date, drop_sequence, drop_id,
        count(*) as row_count
    from replaced
    where change_type <> 'delete'
    group by category, code, units, type, description, partition_date, replaced_on, drop_date, drop_sequence, drop_id
    union all
    select
        category, code, units, type, description, partition_date, null, drop_date, drop_sequence, drop_id,
        count(*)
    from results
    where not is_changed
    group by category, code, units, type, description, partition_date, drop_date, drop_sequence, drop_id
),

-- Texts of rows that were replaced or deleted count as seen, with no row of their own.
texts as (
    select
        r.partition_date, t.category, t.code, t.units, t.type, t.description,
        sum(case when r.partition_date < coalesce(t.replaced_on, date '9999-12-31') then t.row_count else 0 end) as row_count,
        max(iso_date(t.drop_date) || lpad(cast(t.drop_sequence as varchar), 9, '0') || t.drop_id) as drop_order
    from tallies as t
    inner join run_dates as r on t.partition_date <= r.partition_date
    group by r.partition_date, t.category, t.code, t.units, t.type, t.description
),

ranked as (
    select
        *,
        row_number() over (
            partition by partition_date, category, code, units, type
            order by case when description is null then 1 else 0 end asc, row_count desc, drop_order desc, description asc
        ) as text_rank
    from texts
)

select
    stable_key(
        'observation|' || coalesce(k.category, '') || '|' || coalesce(k.code, '')
        || '|' || coalesce(k.units, '') || '|' || coalesce(k.type, '')
    ) as observation_key,
    k.category,
    case
        when k.code in ('QALY', 'DALY', 'QOLS') then 'GBD'
        when k.code not like '%-%' and length(k.code) between 6 and 18 and try_cast(k.code as bigint) is not null then 'SNOMED'
        else 'LOINC'
    end as code_system,
    k.code as observation_code,
    k.description,
    k.units as unit,
    k.type as value_type,
    p.plausible_low,
    p.plausible_high,
    k.partition_date
from ranked as k
left join seed_plausible_ranges as p on k.code = p.observation_code and k.units = p.unit and k.type = 'numeric'
where k.text_rank = 1
union all
select
    m.reserved_key, m.label, m.label, m.label, m.label, m.label, m.label, null, null,
    r.partition_date
from seed_reserved_members as m
cross join run_dates as r
