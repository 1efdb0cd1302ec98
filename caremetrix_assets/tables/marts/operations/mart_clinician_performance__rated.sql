with patient_days as (
    select
        clinician, patient_id, activity_date, sum(visits) as visits, sum(procedures) as procedures, sum(orders) as orders,
        sum(opioids) as opioids, sum(case when activity_type = 'encounter' then seconds end) as seconds,
        sum(procedure_cents) as procedure_cents, sum(medication_cents) as medication_cents, bool_or(is_simulated) as is_simulated
    from recent
    group by clinician, patient_id, activity_date
),
-- A clinician's patients of a period.
panels as (
    select
        p.partition_date, p.period_grain, d.clinician, d.patient_id, sum(d.visits) as visits, sum(d.procedures) as procedures,
        sum(d.orders) as orders, sum(d.opioids) as opioids, sum(d.seconds) as seconds, sum(d.procedure_cents) as procedure_cents,
        sum(d.medication_cents) as medication_cents, bool_or(d.is_simulated) as is_simulated,
        count(*) filter (where d.visits > 0) as visit_days
    from patient_days as d
    inner join periods as p on d.activity_date >= p.period_start and d.activity_date <= p.partition_date
    group by p.partition_date, p.period_grain, d.clinician, d.patient_id
),
shared_panels as (
    select
        *, count(*) filter (where clinician > 0) over (partition by partition_date, period_grain, patient_id)
        - case when clinician > 0 then 1 else 0 end as other_clinicians
    from panels
),
sums as (
    select
        partition_date, period_grain, clinician, sum(visits) as visits, sum(procedures) as procedures, sum(orders) as orders,
        sum(opioids) as opioids, count(patient_id) as patients, count(*) filter (where visit_days > 1) as seen_again,
        count(*) filter (where other_clinicians > 0) as shared, sum(seconds) as seconds, sum(procedure_cents) as procedure_cents,
        sum(medication_cents) as medication_cents, bool_or(is_simulated) as is_simulated
    from shared_panels
    group by partition_date, period_grain, clinician
),
days_worked as (
    select p.partition_date, p.period_grain, d.clinician, count(*) as days
    from (select distinct clinician, activity_date from patient_days where visits > 0) as d
    inner join periods as p on d.activity_date >= p.period_start and d.activity_date <= p.partition_date
    group by p.partition_date, p.period_grain, d.clinician
),
medians as (
    select partition_date, period_grain, clinician, min(seconds) filter (where 2 * upto >= total) as seconds_p50
    from (
        select
            p.partition_date, p.period_grain, l.clinician, l.seconds,
            sum(sum(l.visits)) over (partition by p.partition_date, p.period_grain, l.clinician) as total,
            sum(sum(l.visits)) over (
                partition by p.partition_date, p.period_grain, l.clinician order by l.seconds rows unbounded preceding
            ) as upto
        from (
            select clinician, activity_date, seconds, count(*) as visits
            from recent
            where activity_type = 'encounter' and seconds is not null
            group by clinician, activity_date, seconds
        ) as l
        inner join periods as p on l.activity_date >= p.period_start and l.activity_date <= p.partition_date
        group by p.partition_date, p.period_grain, l.clinician, l.seconds
    ) as r
    group by partition_date, period_grain, clinician
)

select
    s.partition_date, s.period_grain, s.clinician, s.visits, s.procedures, s.orders, s.opioids, s.patients, s.seen_again, s.shared,
    s.seconds, s.procedure_cents, s.medication_cents, s.is_simulated, coalesce(d.days, 0) as days, m.seconds_p50,
    v.provider_id, v.speciality, v.speciality_category,
    coalesce(o.member_key, -1) as organization_key
from sums as s
left join days_worked as d
    on d.partition_date = s.partition_date and d.period_grain = s.period_grain and d.clinician = s.clinician
left join medians as m on m.partition_date = s.partition_date and m.period_grain = s.period_grain and m.clinician = s.clinician
left join dim_provider as v
    on v.member_key = s.clinician and v.valid_from <= s.partition_date and s.partition_date < v.valid_to
left join dim_organization as o on o.organization_id = v.organization_id and o.is_current
