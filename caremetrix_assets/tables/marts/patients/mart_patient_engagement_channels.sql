with placed as (
    select
        o.kind, o.count_date, o.known_from, o.known_to, b.breakdown,
        case when b.breakdown in ('location', 'detail') then o.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then o.provider_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then o.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then o.source_key else -3 end as source,
        case when b.breakdown = 'channel' then o.channel else 'all' end as channel,
        case when b.breakdown = 'purpose' then o.purpose else 'all' end as purpose,
        case when b.breakdown = 'campaign' then o.campaign else 'all' end as campaign, o.reply_hours, count(*) as messages,
        count(*) filter (where o.is_delivered) as delivered, count(*) filter (where o.is_after_opt_out) as after_opt_out,
        count(*) filter (where o.is_replied) as replied, count(*) filter (where o.is_booked) as booked
    from outreach as o
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('channel'), ('purpose'),
        ('campaign')
    ) as b (breakdown)
    where o.count_date >= (select min(p.period_start) from shared_periods as p)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
),

numbered as (
    select
        p.*,
        dense_rank() over (order by p.breakdown, p.place, p.clinician, p.type, p.source, p.channel, p.purpose, p.campaign) as segment_no
    from placed as p
),

segments as (
    select distinct n.segment_no, n.breakdown, n.place, n.clinician, n.type, n.source, n.channel, n.purpose, n.campaign from numbered as n
),

counted as (
    select
        p.partition_date, p.period_grain, n.segment_no, sum(n.messages) filter (where n.kind = 'sent') as sent,
        sum(n.delivered) filter (where n.kind = 'sent') as delivered, sum(n.after_opt_out) filter (where n.kind = 'sent') as after_opt_out,
        sum(n.messages) filter (where n.kind = 'opened') as opened, sum(n.messages) filter (where n.kind = 'opt_out') as opt_outs,
        sum(n.messages) filter (where n.kind = 'matured_7d') as matured_7d,
        sum(n.replied) filter (where n.kind = 'matured_7d') as replied_7d,
        sum(n.messages) filter (where n.kind = 'matured_14d') as matured_14d,
        sum(n.booked) filter (where n.kind = 'matured_14d') as booked_14d
    from shared_periods as p
    inner join numbered as n
        on n.count_date >= p.period_start and n.count_date <= p.period_end
        and n.known_from <= p.partition_date and p.partition_date < n.known_to
    group by p.partition_date, p.period_grain, n.segment_no
),

ranked as (
    select
        p.partition_date, p.period_grain, n.segment_no, n.reply_hours, sum(sum(n.replied)) over whole as total,
        sum(sum(n.replied)) over up_to as upto
    from shared_periods as p
    inner join numbered as n
        on n.count_date >= p.period_start and n.count_date <= p.period_end
        and n.known_from <= p.partition_date and p.partition_date < n.known_to
    where n.kind = 'matured_7d' and n.reply_hours is not null
    group by p.partition_date, p.period_grain, n.segment_no, n.reply_hours
    window
        whole as (partition by p.partition_date, p.period_grain, n.segment_no),
        up_to as (partition by p.partition_date, p.period_grain, n.segment_no order by n.reply_hours rows unbounded preceding)
),

medians as (
    select r.partition_date, r.period_grain, r.segment_no, min(r.reply_hours) filter (where 2 * r.upto >= r.total) as hours_p50
    from ranked as r
    group by r.partition_date, r.period_grain, r.segment_no
),

-- The total row is there in every period, with zeros once there are messages at all.
rows_of_day as (
    select
        c.partition_date, c.period_grain, s.breakdown, s.place, s.clinician, s.type, s.source, s.channel, s.purpose, s.campaign,
        c.segment_no
    from counted as c
    inner join segments as s on s.segment_no = c.segment_no
    where s.breakdown <> 'total'
    union all
    select p.partition_date, p.period_grain, 'total', -3, -3, 'all', -3, 'all', 'all', 'all', s.segment_no
    from shared_periods as p
    left join segments as s on s.breakdown = 'total'
),

figures as (
    select
        d.*, fm.is_available, fm.is_simulated or (ft.is_simulated and d.source > 0) as is_simulated, m.hours_p50,
        case when fm.is_available then coalesce(c.sent, 0) end as sent,
        case when fm.is_available then coalesce(c.delivered, 0) end as delivered,
        case when fm.is_available then coalesce(c.opened, 0) end as opened,
        case when fm.is_available then coalesce(c.opt_outs, 0) end as opt_outs,
        case when fm.is_available then coalesce(c.after_opt_out, 0) end as after_opt_out,
        case when fm.is_available then coalesce(c.matured_7d, 0) end as matured_7d,
        case when fm.is_available then coalesce(c.replied_7d, 0) end as replied_7d,
        case when fm.is_available then coalesce(c.matured_14d, 0) end as matured_14d,
        case when fm.is_available then coalesce(c.booked_14d, 0) end as booked_14d
    from rows_of_day as d
    inner join shared_feed_messages as fm on fm.partition_date = d.partition_date
    inner join shared_feed_touches as ft on ft.partition_date = d.partition_date
    left join counted as c on c.partition_date = d.partition_date and c.period_grain = d.period_grain and c.segment_no = d.segment_no
    left join medians as m on m.partition_date = d.partition_date and m.period_grain = d.period_grain and m.segment_no = d.segment_no
)

select
    f.period_grain, h.period_start, h.period_end, h.is_period_complete, h.is_warmup, f.breakdown, f.place as location_key,
    f.clinician as provider_key, f.type as patient_type, f.source as source_key, f.channel, f.purpose, f.campaign,
    f.sent as outreach_sent,
    f.delivered as outreach_delivered,
    rate_of(f.delivered, f.sent) as delivery_rate,
    f.opened as outreach_opened,
    rate_of(f.opened, f.delivered) as open_rate,
    f.opt_outs,
    rate_of(f.opt_outs, f.delivered) as opt_out_rate,
    f.after_opt_out as sent_after_opt_out,
    f.matured_7d as matured_7d_delivered,
    f.replied_7d,
    rate_of(f.replied_7d, f.matured_7d) as response_rate_7d,
    f.hours_p50 as response_hours_p50,
    f.matured_14d as matured_14d_delivered,
    f.booked_14d,
    rate_of(f.booked_14d, f.matured_14d) as conversion_rate_14d,
    case when not f.is_available then 'not_available' when f.is_simulated then 'simulated' else 'derived' end as data_basis,
    f.partition_date
from figures as f
inner join shared_patient_periods as h on h.partition_date = f.partition_date and h.period_grain = f.period_grain
