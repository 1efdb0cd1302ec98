-- What each clinician does and orders: how many different codes, and the commonest one.
with days as (
    select
        clinician, activity_date, case activity_type when 'procedure' then procedure_key else medication_key end as code_key,
        activity_type = 'procedure' as is_procedure, count(*) as activities, sum(procedure_cents + medication_cents) as cents
    from recent
    where activity_type in ('procedure', 'medication')
    group by 1, 2, 3, 4
),

counted as (
    select
        p.partition_date, p.period_grain, d.clinician, d.is_procedure, d.code_key, sum(d.activities) as activities, sum(d.cents) as cents
    from days as d
    inner join periods as p on d.activity_date >= p.period_start and d.activity_date <= p.partition_date
    group by p.partition_date, p.period_grain, d.clinician, d.is_procedure, d.code_key
),

ranked as (
    select
        c.*, row_number() over (
            partition by c.partition_date, c.period_grain, c.clinician, c.is_procedure
            order by c.activities desc, c.cents desc, coalesce(r.procedure_code, m.medication_code) asc, c.code_key asc
        ) as place
    from counted as c
    left join dim_procedure as r on c.is_procedure and r.procedure_key = c.code_key
    left join dim_medication as m on not c.is_procedure and m.medication_key = c.code_key
)

select
    partition_date,
    period_grain,
    clinician,
    count(*) filter (where is_procedure) as procedures,
    count(*) filter (where not is_procedure) as medications,
    max(case when is_procedure and place = 1 then code_key end) as top_procedure,
    max(case when not is_procedure and place = 1 then code_key end) as top_medication
from ranked
group by partition_date, period_grain, clinician
