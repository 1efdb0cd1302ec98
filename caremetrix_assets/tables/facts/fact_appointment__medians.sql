-- What an appointment of a type usually brings on a day: the discrete median charge of the type's visits of the 90 days before.
-- 32 bands of charge show the band the median lies in, and only that band is ranked.
with banded as (
    select
        kind, event_date, visit_charge, fact_appointment_sk,
        ntile(32) over (partition by visit_charge is null order by visit_charge, fact_appointment_sk) as band
    from classified
),

bands as (
    select
        d.kind, d.event_date, b.band, sum(count(p.visit_charge)) over (
            partition by d.kind, b.band order by d.event_date range between interval 90 day preceding and interval 1 day preceding
        ) as visits
    from (select distinct kind, event_date from banded) as d
    cross join (select distinct band from banded) as b
    left join banded as p on p.kind = d.kind and p.event_date = d.event_date and p.band = b.band
    group by d.kind, d.event_date, b.band
),

positions as (
    select
        *, sum(visits) over (partition by kind, event_date) as total,
        sum(visits) over (partition by kind, event_date order by band rows between unbounded preceding and current row) as upto
    from bands
),

ranked as (
    select
        m.kind, m.event_date, m.total, p.visit_charge,
        m.upto - m.visits
        + row_number() over (partition by m.kind, m.event_date order by p.visit_charge, p.fact_appointment_sk) as position
    from positions as m
    inner join banded as p
        on p.kind = m.kind and p.band = m.band and p.visit_charge is not null and p.event_date < m.event_date
        and p.event_date >= m.event_date - interval 90 day
    where m.upto * 2 >= m.total and (m.upto - m.visits) * 2 < m.total
)

select kind, event_date, visit_charge as median_charge
from ranked
where position * 2 in (total, total + 1)
