-- One row per activity, with the clinician's member key; minutes as whole seconds, money as cents, so that they add up exactly.
select
    f.activity_type, f.patient_id, coalesce(p.member_key, -1) as clinician, f.procedure_key, f.medication_key, f.is_simulated,
    cast(
        substr(cast(f.date_key as varchar), 1, 4) || '-' || substr(cast(f.date_key as varchar), 5, 2) || '-'
        || substr(cast(f.date_key as varchar), 7, 2) as date
    ) as activity_date,
    f.visit_count as visits, f.procedure_count as procedures, f.medication_count as orders,
    cast(round(cast(f.duration_minutes as decimal(28, 6)) * 60, 0) as bigint) as seconds,
    cast(coalesce(f.procedure_cost_amount, 0) * 100 as bigint) as procedure_cents,
    cast(coalesce(f.medication_unit_cost_amount, 0) * 100 as bigint) as medication_cents,
    case when m.is_opioid then f.medication_count else 0 end as opioids
from fact_clinician as f
left join dim_encounter as e on e.encounter_id = f.encounter_id
left join dim_provider as p on p.provider_key = f.provider_key
left join dim_medication as m on m.medication_key = f.medication_key
where
    f.date_key >= (select date_key(min(period_start)) from periods)
    and (e.is_death_certification is null or not e.is_death_certification)
