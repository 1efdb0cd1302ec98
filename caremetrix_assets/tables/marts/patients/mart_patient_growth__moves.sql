-- What changed on a day, under the keys of the visit that it belongs to: patients won, back after a lapse, moved in or out, lapsed, dead.
-- A patient moves when a visit has other keys than the one before. What is dated after a death moves nothing.
with histories as (
    select
        v.*, v.death_date is null or v.visit_date <= v.death_date as is_alive, lag(v.location_key) over history as old_location,
        lag(v.provider_key) over history as old_provider, lag(v.patient_type) over history as old_type,
        lag(v.payer_class) over history as old_payer
    from shared_visits as v
    window history as (partition by v.patient_id order by v.visit_seq)
),

-- The visits that carried an active patient on: what differs from the one before, as numbers to add up.
carried as (
    select
        h.*, cast(h.location_key <> h.old_location as integer) as location_moves,
        cast(h.provider_key <> h.old_provider as integer) as provider_moves,
        cast(h.patient_type <> h.old_type as integer) as type_moves, cast(h.payer_class <> h.old_payer as integer) as payer_moves,
        cast(
            h.location_key <> h.old_location or h.provider_key <> h.old_provider or h.patient_type <> h.old_type as integer
        ) as detail_moves
    from histories as h
    where h.previous_date is not null and not h.is_reactivated and h.is_alive
),

moves as (
    select
        patient_id, visit_date as event_date, location_key, provider_key, patient_type, payer_class, 'new' as kind, 1 as amount,
        0 as location_moves, 0 as provider_moves, 0 as type_moves, 0 as payer_moves, 0 as detail_moves
    from histories
    where visit_seq = 1
    union all
    select patient_id, visit_date, location_key, provider_key, patient_type, payer_class, 'reactivated', 1, 0, 0, 0, 0, 0
    from histories
    where is_reactivated and is_alive
    union all
    select
        patient_id, visit_date, location_key, provider_key, patient_type, payer_class, 'in', 0, location_moves, provider_moves, type_moves,
        payer_moves, detail_moves
    from carried
    union all
    select
        patient_id, visit_date, old_location, old_provider, old_type, old_payer, 'out', 0, location_moves, provider_moves, type_moves,
        payer_moves, detail_moves
    from carried
    union all
    select patient_id, lapse_date, location_key, provider_key, patient_type, payer_class, 'lapsed', 1, 0, 0, 0, 0, 0
    from histories
    where (next_date is null or next_date > lapse_date) and (death_date is null or death_date >= lapse_date)
    union all
    select
        patient_id, case when death_date > visit_date then death_date else visit_date end, location_key, provider_key, patient_type,
        payer_class, 'deceased', 1, 0, 0, 0, 0, 0
    from histories
    where
        (visit_date <= death_date and (next_date is null or next_date > death_date) and death_date < lapse_date)
        or (visit_seq = 1 and visit_date > death_date)
)

select
    m.event_date, m.location_key, m.provider_key, m.patient_type, m.payer_class, coalesce(s.source_key, -1) as source_key,
    coalesce(s.valid_from, date '0001-01-01') as valid_from, coalesce(s.valid_to, date '9999-12-31') as valid_to, m.kind,
    sum(m.amount) as amount, sum(m.location_moves) as location_moves, sum(m.provider_moves) as provider_moves,
    sum(m.type_moves) as type_moves, sum(m.payer_moves) as payer_moves, sum(m.detail_moves) as detail_moves
from moves as m
left join shared_patient_sources as s on s.patient_id = m.patient_id and s.valid_to > m.event_date
where m.event_date >= (select min(p.year_start) from shared_periods as p)
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
