select
    stable_key('quality_measure|' || q.measure_id) as measure_key,
    q.measure_id,
    q.measure_name,
    q.domain,
    q.measure_basis,
    q.description,
    q.denominator_rule,
    q.numerator_rule,
    q.exclusion_rule,
    q.target_rate,
    q.is_higher_better,
    q.measure_version as version,
    q.owner,
    r.partition_date
from seed_quality_measures as q
cross join run_dates as r
union all
select
    m.reserved_key, m.label, m.label, m.label, m.label, m.label, m.label, m.label, m.label, null, null, m.label, m.label,
    r.partition_date
from seed_reserved_members as m
cross join run_dates as r
