-- Events and visits of a patient and subject so far, on each day to build and 12 months before it, and the last day with one.
with encounter_days as (
    select
        e.subject, e.reason_key, e.observation_key, e.patient_id, e.encounter_id, e.event_date, count(*) as events,
        row_number() over encounter as day_no, lead(e.event_date) over encounter as next_date
    from events as e
    group by e.subject, e.reason_key, e.observation_key, e.patient_id, e.encounter_id, e.event_date
    window encounter as (
        partition by e.subject, e.reason_key, e.observation_key, e.patient_id, e.encounter_id order by e.event_date
    )
),

days as (
    select
        d.subject, d.reason_key, d.observation_key, d.patient_id, d.event_date, sum(d.events) as events,
        count(d.encounter_id) filter (where d.day_no = 1) as encounters
    from encounter_days as d
    group by d.subject, d.reason_key, d.observation_key, d.patient_id, d.event_date
),

running as (
    select
        d.subject, d.reason_key, d.observation_key, d.patient_id, d.event_date, sum(d.events) over so_far as events,
        sum(d.encounters) over so_far as encounters, coalesce(lead(d.event_date) over history, date '9999-12-31') as until_date
    from days as d
    window
        history as (partition by d.subject, d.reason_key, d.observation_key, d.patient_id order by d.event_date),
        so_far as (partition by d.subject, d.reason_key, d.observation_key, d.patient_id order by d.event_date rows unbounded preceding)
),

-- A visit with events before and in the last 12 months belongs to them: it counts by its last day.
continued as (
    select r.partition_date, d.subject, d.reason_key, d.observation_key, d.patient_id, count(*) as encounters
    from run_dates as r
    inner join (select * from encounter_days where next_date is not null and encounter_id is not null) as d
        on d.event_date <= add_months(r.partition_date, -12) and d.next_date > add_months(r.partition_date, -12)
        and d.next_date <= r.partition_date
    group by r.partition_date, d.subject, d.reason_key, d.observation_key, d.patient_id
),

standing as (
    select
        r.partition_date, t.subject, t.reason_key, t.observation_key, t.patient_id,
        max(t.event_date) filter (where m.months = 0) as last_date, max(t.event_date) filter (where m.months = 12) as last_date_before,
        sum(case when m.months = 0 then t.events else -t.events end) as events_12m,
        sum(case when m.months = 0 then t.encounters else -t.encounters end) as encounters_12m
    from run_dates as r
    cross join (values (0), (12)) as m (months)
    inner join running as t
        on t.event_date <= add_months(r.partition_date, -m.months) and add_months(r.partition_date, -m.months) < t.until_date
    group by r.partition_date, t.subject, t.reason_key, t.observation_key, t.patient_id
)

select
    s.partition_date, s.subject, s.reason_key, s.observation_key, s.patient_id,
    s.last_date > add_months(s.partition_date, -12) as is_recent,
    coalesce(s.last_date_before > add_months(s.partition_date, -24), false) as is_prior, s.last_date_before is null as is_incident,
    s.events_12m, s.encounters_12m + coalesce(c.encounters, 0) as encounters_12m
from standing as s
left join continued as c
    on c.partition_date = s.partition_date and c.subject = s.subject and c.reason_key = s.reason_key
    and c.observation_key = s.observation_key and c.patient_id = s.patient_id
