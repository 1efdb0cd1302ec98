with items as (
    select * from stays
    union all
    select * from visit_items
    union all
    select * from claim_items
    union all
    select * from other_items
),
-- The newest open item of a row is the one with the highest number in it.
numbered as (
    select
        i.*, i.is_met <> q.is_higher_better and not i.is_excluded as is_open,
        row_number() over (
            partition by i.measure_id, i.patient_id, i.location_key, i.provider_key, i.patient_type, i.source_key
            order by i.measured asc, i.item_id desc, i.known_from asc
        ) as item_no
    from items as i
    inner join dim_quality_measure as q on q.measure_id = i.measure_id
),
event_rows as (
    select
        p.partition_date, p.period_grain, n.measure_id, n.patient_id, n.location_key, n.provider_key, n.patient_type, n.source_key,
        count(*) as population, count(*) filter (where n.is_excluded) as excluded,
        count(*) filter (where n.is_met and not n.is_excluded) as met, sum(n.required) as required, sum(n.filled) as filled,
        max(n.measured) filter (where n.is_met and not n.is_excluded) as evidence_date, cast(null as double) as evidence_value,
        max_by(n.item_id, n.item_no) filter (where n.is_open) as open_item_id, bool_or(n.gap_1) as gap_1, bool_or(n.gap_2) as gap_2,
        bool_or(n.gap_3) as gap_3, bool_or(n.gap_4) as gap_4, bool_or(n.gap_5) as gap_5, false as gap_6, false as gap_7, false as gap_8,
        bool_or(n.is_simulated) as is_simulated
    from numbered as n
    inner join shared_periods as p
        on n.measured >= p.period_start and n.measured <= p.partition_date and n.known_from <= p.partition_date
        and p.partition_date < n.known_until
    group by 1, 2, 3, 4, 5, 6, 7, 8
    union all
    select
        partition_date, 'rolling_12m', measure_id, patient_id, location_key, provider_key, patient_type, source_key, 1,
        cast(is_excluded as integer), cast(is_met as integer), required, required - cast(gap_1 as integer) - cast(gap_2 as integer)
        - cast(gap_3 as integer) - cast(gap_4 as integer) - cast(gap_5 as integer) - cast(gap_6 as integer) - cast(gap_7 as integer)
        - cast(gap_8 as integer), evidence_date, evidence_value, null, gap_1, gap_2, gap_3, gap_4, gap_5, gap_6, gap_7, gap_8, is_simulated
    from patient_items
),
-- Names of the fields that a gap means, in the order of the alphabet.
fields as (
    select f.*
    from (
        values
        (
            'patient_record_complete', 'birth_date', 'city', 'ethnicity', 'gender', 'marital_status', 'race', 'state', 'zip'
        ),
        ('visit_record_complete', 'ended_at', 'location_key', 'payer_key', 'provider_key', 'reason', null, null, null),
        ('procedure_record_complete', 'base_cost_amount', 'ended_at', 'reason', null, null, null, null, null),
        ('claim_record_complete', 'diagnosis', 'encounter_key', 'primary_payer_key', 'provider_key', null, null, null, null)
    ) as f (measure_id, field_1, field_2, field_3, field_4, field_5, field_6, field_7, field_8)
)
select
    r.period_grain, p.period_start, r.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, m.measure_key, r.measure_id, m.domain, r.patient_id,
    coalesce(y.member_key, -1) as patient_key, r.location_key, r.provider_key, r.patient_type, r.source_key,
    r.population as population_items, r.excluded as excluded_items, r.population - r.excluded as denominator_items,
    r.met as numerator_items, r.required as required_fields, r.filled as filled_fields,
    nullif(concat_ws(
        ',', case when r.gap_1 then f.field_1 end, case when r.gap_2 then f.field_2 end, case when r.gap_3 then f.field_3 end,
        case when r.gap_4 then f.field_4 end, case when r.gap_5 then f.field_5 end, case when r.gap_6 then f.field_6 end,
        case when r.gap_7 then f.field_7 end, case when r.gap_8 then f.field_8 end
    ), '') as missing_fields,
    r.evidence_date, r.evidence_value, r.open_item_id, case when r.is_simulated then 'simulated' else 'derived' end as data_basis,
    r.partition_date
from event_rows as r
inner join shared_ops_measures as m
    on m.partition_date = r.partition_date and m.measure_id = r.measure_id and m.is_available
inner join shared_periods as p on p.partition_date = r.partition_date and p.period_grain = r.period_grain
left join fields as f on f.measure_id = r.measure_id
left join dim_patient as y on y.patient_id = r.patient_id and y.is_current
left join dim_date as d on d.date_day = p.period_start
