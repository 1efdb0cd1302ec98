-- The middle peer of every measure, as the two parts of its quotient: clinicians of a speciality with at least 10 visits.
with peers as (
    select
        r.partition_date, r.period_grain, r.speciality, r.clinician, m.measure, case m.measure
            when 'visits' then r.visits when 'procedures' then r.procedures when 'seconds' then r.seconds_p50
            else r.procedure_cents + r.medication_cents
        end as n, case m.measure when 'visits' then r.days when 'seconds' then 1 else r.visits end as d
    from rated as r
    cross join (values ('visits'), ('procedures'), ('seconds'), ('cost')) as m (measure)
    where r.visits >= 10 and r.speciality is not null
),

placed as (
    select
        *, row_number() over (
            partition by partition_date, period_grain, speciality, measure order by cast(n as double) / d asc, clinician asc
        ) as place,
        count(*) over (partition by partition_date, period_grain, speciality, measure) as peer_providers
    from peers
    where n is not null
),

middle as (
    select * from placed where 2 * place >= peer_providers and 2 * (place - 1) < peer_providers
)

select
    partition_date,
    period_grain,
    speciality,
    max(case when measure = 'visits' then peer_providers end) as peer_providers,
    max(case when measure = 'visits' then n end) as visits_n,
    max(case when measure = 'visits' then d end) as visits_d,
    max(case when measure = 'procedures' then n end) as procedures_n,
    max(case when measure = 'procedures' then d end) as procedures_d,
    max(case when measure = 'seconds' then n end) as seconds_n,
    max(case when measure = 'cost' then n end) as cost_n,
    max(case when measure = 'cost' then d end) as cost_d
from middle
group by partition_date, period_grain, speciality
