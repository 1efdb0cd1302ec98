-- Every row that names a reason, from first to last drop; a condition names itself.
with uses as (
    select
        reasoncode as code, reasondescription as description, cast(null as varchar) as system, 0 as is_condition,
        change_type, partition_date, drop_date, drop_sequence, drop_id,
        lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_encounters
    union all
    select
        reasoncode, reasondescription, null, 0, change_type, partition_date, drop_date, drop_sequence, drop_id,
        lead(partition_date) over (
            partition by start, stop, patient, encounter, code order by drop_date, drop_sequence, drop_id
        )
    from raw_procedures
    union all
    select
        reasoncode, reasondescription, null, 0, change_type, partition_date, drop_date, drop_sequence, drop_id,
        lead(partition_date) over (
            partition by start, patient, encounter, code, source_ordinal order by drop_date, drop_sequence, drop_id
        )
    from raw_medications
    union all
    select
        reasoncode, reasondescription, null, 0, change_type, partition_date, drop_date, drop_sequence, drop_id,
        lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id)
    from raw_careplans
    union all
    select
        code, description, system, 1, change_type, partition_date, drop_date, drop_sequence, drop_id,
        lead(partition_date) over (
            partition by start, patient, encounter, code order by drop_date, drop_sequence, drop_id
        )
    from raw_conditions
),

tallies as (
    select
        system, code, trim(description) as description, is_condition, partition_date, replaced_on,
        iso_date(drop_date) || lpad(cast(drop_sequence as varchar), 9, '0') || drop_id as drop_order,
        count(*) as row_count
    from uses
    where change_type <> 'delete' and code is not null
    group by system, code, trim(description), is_condition, partition_date, replaced_on, drop_date, drop_sequence, drop_id
),

-- Without a system column it is SNOMED, unless the code has the letter in front that ICD-10 has.
coded as (
    select t.*, coalesce(s.code_system, 'OTHER') as code_system
    from tallies as t
    left join seed_code_systems as s
        on coalesce(
            nullif(lower(t.system), 'unknown'),
            case when try_cast(substring(t.code, 1, 1) as integer) is null then 'icd10' else 'snomed' end
        ) like s.system_pattern
),

-- Texts of rows that were replaced or deleted count as seen, with no row of their own.
texts as (
    select
        r.partition_date, t.code_system, t.code, t.description,
        max(t.is_condition) as is_condition,
        sum(case when r.partition_date < coalesce(t.replaced_on, date '9999-12-31') then t.row_count else 0 end) as row_count,
        max(t.drop_order) as drop_order
    from coded as t
    inner join run_dates as r on t.partition_date <= r.partition_date
    group by r.partition_date, t.code_system, t.code, t.description
),

ranked as (
    select
        *,
        max(is_condition) over (partition by partition_date, code_system, code) as is_used_as_condition,
        row_number() over (
            partition by partition_date, code_system, code
            order by case when description is null then 1 else 0 end asc, row_count desc, drop_order desc, description asc
        ) as text_rank
    from texts
)

select
    stable_key('reason|' || t.code_system || '|' || t.code) as reason_key,
    t.code_system,
    t.code as reason_code,
    coalesce(substring(t.description, 1, length(t.description) - length(g.semantic_tag) - 3), t.description) as description,
    g.semantic_tag,
    coalesce(o.is_disease, g.semantic_tag = 'disorder', t.is_used_as_condition = 1) as is_disease,
    c.reason_code is not null as is_chronic,
    t.partition_date
from ranked as t
left join seed_semantic_tags as g on t.code_system = 'SNOMED' and t.description like '% (' || g.semantic_tag || ')'
left join seed_reason_overrides as o on t.code = o.reason_code
left join seed_chronic_conditions as c on t.code = c.reason_code
where t.text_rank = 1
union all
select
    stable_key('reason|CAREMETRIX|NOT_RECORDED'), 'CAREMETRIX', 'NOT_RECORDED', 'No reason recorded', null, false, false,
    r.partition_date
from run_dates as r
union all
select m.reserved_key, m.label, m.label, m.label, m.label, null, null, r.partition_date
from seed_reserved_members as m
cross join run_dates as r
