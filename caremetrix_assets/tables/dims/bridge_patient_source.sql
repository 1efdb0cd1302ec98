with touches as (
    select
        *, coalesce(entered_at, touched_at) as known_at,
        lead(partition_date) over (partition by patient_id, touch_seq order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_patient_sources
),

-- Completed visits of patients with a touch, each with the snapshots that know it; a booking that names no visit counts on its
-- scheduled day.
encounters as (
    select
        patient, partition_date, cast(start as date) as visit_day,
        change_type <> 'delete' and coalesce(code, '') <> '308646001' as is_visit,
        lead(partition_date) over (partition by id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_encounters
    where patient in (select patient_id from raw_patient_sources)
),

bookings as (
    select
        patient_id, partition_date, cast(scheduled_start_at as date) as visit_day,
        change_type <> 'delete' and status = 'completed' and encounter_id is null as is_visit,
        lead(partition_date) over (partition by appointment_id order by drop_date, drop_sequence, drop_id) as replaced_on
    from raw_appointments
    where patient_id in (select patient_id from raw_patient_sources)
),

visits as (
    select patient as patient_id, partition_date, replaced_on, min(visit_day) as visit_day
    from encounters
    where is_visit
    group by patient, partition_date, replaced_on
    union all
    select patient_id, partition_date, replaced_on, min(visit_day)
    from bookings
    where is_visit
    group by patient_id, partition_date, replaced_on
),

first_visits as (
    select v.patient_id, r.partition_date, min(v.visit_day) as visit_day
    from visits as v
    inner join run_dates as r
        on v.partition_date <= r.partition_date and r.partition_date < coalesce(v.replaced_on, date '9999-12-31')
        and v.visit_day <= r.partition_date
    group by v.patient_id, r.partition_date
),

-- Later touches weigh nothing, and neither does what the practice did not know yet.
known_touches as (
    select
        t.*, r.partition_date as snapshot_date,
        case
            when cast(t.known_at as date) > r.partition_date then 0
            when cast(t.touched_at as date) > coalesce(f.visit_day, r.partition_date) then 0
            else 1
        end as counts
    from touches as t
    inner join run_dates as r
        on t.partition_date <= r.partition_date and r.partition_date < coalesce(t.replaced_on, date '9999-12-31')
    left join first_visits as f on t.patient_id = f.patient_id and r.partition_date = f.partition_date
    where t.change_type <> 'delete'
),

ranked as (
    select
        *, sum(counts) over (partition by snapshot_date, patient_id) as total,
        row_number() over (partition by snapshot_date, patient_id, counts order by touched_at, touch_seq) as position
    from known_touches
)

select
    t.patient_id,
    t.touch_seq,
    stable_key('patient_source|' || t.channel || '|' || coalesce(t.source_name, '')) as source_key,
    t.touched_at,
    t.known_at as entered_at,
    case when t.counts = 1 and t.position = 1 then 1 else 0 end as first_touch_weight,
    case when t.counts = 1 and t.position = t.total then 1 else 0 end as last_touch_weight,
    case
        when t.counts = 0 then 0
        when t.position < t.total then rate_of(1, t.total)
        else 1 - (t.total - 1) * coalesce(rate_of(1, t.total), 0)
    end as fractional_weight,
    t.cost as cost_amount,
    t.is_simulated,
    t.snapshot_date as partition_date
from ranked as t
