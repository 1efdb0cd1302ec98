with performed as (
    select
        p.*, coalesce(nullif(s.code_system, 'ICD10'), 'OTHER') as code_system,
        extract(year from p.start) as year, minutes_between(p.start, p.stop) as minutes,
        case when cast(p.start as date) > p.partition_date then cast(p.start as date) else p.partition_date end as known_from,
        lead(p.partition_date) over (
            partition by p.start, p.stop, p.patient, p.encounter, p.code order by p.drop_date, p.drop_sequence, p.drop_id
        ) as replaced_on
    from raw_procedures as p
    left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
),

planned as (
    select p.*, p.procedure_code as code, coalesce(nullif(s.code_system, 'ICD10'), 'OTHER') as code_system
    from raw_treatment_plan_items as p left join seed_code_systems as s on lower(p.procedure_system) like s.system_pattern
    where p.change_type <> 'delete'
),

-- The ledger names no code system: the files in which the code stands do.
known_codes as (
    select code, code_system, min(known_from) as known_from
    from (
        select code, code_system, partition_date as known_from from performed
        union all select code, code_system, partition_date from planned
        union all select code, 'SNOMED', partition_date from raw_encounters
        union all select code, 'CVX', partition_date from raw_immunizations
        union all select code, 'RXNORM', partition_date from raw_medications
    ) as k
    group by code, code_system
),

tallies as (
    select code_system, code, description, partition_date, replaced_on, drop_date, drop_sequence, drop_id, count(*) as row_count
    from performed where change_type <> 'delete'
    group by code_system, code, description, partition_date, replaced_on, drop_date, drop_sequence, drop_id
    -- a plan item has a code without a text
    union all select code_system, code, null, partition_date, null, drop_date, drop_sequence, drop_id, 0
    from planned
    group by code_system, code, partition_date, drop_date, drop_sequence, drop_id
    -- only a claim that was written twice can have replaced rows; the window over all rows took ten times as long
    union all select null, procedurecode, notes, partition_date, null, drop_date, drop_sequence, drop_id, count(*)
    from raw_claims_transactions
    where type = 'CHARGE' and claimid not in (select claimid from raw_claims_transactions where change_type <> 'insert')
    group by procedurecode, notes, partition_date, drop_date, drop_sequence, drop_id
    union all select null, procedurecode, notes, partition_date, replaced_on, drop_date, drop_sequence, drop_id, count(*)
    from (
        select
            *, lead(partition_date) over (partition by claimid, line_ordinal order by drop_date, drop_sequence, drop_id) as replaced_on
        from raw_claims_transactions
        where claimid in (select claimid from raw_claims_transactions where change_type <> 'insert')
    ) as w
    where type = 'CHARGE' and change_type <> 'delete'
    group by procedurecode, notes, partition_date, replaced_on, drop_date, drop_sequence, drop_id
),

-- Texts of rows that were replaced or deleted count as seen, with no row of their own.
texts as (
    select
        r.partition_date, t.code, trim(t.description) as description, coalesce(t.code_system, k.code_system, 'OTHER') as code_system,
        iso_date(t.drop_date) || lpad(cast(t.drop_sequence as varchar), 9, '0') || t.drop_id as drop_order,
        case when r.partition_date < coalesce(t.replaced_on, date '9999-12-31') then t.row_count else 0 end as row_count
    from tallies as t
    inner join run_dates as r on t.partition_date <= r.partition_date
    left join known_codes as k on t.code_system is null and t.code = k.code and k.known_from <= r.partition_date
    where t.code is not null
),

codes as (
    select
        partition_date, code_system, code, description,
        count(description) over (partition by partition_date, code_system, code) as description_variants,
        row_number() over (
            partition by partition_date, code_system, code
            order by case when description is null then 1 else 0 end asc, sum(row_count) desc, max(drop_order) desc, description asc
        ) as text_rank
    from texts
    group by partition_date, code_system, code, description
),

categories as (
    select
        t.code_system, t.code, t.description, min_by(c.procedure_category, c.rule_number) as procedure_category,
        min_by(c.is_dental, c.rule_number) as is_dental, min_by(c.is_hygiene, c.rule_number) as is_hygiene
    from (select distinct code_system, code, description from codes where text_rank = 1) as t
    inner join seed_procedure_categories as c
        on coalesce(c.code_system, t.code_system) = t.code_system and t.code like coalesce(c.code_pattern, '%')
        and (c.text_pattern is null or lower(t.description) like c.text_pattern)
    group by t.code_system, t.code, t.description
),

-- Minutes of all rows started up to D; costs of all years before D's, and of the last of them.
measures as (
    select
        r.partition_date, a.code_system, a.code, m.kind,
        case when m.kind = 'minutes' then a.minutes else cast(a.base_cost as decimal(18, 6)) end as amount,
        sum(a.row_count) as row_count
    from (
        select code_system, code, base_cost, minutes, year, known_from, replaced_on, count(*) as row_count
        from performed where change_type <> 'delete'
        group by code_system, code, base_cost, minutes, year, known_from, replaced_on
    ) as a
    inner join run_dates as r on a.known_from <= r.partition_date and r.partition_date < coalesce(a.replaced_on, date '9999-12-31')
    inner join (values ('minutes', 9999, 0), ('cost', 9999, 1), ('cost_of_year', 1, 1)) as m (kind, most_years, least_years)
        on extract(year from r.partition_date) - a.year between m.least_years and m.most_years
    group by 1, 2, 3, 4, 5
),

percentiles as (
    select
        partition_date, code_system, code,
        min(case when kind = 'minutes' and 2 * rows_to >= all_rows then amount end) as minutes_p50,
        min(case when kind = 'minutes' and 4 * rows_to >= 3 * all_rows then amount end) as minutes_p75,
        coalesce(
            min(case when kind = 'cost_of_year' and all_rows >= 5 and 2 * rows_to >= all_rows then amount end),
            min(case when kind = 'cost' and 2 * rows_to >= all_rows then amount end)
        ) as fee
    from (
        select
            *, sum(row_count) over (partition by partition_date, code_system, code, kind) as all_rows,
            sum(row_count) over (partition by partition_date, code_system, code, kind order by amount rows unbounded preceding) as rows_to
        from measures where amount is not null
    ) as s
    group by partition_date, code_system, code
)

select
    stable_key('procedure|' || c.code_system || '|' || c.code) as procedure_key, c.code_system, c.code as procedure_code,
    coalesce(substring(c.description, 1, length(c.description) - length(g.semantic_tag) - 3), c.description, c.code) as description,
    g.semantic_tag, c.description_variants, coalesce(k.procedure_category, 'other') as procedure_category,
    coalesce(k.is_dental, false) as is_dental, coalesce(k.is_hygiene, false) as is_hygiene, p.fee as standard_fee_amount,
    case floor(3 * (rank() over by_minutes - 1) / nullif(count(p.minutes_p50) over snapshot, 0))
        when 0 then 'low' when 1 then 'medium' when 2 then 'high'
    end as complexity,
    case floor(3 * (rank() over by_fee - 1) / nullif(count(p.fee) over snapshot, 0))
        when 0 then 'low' when 1 then 'medium' when 2 then 'high'
    end as revenue_tier,
    p.minutes_p50 as typical_minutes_p50, p.minutes_p75 as typical_minutes_p75, c.partition_date
from codes as c
left join categories as k on c.code_system = k.code_system and c.code = k.code and c.description is not distinct from k.description
left join percentiles as p on c.partition_date = p.partition_date and c.code_system = p.code_system and c.code = p.code
left join seed_semantic_tags as g on c.code_system = 'SNOMED' and c.description like '% (' || g.semantic_tag || ')'
where c.text_rank = 1
window
    snapshot as (partition by c.partition_date),
    by_minutes as (partition by c.partition_date order by p.minutes_p50 nulls last),
    by_fee as (partition by c.partition_date order by p.fee nulls last)
union all
select
    m.reserved_key, m.label, m.label, m.label, m.label, null, m.label, null, null, null, m.label, m.label, null, null, r.partition_date
from seed_reserved_members as m cross join run_dates as r
