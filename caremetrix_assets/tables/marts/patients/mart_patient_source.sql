-- Leads and costs belong to a source, not to a place or a clinician: other breakdowns do not have them.
with placed as (
    select
        e.partition_date, e.period_grain, e.attribution_model, b.breakdown, e.kind, e.weight, e.amount, e.lead_days, e.is_booked,
        e.is_converted,
        case when b.breakdown in ('location', 'detail') then e.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail') then e.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then e.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then e.source_key else -3 end as source_key,
        case when b.breakdown = 'channel' then e.channel else 'all' end as channel
    from entries as e
    inner join shared_feed_touches as ft on ft.partition_date = e.partition_date
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('channel')
    ) as b (breakdown)
    where
        (e.kind = 'nothing' and b.breakdown = 'total') or e.kind in ('new', 'matured_365d')
        or (
            e.kind in ('lead', 'matured_90d', 'cost') and ft.is_available and b.breakdown in ('total', 'acquisition_source', 'channel')
        )
),

ranked as (
    select
        p.*, count(p.lead_days) over whole as leads_seen,
        row_number() over (
            partition by
                p.partition_date, p.period_grain, p.attribution_model, p.breakdown, p.location_key, p.provider_key, p.patient_type,
                p.source_key, p.channel, p.lead_days is null
            order by p.lead_days
        ) as position
    from placed as p
    window whole as (
        partition by
            p.partition_date, p.period_grain, p.attribution_model, p.breakdown, p.location_key, p.provider_key, p.patient_type,
            p.source_key,
            p.channel
    )
),

summed as (
    select
        r.partition_date, r.period_grain, r.attribution_model, r.breakdown, r.location_key, r.provider_key, r.patient_type, r.source_key,
        r.channel, coalesce(sum(r.weight) filter (where r.kind = 'lead'), 0) as leads,
        coalesce(sum(r.weight) filter (where r.kind = 'matured_90d'), 0) as matured_90d,
        coalesce(sum(r.weight) filter (where r.kind = 'matured_90d' and r.is_booked), 0) as booked_90d,
        coalesce(sum(r.weight) filter (where r.kind = 'matured_90d' and r.is_converted), 0) as converted_90d,
        coalesce(sum(r.weight) filter (where r.kind = 'new'), 0) as won,
        min(r.lead_days) filter (where 2 * r.position >= r.leads_seen) as lead_p50,
        coalesce(sum(r.weight) filter (where r.kind = 'matured_365d'), 0) as matured_365d,
        coalesce(sum(r.amount) filter (where r.kind = 'matured_365d'), 0) as production_365d,
        coalesce(sum(r.amount) filter (where r.kind = 'new'), 0) as lifetime,
        coalesce(sum(r.amount) filter (where r.kind = 'cost'), 0) as cost
    from ranked as r
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

known as (
    select
        s.*, ft.is_available and s.breakdown in ('total', 'acquisition_source', 'channel') as has_leads, ft.is_available, ft.is_simulated,
        max(case when s.breakdown = 'total' then s.won end) over (
            partition by s.partition_date, s.period_grain, s.attribution_model
        ) as all_won
    from summed as s
    inner join shared_feed_touches as ft on ft.partition_date = s.partition_date
)

select
    k.period_grain, h.period_start, h.period_end, h.is_period_complete, h.is_warmup, k.breakdown, k.location_key, k.provider_key,
    k.patient_type, k.source_key, k.attribution_model, k.channel,
    case when k.has_leads then cast(k.leads as double) end as leads,
    case when k.has_leads then cast(k.matured_90d as double) end as matured_leads_90d,
    case when k.has_leads then cast(k.booked_90d as double) end as booked_leads_90d,
    case when k.has_leads then cast(k.converted_90d as double) end as converted_leads_90d,
    case when k.has_leads then rate_of(k.booked_90d, k.matured_90d) end as booking_rate_90d,
    case when k.has_leads then rate_of(k.converted_90d, k.matured_90d) end as conversion_rate_90d,
    cast(k.won as double) as new_patients,
    cast(k.all_won as double) as all_new_patients,
    rate_of(k.won, k.all_won) as new_patient_share,
    case when k.is_available then k.lead_p50 end as days_lead_to_visit_p50,
    cast(k.matured_365d as double) as matured_365d_patients,
    k.production_365d as matured_production_365d_amount,
    k.lifetime as lifetime_production_amount,
    case when k.has_leads then k.cost end as cost_amount,
    case when k.has_leads then number_of(k.cost, k.won) end as cost_per_new_patient,
    case when k.has_leads then number_of(k.lifetime, k.cost) end as production_to_cost_ratio,
    case when k.is_simulated then 'simulated' else 'derived' end as data_basis,
    k.partition_date
from known as k
inner join shared_patient_periods as h on h.partition_date = k.partition_date and h.period_grain = k.period_grain
where k.breakdown = 'total' or k.leads + k.matured_90d + k.won + k.matured_365d > 0 or k.cost <> 0
