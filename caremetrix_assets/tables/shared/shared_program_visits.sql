-- Days with a visit of a program, each with the day the next visit is due, the next one that came, and how regular the visits were so far.
with program_days as (
    select v.patient_id, p.program, v.visit_date, v.birth_date, max_by(v.fact_appointment_sk, v.visit_seq) as fact_appointment_sk
    from shared_visits as v
    cross join (values ('wellness'), ('hygiene')) as p (program)
    where
        v.appointment_type = p.program or (p.program = 'wellness' and v.encounter_class = 'wellness')
        or (p.program = 'hygiene' and v.is_hygiene)
    group by v.patient_id, p.program, v.visit_date, v.birth_date
),

due_dates as (
    select
        d.patient_id, d.program, d.visit_date, d.fact_appointment_sk, s.interval_months,
        add_months(d.visit_date, s.interval_months) as due_date,
        row_number() over history as program_visits, lead(d.visit_date) over history as next_date,
        lag(d.visit_date) over history as previous_date
    from program_days as d
    left join seed_recall_intervals as s
        on s.program = d.program and age_years(d.birth_date, d.visit_date) >= s.from_age
        and age_years(d.birth_date, d.visit_date) <= s.to_age
    window history as (partition by d.patient_id, d.program order by d.visit_date)
),

gaps as (
    select
        d.*, date_diff('day', d.previous_date, d.visit_date) as gap,
        date_diff('day', d.previous_date, lag(d.due_date) over (partition by d.patient_id, d.program order by d.visit_date)) as expected_gap
    from due_dates as d
)

select
    g.patient_id, g.program, g.visit_date, g.fact_appointment_sk, g.interval_months, g.due_date, g.next_date, g.program_visits,
    coalesce(g.next_date, date '9999-12-31') as latest_until,
    sum(case when 4 * g.gap >= 3 * g.expected_gap and 4 * g.gap <= 5 * g.expected_gap then 1 else 0 end) over (
        partition by g.patient_id, g.program order by g.visit_date rows unbounded preceding
    ) as regular_intervals,
    -- A visit more than 30 days before the due day replaces the recall: there is nothing left to keep.
    case when g.next_date is null or g.next_date >= g.due_date - interval 30 day then cast(g.due_date + interval 60 day as date) end
        as judged_date,
    coalesce(g.next_date <= g.due_date + interval 60 day, false) as is_kept
from gaps as g
