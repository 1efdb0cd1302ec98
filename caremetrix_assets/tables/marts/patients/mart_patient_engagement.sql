-- Outreach of the last 12 months that had a week to be answered, and plan items that had 90 days.
with messages as (
    select
        r.partition_date, c.patient_id,
        count(*) filter (
            where c.is_outreach and c.sent_date > add_months(r.partition_date, -12) and c.sent_date <= r.partition_date - interval 7 day
        ) as delivered,
        count(*) filter (
            where c.is_outreach and c.sent_date > add_months(r.partition_date, -12) and c.sent_date <= r.partition_date - interval 7 day
            and c.response_hours <= 168
        ) as replied,
        count(*) filter (where c.is_opt_out) as opt_outs
    from run_dates as r
    inner join (
        select
            f.patient_id, cast(f.sent_at as date) as sent_date, f.response_hours, f.is_opt_out,
            f.direction = 'outbound' and f.purpose in ('reminder', 'recall', 'outreach', 'billing') and f.delivery_status = 'delivered'
                as is_outreach
        from fact_communication as f
    ) as c on c.sent_date <= r.partition_date
    where c.is_outreach or c.is_opt_out
    group by r.partition_date, c.patient_id
),

cancellations as (
    select r.partition_date, a.patient_id, count(*) as late_cancellations
    from run_dates as r
    inner join fact_appointment as a
        on cast(a.scheduled_start_at as date) <= r.partition_date and cast(a.scheduled_start_at as date) > add_months(r.partition_date, -12)
    where a.outcome = 'cancelled_late'
    group by r.partition_date, a.patient_id
),

plan_items as (
    select
        r.partition_date, t.patient_id, count(*) as presented,
        count(*) filter (where cast(t.accepted_at as date) <= cast(t.presented_at as date) + interval 90 day) as accepted
    from run_dates as r
    inner join fact_treatment_plan_item as t
        on cast(t.presented_at as date) <= r.partition_date - interval 90 day
        and cast(t.presented_at as date) > add_months(cast(r.partition_date - interval 90 day as date), -12)
    group by r.partition_date, t.patient_id
),

preventive as (
    select h.partition_date, h.patient_id, case when max(h.days_past_due) > 0 then max(h.days_past_due) else 0 end as gap_days
    from mart_hygiene_retention as h
    where h.days_past_due is not null
    group by h.partition_date, h.patient_id
),

measured as (
    select
        p.*, h.gap_days, fm.is_available as has_messages, fb.is_available as has_bookings, fp.is_available as has_plans,
        case when fm.is_available then coalesce(m.delivered, 0) end as delivered,
        case when fm.is_available then coalesce(m.replied, 0) end as replied,
        case when fm.is_available then coalesce(m.opt_outs, 0) > 0 end as is_opted_out,
        case when fb.is_available then coalesce(c.late_cancellations, 0) end as late_cancellations,
        case when fp.is_available then coalesce(i.presented, 0) end as presented,
        case when fp.is_available then coalesce(i.accepted, 0) end as accepted,
        p.visits_12m + p.no_shows_12m + case when fb.is_available then coalesce(c.late_cancellations, 0) end as appointments,
        fm.is_simulated or fb.is_simulated or fp.is_simulated or fs.is_simulated or (ft.is_simulated and p.source_key > 0) as is_simulated
    from mart_patient_retention as p
    inner join shared_feed_messages as fm on fm.partition_date = p.partition_date
    inner join shared_feed_bookings as fb on fb.partition_date = p.partition_date
    inner join shared_feed_plan_items as fp on fp.partition_date = p.partition_date
    inner join shared_feed_statements as fs on fs.partition_date = p.partition_date
    inner join shared_feed_touches as ft on ft.partition_date = p.partition_date
    left join messages as m on m.partition_date = p.partition_date and m.patient_id = p.patient_id
    left join cancellations as c on c.partition_date = p.partition_date and c.patient_id = p.patient_id
    left join plan_items as i on i.partition_date = p.partition_date and i.patient_id = p.patient_id
    left join preventive as h on h.partition_date = p.partition_date and h.patient_id = p.patient_id
),

-- Parts of the score as exact fractions; a part without a divisor weighs nothing.
weighed as (
    select
        m.*, case when m.appointments > 0 then m.appointments else 1 end as kept_of,
        case when m.appointments > 0 then 35 else 0 end as kept_weight,
        case when m.delivered > 0 then m.delivered else 1 end as reply_of, case when m.delivered > 0 then 25 else 0 end as reply_weight,
        case when m.statements_due_12m > 0 then m.statements_due_12m else 1 end as paid_of,
        case when m.statements_due_12m > 0 then 20 else 0 end as paid_weight, case when m.gap_days is null then 0 else 20 end as gap_weight
    from measured as m
),

scored as (
    select
        w.*, cast(w.kept_weight > 0 as integer) + cast(w.reply_weight > 0 as integer) + cast(w.paid_weight > 0 as integer)
        + cast(w.gap_weight > 0 as integer) as components,
        round(cast(number_of(
            100 * cast(
                w.kept_weight * cast(w.visits_12m as bigint) * w.reply_of * w.paid_of
                + w.reply_weight * cast(coalesce(w.replied, 0) as bigint) * w.kept_of * w.paid_of
                + w.paid_weight * cast(coalesce(w.statements_paid_on_time_12m, 0) as bigint) * w.kept_of * w.reply_of
                + w.gap_weight * cast(w.kept_of as bigint) * w.reply_of * w.paid_of * case when w.gap_days = 0 then 1 else 0 end
                as decimal(26, 0)
            ),
            cast(cast(w.kept_of as bigint) * w.reply_of * w.paid_of as decimal(22, 0))
            * (w.kept_weight + w.reply_weight + w.paid_weight + w.gap_weight)
        ) as decimal(18, 6)), 1) as score
    from weighed as w
)

select
    s.patient_id, s.patient_key, s.location_key, s.provider_key, s.patient_type, s.source_key,
    s.delivered as outreach_delivered_12m,
    s.replied as outreach_replied_12m,
    rate_of(s.replied, s.delivered) as response_rate_12m,
    s.is_opted_out,
    s.visits_12m as kept_visits_12m,
    s.no_shows_12m,
    s.late_cancellations as late_cancellations_12m,
    rate_of(case when s.has_bookings then s.visits_12m end, s.appointments) as adherence_rate_12m,
    s.presented as plan_items_presented,
    s.accepted as plan_items_accepted,
    rate_of(s.accepted, s.presented) as plan_acceptance_rate,
    s.statements_due_12m,
    s.statements_paid_on_time_12m,
    rate_of(s.statements_paid_on_time_12m, s.statements_due_12m) as on_time_payment_rate_12m,
    s.gap_days as preventive_gap_days,
    s.components as components_available,
    cast(s.score as double) as engagement_score,
    case
        when s.components < 2 then 'insufficient_data' when s.score >= 75 then 'high' when s.score >= 50 then 'medium'
        when s.score >= 25 then 'low' else 'disengaged'
    end as engagement_tier,
    case when s.is_simulated then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from scored as s
