with orders as (
    select
        code, trim(description) as description, base_cost, change_type, partition_date,
        iso_date(drop_date) || lpad(cast(drop_sequence as varchar), 9, '0') || drop_id as drop_order,
        case when cast(start as date) > partition_date then cast(start as date) else partition_date end as known_from,
        lead(partition_date) over (
            partition by start, patient, encounter, code, source_ordinal order by drop_date, drop_sequence, drop_id
        ) as replaced_on
    from raw_medications
),

-- Texts of orders that were replaced or deleted count as seen, with no order of their own.
texts as (
    select
        r.partition_date, t.code, t.description, max(t.drop_order) as drop_order,
        sum(case when r.partition_date < coalesce(t.replaced_on, date '9999-12-31') then t.row_count else 0 end) as row_count
    from (
        select code, description, partition_date, replaced_on, max(drop_order) as drop_order, count(*) as row_count
        from orders
        where change_type <> 'delete'
        group by code, description, partition_date, replaced_on
    ) as t
    inner join run_dates as r on t.partition_date <= r.partition_date
    group by r.partition_date, t.code, t.description
),

drugs as (
    select
        *, count(description) over (partition by partition_date, code) as description_variants,
        row_number() over (
            partition by partition_date, code
            order by case when description is null then 1 else 0 end asc, row_count desc, drop_order desc, description asc
        ) as text_rank
    from texts
),

names as (
    select description, ' ' || replace(replace(lower(description), '/', ' '), ',', ' ') || ' ' as words
    from drugs
    where text_rank = 1 and description is not null
    group by description
),

opioids as (
    select n.description
    from names as n
    inner join seed_opioid_ingredients as o on n.words like '% ' || o.ingredient || ' %'
    group by n.description
),

-- A text is [registration] [amount] ingredient strength / ingredient strength dose form [brand]; packs and the intrauterine
-- systems, which the source names by their brand, are not taken apart.
bodies as (
    select
        description,
        regexp_extract(split_part(description, ' [', 1), '^((NDA|ANDA|BLA)[0-9]+ )?(Abuse-Deterrent )?([0-9.]+ [A-Z]+ )?(.*)$', 5) as body
    from names
    where description not like '%Intrauterine System'
),

-- The last part has the dose form behind its strength.
parts as (
    select
        b.description, n.part, split_part(b.body, ' / ', n.part + 1) = '' as is_last,
        split_part(b.body, ' / ', n.part) || case when split_part(b.body, ' / ', n.part + 1) = '' then '' else ' -' end as words
    from bodies as b
    cross join (values (1), (2), (3), (4), (5), (6)) as n (part)
    where length(split_part(b.body, ' / ', n.part)) > 0
),

parsed as (
    select
        description, part, is_last,
        nullif(replace(lower(regexp_extract(words, '^([^{};]+?) [0-9][0-9.]* [A-Z%]+(/[A-Za-z]+)? .+$', 1)), '  ', ' '), '') as ingredient,
        nullif(regexp_extract(words, '^[^{};]+? ([0-9][0-9.]* [A-Z%]+(/[A-Za-z]+)?) .+$', 1), '') as strength,
        case when is_last then nullif(regexp_extract(words, '^[^{};]+? [0-9][0-9.]* [A-Z%]+(/[A-Za-z]+)? (.+)$', 2), '') end as dose_form
    from parts
),

compositions as (
    select
        description,
        max(case when part = 1 then ingredient end) || coalesce(' / ' || max(case when part = 2 then ingredient end), '')
        || coalesce(' / ' || max(case when part = 3 then ingredient end), '')
        || coalesce(' / ' || max(case when part = 4 then ingredient end), '')
        || coalesce(' / ' || max(case when part = 5 then ingredient end), '')
        || coalesce(' / ' || max(case when part = 6 then ingredient end), '') as ingredient,
        max(case when part = 1 then strength end) || coalesce(' / ' || max(case when part = 2 then strength end), '')
        || coalesce(' / ' || max(case when part = 3 then strength end), '')
        || coalesce(' / ' || max(case when part = 4 then strength end), '')
        || coalesce(' / ' || max(case when part = 5 then strength end), '')
        || coalesce(' / ' || max(case when part = 6 then strength end), '') as strength,
        max(dose_form) as dose_form
    from parsed
    group by description
    having count(*) = count(ingredient) and max(case when is_last then 1 else 0 end) = 1
),

-- Prices of all orders started up to D. What was known before the first snapshot is one step for all of them.
prices as (
    select o.code, o.base_cost, r.first_snapshot, o.replaced_on, count(*) as row_count
    from orders as o
    inner join (
        select d.known_from, min(r.partition_date) as first_snapshot
        from (select distinct known_from from orders) as d
        inner join run_dates as r on d.known_from <= r.partition_date
        group by d.known_from
    ) as r on o.known_from = r.known_from
    where o.change_type <> 'delete' and o.base_cost is not null
    group by o.code, o.base_cost, r.first_snapshot, o.replaced_on
),

medians as (
    select partition_date, code, min(case when 2 * rows_to >= all_rows then base_cost end) as base_cost
    from (
        select
            partition_date, code, base_cost, sum(row_count) over (partition by partition_date, code) as all_rows,
            sum(row_count) over (partition by partition_date, code order by base_cost rows unbounded preceding) as rows_to
        from (
            select r.partition_date, p.code, p.base_cost, sum(p.row_count) as row_count
            from prices as p
            inner join run_dates as r
                on p.first_snapshot <= r.partition_date and r.partition_date < coalesce(p.replaced_on, date '9999-12-31')
            group by r.partition_date, p.code, p.base_cost
        ) as s
    ) as s
    group by partition_date, code
)

select
    stable_key('medication|' || d.code) as medication_key, d.code as medication_code, d.description, d.description_variants,
    c.ingredient, c.strength, c.dose_form, o.description is not null as is_opioid, m.base_cost as median_unit_cost_amount, d.partition_date
from drugs as d
left join compositions as c on d.description = c.description
left join opioids as o on d.description = o.description
left join medians as m on d.partition_date = m.partition_date and d.code = m.code
where d.text_rank = 1
union all
select m.reserved_key, m.label, m.label, null, m.label, m.label, m.label, null, null, r.partition_date
from seed_reserved_members as m
cross join run_dates as r
