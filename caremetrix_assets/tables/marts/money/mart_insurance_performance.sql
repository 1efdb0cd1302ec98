with spread as (
    select
        c.*, b.breakdown, case when b.breakdown in ('location', 'detail') then c.location_key else -3 end as location,
        case when b.breakdown in ('provider', 'detail') then c.provider_key else -3 end as provider,
        case when b.breakdown in ('patient_type', 'detail') then c.patient_type else 'all' end as standing,
        case when b.breakdown in ('acquisition_source', 'detail') then c.source_key else -3 end as source,
        case b.breakdown when 'payer' then c.payer_key else -3 end as payer,
        case b.breakdown when 'claim_type' then c.claim_type else 'all' end as type
    from cells as c
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('payer'), ('claim_type')
    ) as b (breakdown)
),

sums as (
    select
        partition_date, period_grain, breakdown, location, provider, standing, source, payer, type, sum(claims) as claims,
        sum(billed) as billed, sum(primary_paid) as primary_paid, sum(secondary_paid) as secondary_paid, sum(tracked) as tracked,
        sum(paid) as paid, sum(partially_paid) as partially_paid, sum(denied) as denied, sum(rejected) as rejected,
        sum(pending) as pending, sum(void) as void, sum(paid + partially_paid + denied) as adjudicated, sum(decided) as decided,
        sum(first_denied) as first_denied, sum(first_pass) as first_pass, sum(ever_rejected) as ever_rejected,
        sum(ever_denied) as ever_denied, sum(overturned) as overturned, sum(adjudicated_billed) as adjudicated_billed,
        sum(adjudicated_paid) as adjudicated_paid, sum(case when days_to_payment is not null then claims else 0 end) as first_paid,
        sum(simulated) as simulated
    from spread
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

ranked as (
    select
        partition_date, period_grain, breakdown, location, provider, standing, source, payer, type, days_to_payment,
        sum(sum(claims)) over (
            partition by partition_date, period_grain, breakdown, location, provider, standing, source, payer, type
            order by days_to_payment rows between unbounded preceding and current row
        ) as up_to,
        sum(sum(claims)) over (
            partition by partition_date, period_grain, breakdown, location, provider, standing, source, payer, type
        ) as whole
    from spread
    where days_to_payment is not null
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),

percentiles as (
    select
        partition_date, period_grain, breakdown, location, provider, standing, source, payer, type,
        min(case when up_to * 2 >= whole then days_to_payment end) as p50,
        min(case when up_to * 10 >= whole * 9 then days_to_payment end) as p90
    from ranked
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

marked as (
    select s.*, q.p50, q.p90, coalesce(s.partition_date >= f.events_from, false) as has_events
    from sums as s
    cross join shared_money_feed_start as f
    left join percentiles as q
        on q.partition_date = s.partition_date and q.period_grain = s.period_grain and q.breakdown = s.breakdown
        and q.location = s.location and q.provider = s.provider and q.standing = s.standing and q.source = s.source
        and q.payer = s.payer and q.type = s.type
)

select
    m.period_grain, p.period_start, m.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, m.breakdown, m.location as location_key, m.provider as provider_key,
    m.standing as patient_type, m.source as source_key, m.payer as payer_key, m.type as claim_type, m.claims,
    m.billed as billed_amount, m.primary_paid as primary_paid_amount, m.secondary_paid as secondary_paid_amount,
    rate_of(m.primary_paid + m.secondary_paid, m.billed) as payer_paid_share, case when m.has_events then m.tracked end as tracked_claims,
    case when m.has_events then m.paid end as paid_claims, case when m.has_events then m.partially_paid end as partially_paid_claims,
    case when m.has_events then m.denied end as denied_claims, case when m.has_events then m.rejected end as rejected_claims,
    case when m.has_events then m.pending end as pending_claims, case when m.has_events then m.void end as void_claims,
    case when m.has_events then m.adjudicated end as adjudicated_claims,
    case when m.has_events then rate_of(m.paid + m.partially_paid, m.adjudicated) end as approval_rate,
    case when m.has_events then rate_of(m.denied, m.adjudicated) end as denial_rate,
    case when m.has_events then m.decided end as first_decided_claims,
    case when m.has_events then m.first_denied end as first_denied_claims,
    case when m.has_events then rate_of(m.first_denied, m.decided) end as initial_denial_rate,
    case when m.has_events then rate_of(m.adjudicated, m.tracked) end as adjudicated_share,
    case when m.has_events then m.first_pass end as first_pass_paid_claims,
    case when m.has_events then rate_of(m.first_pass, m.adjudicated) end as first_pass_rate,
    case when m.has_events then m.ever_rejected end as ever_rejected_claims,
    case when m.has_events then rate_of(m.ever_rejected, m.tracked) end as rejection_rate,
    case when m.has_events then m.ever_denied end as ever_denied_claims, case when m.has_events then m.overturned end as overturned_claims,
    case when m.has_events then rate_of(m.overturned, m.ever_denied) end as overturn_rate,
    case when m.has_events then m.adjudicated_billed end as adjudicated_billed_amount,
    case when m.has_events then m.adjudicated_paid end as adjudicated_paid_amount,
    case when m.has_events then rate_of(m.adjudicated_paid, m.adjudicated_billed) end as reimbursement_rate,
    case when m.has_events then m.first_paid end as first_paid_claims,
    case when m.has_events then number_of(m.p50, 1) end as days_to_first_payment_p50,
    case when m.has_events then number_of(m.p90, 1) end as days_to_first_payment_p90,
    case when m.claims is null then 'not_available' when m.simulated > 0 then 'simulated' else 'derived' end as data_basis, m.partition_date
from marked as m
inner join shared_periods as p on p.partition_date = m.partition_date and p.period_grain = m.period_grain
left join dim_date as d on d.date_day = p.period_start
where m.breakdown = 'total' or m.claims <> 0
