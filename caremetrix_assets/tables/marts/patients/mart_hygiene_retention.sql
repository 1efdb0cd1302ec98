with programs as (
    select r.partition_date, p.program
    from run_dates as r
    cross join (values ('wellness'), ('hygiene')) as p (program)
    left join (select min(visit_date) as first_date from shared_program_visits where program = 'hygiene') as h
        on h.first_date <= r.partition_date
    where p.program = 'wellness' or h.first_date is not null
),

-- Counts of the last 24 months, those of recalls of the last 12.
events as (
    select v.patient_id, v.program, v.visit_date as event_date, 'visit' as event, false as is_kept from shared_program_visits as v
    union all
    select v.patient_id, v.program, v.judged_date, 'recall', v.is_kept from shared_program_visits as v where v.judged_date is not null
    union all
    select a.patient_id, a.appointment_type, cast(a.scheduled_start_at as date), 'no_show', false
    from fact_appointment as a
    where a.outcome = 'no_show' and a.appointment_type in ('wellness', 'hygiene')
),

counted as (
    select
        r.partition_date, e.patient_id, e.program, count(*) filter (where e.event = 'visit') as visits_24m,
        count(*) filter (where e.event = 'no_show') as no_shows_24m,
        count(*) filter (where e.event = 'recall' and e.event_date > add_months(r.partition_date, -12)) as recalls_due,
        count(*) filter (where e.is_kept and e.event_date > add_months(r.partition_date, -12)) as recalls_kept
    from run_dates as r
    inner join events as e on e.event_date <= r.partition_date and e.event_date > add_months(r.partition_date, -24)
    group by r.partition_date, e.patient_id, e.program
),

-- A booking counts as made on leaving when it was made within a week of the last visit of the program.
bookings as (
    select
        r.partition_date, b.patient_id, b.appointment_type as program, min(b.scheduled_date) filter (where b.is_future) as next_booked_date,
        count(*) filter (
            where b.booked_date >= v.visit_date and b.booked_date <= v.visit_date + interval 7 day and b.scheduled_date > v.visit_date
        ) as pre_appointed
    from run_dates as r
    inner join shared_known_bookings as b on b.known_from <= r.partition_date and r.partition_date < b.known_to
    left join shared_program_visits as v
        on v.patient_id = b.patient_id and v.program = b.appointment_type
        and v.visit_date <= r.partition_date and r.partition_date < v.latest_until
    where b.appointment_type in ('wellness', 'hygiene')
    group by r.partition_date, b.patient_id, b.appointment_type
),

rows_of_day as (
    select
        k.*, g.program, v.visit_date as program_date, coalesce(v.program_visits, 0) as program_visits, v.due_date,
        coalesce(v.interval_months, s.interval_months) as interval_months, date_diff('day', v.due_date, k.partition_date) as days_past_due,
        coalesce(v.program_visits - 1, 0) as intervals, coalesce(v.regular_intervals, 0) as regular_intervals,
        coalesce(c.visits_24m, 0) as visits_24m, coalesce(c.recalls_due, 0) as recalls_due, coalesce(c.recalls_kept, 0) as recalls_kept,
        case when fb.is_available then coalesce(c.no_shows_24m, 0) end as no_shows_24m, b.next_booked_date,
        case
            when fb.is_available and v.visit_date <= k.partition_date - interval 7 day then coalesce(b.pre_appointed, 0) > 0
        end as is_pre_appointed,
        case when fb.is_available then case when b.next_booked_date is null then 1 else 0 end end as unbooked, fb.is_simulated,
        ft.is_simulated and k.source_key > 0 as is_source_simulated
    from shared_patients_on_day as k
    inner join programs as g on g.partition_date = k.partition_date
    inner join shared_feed_bookings as fb on fb.partition_date = k.partition_date
    inner join shared_feed_touches as ft on ft.partition_date = k.partition_date
    left join shared_program_visits as v
        on v.patient_id = k.patient_id and v.program = g.program
        and v.visit_date <= k.partition_date and k.partition_date < v.latest_until
    left join seed_recall_intervals as s
        on s.program = g.program and age_years(k.birth_date, k.partition_date) >= s.from_age
        and age_years(k.birth_date, k.partition_date) <= s.to_age
    left join counted as c on c.partition_date = k.partition_date and c.patient_id = k.patient_id and c.program = g.program
    left join bookings as b on b.partition_date = k.partition_date and b.patient_id = k.patient_id and b.program = g.program
),

-- Parts of the score as exact fractions; a part without a divisor weighs nothing.
scored as (
    select
        d.*, case when d.visits_24m + d.no_shows_24m > 0 then d.visits_24m + d.no_shows_24m else 1 end as shows,
        case when d.visits_24m + d.no_shows_24m > 0 then 25 else 0 end as show_weight,
        case when d.intervals > 0 then d.intervals else 1 end as gaps, case when d.intervals > 0 then 20 else 0 end as gap_weight,
        case when d.unbooked is null then 0 else 15 end as booking_weight,
        case when d.days_past_due < 0 then 0 when d.days_past_due > 180 then 180 else d.days_past_due end as late_days
    from rows_of_day as d
),

risks as (
    select
        s.*, round(cast(number_of(
            100 * cast(
                40 * s.late_days * s.shows * s.gaps + s.show_weight * 180 * coalesce(s.no_shows_24m, 0) * s.gaps
                + s.gap_weight * 180 * s.shows * (s.intervals - s.regular_intervals)
                + s.booking_weight * 180 * s.shows * s.gaps * coalesce(s.unbooked, 0) as decimal(28, 0)
            ),
            cast(180 * s.shows * s.gaps * (40 + s.show_weight + s.gap_weight + s.booking_weight) as decimal(28, 0))
        ) as decimal(18, 6)), 1) as risk_score
    from scored as s
)

select
    s.patient_id, s.patient_key, s.location_key, s.provider_key, s.patient_type, s.source_key, s.program, s.is_active,
    age_band(age_years(s.birth_date, s.partition_date)) as age_band, s.program_visits, s.program_date as last_program_visit_date,
    s.interval_months, s.due_date, s.days_past_due, s.next_booked_date,
    case
        when s.program_visits = 0 then 'never' when s.next_booked_date <= s.due_date + interval 30 day then 'scheduled'
        when s.days_past_due <= 0 and s.program_visits = 1 then 'new' when s.days_past_due <= 0 then 'current'
        when s.days_past_due <= 30 then 'due' when s.days_past_due <= 180 then 'overdue'
        when s.days_past_due <= 540 then 'long_overdue' else 'dropped'
    end as program_status,
    coalesce(s.days_past_due <= 0, false) as is_up_to_date, s.is_pre_appointed, s.intervals, s.regular_intervals,
    rate_of(s.regular_intervals, s.intervals) as regularity_rate, s.recalls_due as recalls_due_12m, s.recalls_kept as recalls_kept_12m,
    rate_of(s.recalls_kept, s.recalls_due) as recall_compliance_rate_12m, s.visits_24m as program_visits_24m, s.no_shows_24m,
    rate_of(s.no_shows_24m, s.visits_24m + s.no_shows_24m) as no_show_rate_24m, cast(s.risk_score as double) as risk_score,
    case when s.risk_score >= 60 then 'high' when s.risk_score >= 30 then 'medium' when s.risk_score >= 0 then 'low' end as risk_band,
    case when s.is_simulated or s.is_source_simulated then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from risks as s
