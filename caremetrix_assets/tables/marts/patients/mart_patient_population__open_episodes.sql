-- Patients with a disease that began up to the day and had not ended on it; under reason -2 those with any.
with episodes as (
    select distinct r.partition_date, e.reason_key, e.patient_id
    from run_dates as r
    inner join fact_patient_e as e
        on cast(e.event_start_at as date) <= r.partition_date
        and (e.event_end_at is null or cast(e.event_end_at as date) > r.partition_date)
    inner join dim_reason as d on d.reason_key = e.reason_key and d.is_disease
    where e.event_type = 'condition'
)

select e.partition_date, 'condition' as subject, e.reason_key, e.patient_id
from episodes as e
union all
select distinct e.partition_date, 'population', -2, e.patient_id
from episodes as e
