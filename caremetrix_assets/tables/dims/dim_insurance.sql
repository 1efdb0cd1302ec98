with transitions as (
    select
        *,
        cast(start_date as date) as start_day,
        coalesce(cast(end_date as date), date '9999-12-31') as end_day,
        coalesce(
            lead(partition_date) over (
                partition by patient, start_date, source_ordinal order by drop_date, drop_sequence, drop_id
            ),
            date '9999-12-31'
        ) as replaced_on
    from raw_payer_transitions
),

-- Kinds that only deleted spans had stay members; their first span then counts as first seen.
kinds as (
    select
        r.partition_date, t.payer, t.secondary_payer, t.plan_ownership,
        coalesce(
            min(case when r.partition_date < t.replaced_on then t.start_day end),
            min(t.start_day)
        ) as first_seen_date,
        count(distinct case
            when r.partition_date < t.replaced_on and t.start_day <= r.partition_date and r.partition_date < t.end_day then t.patient
        end) as member_count
    from transitions as t
    inner join run_dates as r on t.partition_date <= r.partition_date
    where t.change_type <> 'delete'
    group by r.partition_date, t.payer, t.secondary_payer, t.plan_ownership
),

payers as (
    select
        p.id, p.partition_date, c.payer_class,
        lead(p.partition_date) over (partition by p.id order by p.drop_date, p.drop_sequence, p.drop_id) as replaced_on
    from raw_payers as p
    left join seed_payer_classes as c
        on p.ownership = c.ownership or (p.ownership is null and upper(p.name) = c.payer_name)
    where p.change_type <> 'delete'
),

payers_now as (
    select p.id, coalesce(p.payer_class, 'private') as payer_class, r.partition_date
    from payers as p
    inner join run_dates as r
        on p.partition_date <= r.partition_date and r.partition_date < coalesce(p.replaced_on, date '9999-12-31')
)

select
    stable_key(
        'insurance|' || coalesce(k.payer, '') || '|' || coalesce(k.secondary_payer, '') || '|' || coalesce(k.plan_ownership, '')
    ) as insurance_key,
    k.payer as payer_id,
    case when p.id is null then -1 else stable_key('payer|' || k.payer || '|1900-01-01') end as payer_key,
    k.secondary_payer as secondary_payer_id,
    case
        when k.secondary_payer is null then -2
        when s.id is null then -1
        else stable_key('payer|' || k.secondary_payer || '|1900-01-01')
    end as secondary_payer_key,
    k.plan_ownership,
    p.payer_class,
    k.secondary_payer is not null as has_secondary,
    k.first_seen_date,
    k.member_count,
    k.partition_date
from kinds as k
left join payers_now as p on k.payer = p.id and k.partition_date = p.partition_date
left join payers_now as s on k.secondary_payer = s.id and k.partition_date = s.partition_date
union all
select
    m.reserved_key, m.label, null, m.label, null, m.label, m.label, null, null, null,
    r.partition_date
from seed_reserved_members as m
cross join run_dates as r
