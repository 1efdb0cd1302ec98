with transitions as (
    select
        patient, source_ordinal, memberid, payer, secondary_payer, start_date, partition_date,
        cast(start_date as date) as start_day, coalesce(cast(end_date as date), date '9999-12-31') as end_day,
        stable_key(
            'insurance|' || coalesce(payer, '') || '|' || coalesce(secondary_payer, '') || '|' || coalesce(plan_ownership, '')
        ) as insurance_key,
        -- a span of no length never covered anybody
        change_type <> 'delete' and (end_date is distinct from start_date) as is_span,
        lead(partition_date) over (
            partition by patient, start_date, source_ordinal order by drop_date, drop_sequence, drop_id
        ) as replaced_on
    from raw_payer_transitions
),

spans as (
    select
        t.*, r.partition_date as snapshot_date,
        -- of a span that starts after the snapshot the version known on its day
        case when t.start_day > r.partition_date then r.partition_date else t.start_day end as version_day
    from transitions as t
    inner join run_dates as r
        on t.partition_date <= r.partition_date and r.partition_date < coalesce(t.replaced_on, date '9999-12-31')
    where t.is_span
),

-- The newest insurers restricted to those that the drops up to the snapshot had told of.
payers as (
    select p.payer_id, p.payer_key, p.payer_class, p.valid_from, p.valid_to, k.known_from
    from dim_payer as p
    inner join (select id, min(partition_date) as known_from from raw_payers group by id) as k on p.payer_id = k.id
)

select
    s.patient as patient_id,
    row_number() over (partition by s.snapshot_date, s.patient order by s.start_date, s.source_ordinal) as coverage_seq,
    s.insurance_key,
    coalesce(p1.payer_key, -1) as payer_key,
    case when s.secondary_payer is null then -2 else coalesce(p2.payer_key, -1) end as secondary_payer_key,
    s.memberid as member_id,
    s.start_day as coverage_start_date,
    s.end_day as coverage_end_date,
    p1.payer_class <> 'none' as is_insured,
    s.snapshot_date as partition_date
from spans as s
left join payers as p1
    on s.payer = p1.payer_id and p1.known_from <= s.snapshot_date and p1.valid_from <= s.version_day and s.version_day < p1.valid_to
left join payers as p2
    on s.secondary_payer = p2.payer_id and p2.known_from <= s.snapshot_date
    and p2.valid_from <= s.version_day and s.version_day < p2.valid_to
