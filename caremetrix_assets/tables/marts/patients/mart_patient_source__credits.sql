-- Who gets the credit for a patient on each day to build, by each way of sharing it: the touches that weigh something, else nobody known.
with bookings as (
    select r.partition_date, b.patient_id, min(b.booked_date) as first_booked_date
    from run_dates as r
    inner join shared_known_bookings as b on b.known_from <= r.partition_date and r.partition_date < b.known_to
    group by r.partition_date, b.patient_id
),

people as (
    select
        coalesce(n.partition_date, b.partition_date) as partition_date, coalesce(n.patient_id, b.patient_id) as patient_id,
        n.acquisition_date, case
            when b.first_booked_date < n.acquisition_date or n.acquisition_date is null then b.first_booked_date else n.acquisition_date
        end as first_date
    from mart_new_patients as n
    full outer join bookings as b on b.partition_date = n.partition_date and b.patient_id = n.patient_id
),

touched as (
    select
        r.partition_date, t.patient_id, m.attribution_model, t.source_key, t.touched_date as lead_date, t.is_last,
        case m.attribution_model
            when 'first_touch' then t.first_touch_weight when 'last_touch' then t.last_touch_weight else t.fractional_weight
        end as weight
    from run_dates as r
    inner join shared_touches as t on t.valid_from <= r.partition_date and r.partition_date < t.valid_to
    cross join (values ('first_touch'), ('last_touch'), ('fractional')) as m (attribution_model)
),

credits as (
    select t.partition_date, t.patient_id, t.attribution_model, t.source_key, t.lead_date, t.is_last, t.weight
    from touched as t
    where t.weight > 0
    union all
    select
        p.partition_date, p.patient_id, m.attribution_model, -1, p.first_date, true, 1
    from people as p
    cross join (values ('first_touch'), ('last_touch'), ('fractional')) as m (attribution_model)
    left join (select distinct t.partition_date, t.patient_id from touched as t) as t
        on t.partition_date = p.partition_date and t.patient_id = p.patient_id
    where t.patient_id is null
)

select
    c.partition_date, c.patient_id, c.attribution_model, c.source_key, coalesce(d.channel, 'Unknown') as channel, c.lead_date, c.is_last,
    c.weight, p.acquisition_date, p.first_date
from credits as c
left join people as p on p.partition_date = c.partition_date and p.patient_id = c.patient_id
left join dim_patient_source as d on d.source_key = c.source_key
