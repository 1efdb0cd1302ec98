-- What counts in a period, under the keys of the first visit and the source of the touch. Money goes to the touches by weight in whole
-- cents, and the last one takes what rounding leaves.
with acquired as (
    select
        c.partition_date, c.attribution_model, c.source_key, c.channel, c.weight, n.acquisition_date, n.location_key, n.provider_key,
        date_diff('day', c.lead_date, n.acquisition_date) as lead_days,
        round(c.weight * n.production_365d_amount, 2) as production_365d, round(c.weight * coalesce(m.lifetime_amount, 0), 2) as lifetime,
        case
            when c.is_last then n.production_365d_amount - sum(round(c.weight * n.production_365d_amount, 2)) over patient else 0
        end as rest_365d,
        case
            when c.is_last then coalesce(m.lifetime_amount, 0) - sum(round(c.weight * coalesce(m.lifetime_amount, 0), 2)) over patient
            else 0
        end as rest_lifetime
    from credits as c
    inner join mart_new_patients as n on n.partition_date = c.partition_date and n.patient_id = c.patient_id
    left join shared_production_to_day as m on m.partition_date = n.partition_date and m.patient_id = n.patient_id
    window patient as (partition by c.partition_date, c.attribution_model, c.patient_id)
),

touches as (
    select c.touched_date, c.source_key, coalesce(d.channel, 'Unknown') as channel, c.cost_amount, c.known_date
    from shared_contacts as c
    left join dim_patient_source as d on d.source_key = c.source_key
    where c.cost_amount is not null
)

select
    p.partition_date, p.period_grain, 'new' as kind, a.attribution_model, a.location_key, a.provider_key, 'new' as patient_type,
    a.source_key,
    a.channel, cast(a.weight as decimal(18, 4)) as weight, a.lifetime + a.rest_lifetime as amount, a.lead_days, false as is_booked,
    false as is_converted
from shared_periods as p
inner join acquired as a
    on a.partition_date = p.partition_date and a.acquisition_date >= p.period_start and a.acquisition_date <= p.period_end
union all
select
    p.partition_date, p.period_grain, 'matured_365d', a.attribution_model, a.location_key, a.provider_key, 'new', a.source_key, a.channel,
    a.weight, a.production_365d + a.rest_365d, null, false, false
from shared_periods as p
inner join acquired as a
    on a.partition_date = p.partition_date and a.acquisition_date + interval 365 day >= p.period_start
    and a.acquisition_date + interval 365 day <= p.period_end
union all
select
    p.partition_date, p.period_grain, 'lead', c.attribution_model, -1, -1, 'new', c.source_key, c.channel, c.weight, 0, null, false, false
from shared_periods as p
inner join credits as c on c.partition_date = p.partition_date and c.lead_date >= p.period_start and c.lead_date <= p.period_end
union all
select
    p.partition_date, p.period_grain, 'matured_90d', c.attribution_model, -1, -1, 'new', c.source_key, c.channel, c.weight, 0, null,
    coalesce(c.first_date <= c.lead_date + interval 90 day, false),
    coalesce(c.acquisition_date <= c.lead_date + interval 90 day, false)
from shared_periods as p
inner join credits as c
    on c.partition_date = p.partition_date and c.lead_date + interval 90 day >= p.period_start
    and c.lead_date + interval 90 day <= p.period_end
union all
select
    p.partition_date, p.period_grain, 'cost', m.attribution_model, -1, -1, 'new', t.source_key, t.channel, 0, t.cost_amount, null, false,
    false
from shared_periods as p
inner join touches as t
    on t.touched_date >= p.period_start and t.touched_date <= p.period_end and t.known_date <= p.partition_date
cross join (values ('first_touch'), ('last_touch'), ('fractional')) as m (attribution_model)
union all
select p.partition_date, p.period_grain, 'nothing', m.attribution_model, -1, -1, 'new', -1, 'Unknown', 0, 0, null, false, false
from shared_periods as p
cross join (values ('first_touch'), ('last_touch'), ('fractional')) as m (attribution_model)
