with touches as (
    select
        channel, source_name, cost, change_type, partition_date,
        lead(partition_date) over (partition by patient_id, touch_seq order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_patient_sources
),

-- A source stays a member when its last touch is taken back; only touches that stand can have cost something.
sources as (
    select
        r.partition_date, t.channel, t.source_name,
        max(case when r.partition_date < coalesce(t.replaced_on, date '9999-12-31') and t.cost > 0 then 1 else 0 end) as is_paid
    from touches as t
    inner join run_dates as r on t.partition_date <= r.partition_date
    where t.change_type <> 'delete'
    group by r.partition_date, t.channel, t.source_name
)

select
    stable_key('patient_source|' || s.channel || '|' || coalesce(s.source_name, '')) as source_key,
    s.channel,
    s.source_name,
    s.is_paid = 1 as is_paid,
    s.partition_date
from sources as s
union all
select
    m.reserved_key,
    m.label,
    m.label,
    null,
    r.partition_date
from seed_reserved_members as m
cross join run_dates as r
