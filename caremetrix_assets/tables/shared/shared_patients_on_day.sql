-- Living patients with a visit up to each day to build, under the keys of their latest visit.
select r.partition_date, v.*, coalesce(s.source_key, -1) as source_key, r.partition_date < v.active_until as is_active
from run_dates as r
inner join shared_visits as v on v.visit_date <= r.partition_date and r.partition_date < v.latest_until
left join shared_patient_sources as s
    on s.patient_id = v.patient_id and s.valid_from <= r.partition_date and r.partition_date < s.valid_to
where v.death_date is null or v.death_date > r.partition_date
