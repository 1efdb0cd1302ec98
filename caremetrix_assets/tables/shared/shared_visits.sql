-- Completed visits with their keys, the visits around them, the day on which the patient lapses without another one, and the first day on
-- which this visit no longer makes the patient active.
with visits as (
    select
        a.fact_appointment_sk, a.patient_id, a.visit_seq, cast(coalesce(a.started_at, a.scheduled_start_at) as date) as visit_date,
        a.location_key, coalesce(pr.member_key, -1) as provider_key, a.patient_type, coalesce(pa.payer_class, 'Unknown') as payer_class,
        a.encounter_class, a.appointment_type, a.is_hygiene
    from fact_appointment as a
    left join dim_provider as pr on pr.provider_key = a.provider_key
    left join dim_payer as pa on pa.payer_key = a.payer_key
    where a.outcome = 'completed' and not a.is_death_certification
),

histories as (
    select
        v.*, coalesce(p.patient_key, -1) as patient_key, p.birth_date, p.death_date, p.gender,
        lag(v.visit_date) over history as previous_date, lead(v.visit_date) over history as next_date,
        min(v.visit_date) over (
            partition by v.patient_id order by v.visit_date range between interval 1 day following and unbounded following
        ) as next_day
    from visits as v
    left join shared_people as p on p.patient_id = v.patient_id
    window history as (partition by v.patient_id order by v.visit_seq)
)

select
    h.*, lapse_date(h.visit_date, 18) as lapse_date, coalesce(h.visit_date > lapse_date(h.previous_date, 18), false) as is_reactivated,
    coalesce(h.next_date, date '9999-12-31') as latest_until,
    case
        when h.death_date <= lapse_date(h.visit_date, 18) and (h.next_date is null or h.death_date <= h.next_date) then h.death_date
        when h.next_date <= lapse_date(h.visit_date, 18) then h.next_date
        else lapse_date(h.visit_date, 18)
    end as active_until
from histories as h
