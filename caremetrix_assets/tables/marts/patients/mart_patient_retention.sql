-- Expected gap: the median of the gaps between the visit days so far.
with gaps as (
    select
        d.patient_id, d.visit_date,
        date_diff('day', lag(d.visit_date) over (partition by d.patient_id order by d.visit_date), d.visit_date) as gap
    from (select distinct v.patient_id, v.visit_date from shared_visits as v) as d
),

ranked_gaps as (
    select
        w.patient_id, w.visit_date, g.gap, count(*) over (partition by w.patient_id, w.visit_date) as total,
        row_number() over (partition by w.patient_id, w.visit_date order by g.gap) as position
    from (select distinct k.patient_id, k.visit_date from shared_patients_on_day as k) as w
    inner join gaps as g on g.patient_id = w.patient_id and g.visit_date <= w.visit_date and g.gap is not null
),

expected_gaps as (
    select g.patient_id, g.visit_date, min(g.gap) filter (where 2 * g.position >= g.total) as gap, max(g.total) as gaps
    from ranked_gaps as g
    group by g.patient_id, g.visit_date
),

no_shows as (
    select r.partition_date, a.patient_id, count(*) as no_shows
    from run_dates as r
    inner join fact_appointment as a
        on cast(a.scheduled_start_at as date) <= r.partition_date and cast(a.scheduled_start_at as date) > add_months(r.partition_date, -12)
    where a.outcome = 'no_show'
    group by r.partition_date, a.patient_id
),

preventive as (
    select h.partition_date, h.patient_id, max(h.days_past_due) > 30 as is_overdue
    from mart_hygiene_retention as h
    group by h.partition_date, h.patient_id
),

people as (
    select
        k.partition_date, k.patient_id, k.patient_key, k.location_key, k.provider_key, k.patient_type, k.source_key, k.visit_date,
        k.is_active,
        date_diff('day', k.visit_date, k.partition_date) as days_since,
        case when e.gaps < 2 or e.gaps is null then 365 when e.gap < 30 then 30 else e.gap end as expected_days
    from shared_patients_on_day as k
    left join expected_gaps as e on e.patient_id = k.patient_id and e.visit_date = k.visit_date
    union all
    select
        p.partition_date, p.patient_id, p.patient_key, p.location_key, p.provider_key, 'prospect', p.source_key, null, false, null, null
    from prospects as p
),

measured as (
    select
        p.*, coalesce(c.visits, 0) as visits, coalesce(c.visits_12m, 0) as visits_12m, coalesce(c.visits_prior_12m, 0) as visits_prior_12m,
        n.next_booked_date, h.is_overdue, coalesce(m.amount_12m, 0) as amount_12m, coalesce(m.lifetime_amount, 0) as lifetime_amount,
        case when fb.is_available then coalesce(x.no_shows, 0) end as no_shows,
        case when fb.is_available then case when n.next_booked_date is null then 1 else 0 end end as unbooked,
        case when fs.is_available then coalesce(s.statements_due, 0) end as statements_due,
        case when fs.is_available then coalesce(s.statements_paid, 0) end as statements_paid,
        fb.is_simulated or fs.is_simulated or (ft.is_simulated and p.source_key > 0) as is_simulated
    from people as p
    inner join shared_feed_bookings as fb on fb.partition_date = p.partition_date
    inner join shared_feed_statements as fs on fs.partition_date = p.partition_date
    inner join shared_feed_touches as ft on ft.partition_date = p.partition_date
    left join shared_visit_counts as c on c.partition_date = p.partition_date and c.patient_id = p.patient_id
    left join shared_production_to_day as m on m.partition_date = p.partition_date and m.patient_id = p.patient_id
    left join shared_next_bookings as n on n.partition_date = p.partition_date and n.patient_id = p.patient_id
    left join no_shows as x on x.partition_date = p.partition_date and x.patient_id = p.patient_id
    left join preventive as h on h.partition_date = p.partition_date and h.patient_id = p.patient_id
    left join statements as s on s.partition_date = p.partition_date and s.patient_id = p.patient_id
),

-- Parts of the score as exact fractions; a part that is not known weighs nothing.
scored as (
    select
        m.*, 2 * m.expected_days as late_parts,
        case
            when m.days_since <= m.expected_days then 0 when m.days_since >= 3 * m.expected_days then 2 * m.expected_days
            else m.days_since - m.expected_days
        end as late_days,
        coalesce(nullif(m.visits_12m + m.no_shows, 0), 1) as shows,
        case when m.visits_12m + m.no_shows > 0 then 20 else 0 end as show_weight,
        case when m.unbooked is null then 0 else 15 end as booking_weight, case when m.is_overdue then 1 else 0 end as overdue,
        case when m.is_overdue is null then 0 else 15 end as overdue_weight, coalesce(nullif(m.statements_due, 0), 1) as bills,
        case when m.statements_due > 0 then 10 else 0 end as bill_weight
    from measured as m
),

risks as (
    select
        s.*,
        1 + cast(s.show_weight > 0 as integer) + cast(s.booking_weight > 0 as integer) + cast(s.overdue_weight > 0 as integer)
        + cast(s.bill_weight > 0 as integer) as components,
        round(cast(number_of(
            100 * cast(
                40 * cast(s.late_days as bigint) * s.shows * s.bills + s.show_weight * s.late_parts * coalesce(s.no_shows, 0) * s.bills
                + s.late_parts * s.shows * s.bills * (s.booking_weight * coalesce(s.unbooked, 0) + s.overdue_weight * s.overdue)
                + s.bill_weight * s.late_parts * s.shows * (coalesce(s.statements_due, 0) - coalesce(s.statements_paid, 0))
                as decimal(28, 0)
            ),
            cast(s.late_parts * s.shows * s.bills as decimal(22, 0))
            * (40 + s.show_weight + s.booking_weight + s.overdue_weight + s.bill_weight)
        ) as decimal(18, 6)), 1) as score
    from scored as s
)

select
    r.patient_id, r.patient_key, r.location_key, r.provider_key, r.patient_type, r.source_key, r.visit_date as last_visit_date,
    r.days_since as days_since_last_visit,
    case
        when r.visit_date is null then 'prospect' when r.visit_date > add_months(r.partition_date, -6) then 'active'
        when r.visit_date > add_months(r.partition_date, -12) then 'slipping'
        when r.visit_date > add_months(r.partition_date, -18) then 'at_risk'
        when r.visit_date > add_months(r.partition_date, -36) then 'lapsed' else 'lost'
    end as retention_status,
    r.next_booked_date, r.visits, r.visits_12m, r.visits_prior_12m, r.expected_days as expected_interval_days, r.no_shows as no_shows_12m,
    rate_of(r.no_shows, r.visits_12m + r.no_shows) as no_show_rate_12m, r.is_overdue as is_preventive_overdue,
    r.statements_due as statements_due_12m, r.statements_paid as statements_paid_on_time_12m,
    case when r.is_active then r.components end as risk_components,
    case when r.is_active then cast(r.score as double) end as churn_risk_score,
    case when not r.is_active then null when r.score >= 60 then 'high' when r.score >= 30 then 'medium' else 'low' end as churn_risk_band,
    r.amount_12m as production_12m_amount, r.lifetime_amount as production_lifetime_amount,
    case
        when r.lifetime_amount <= 0 then 'none' when r.lifetime_amount < 500 then 'low' when r.lifetime_amount < 2000 then 'medium'
        when r.lifetime_amount < 5000 then 'high' else 'top'
    end as value_tier,
    case
        when r.visits > 0 then cast(1 + floor(cast(5 * (rank() over seen - 1) as decimal(18, 0)) / count(*) over all_seen) as integer)
    end as production_quintile,
    case when r.is_simulated then 'simulated' else 'derived' end as data_basis,
    r.partition_date
from risks as r
window
    all_seen as (partition by r.partition_date, r.visits > 0),
    seen as (partition by r.partition_date, r.visits > 0 order by r.amount_12m)
