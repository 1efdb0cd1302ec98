-- Days from booking to the appointment and seconds in the waiting room: the value that half, or nine in ten, of the bookings do not exceed.
with waits as (
    select
        b.event_date, b.known_from, b.known_until, b.location_key, b.provider_key, b.patient_type, b.source_key, b.appointment_type,
        m.measure, case m.measure when 'lead' then b.lead_time_days else b.wait_seconds end as value
    from shared_ops_bookings as b
    cross join (values ('lead'), ('wait')) as m (measure)
    where
        b.event_date >= (select min(period_start) from shared_periods)
        and (
            m.measure = 'lead' or b.outcome = 'completed' and b.arrived_at is not null and b.seated_at is not null
            and b.scheduled_start_at is not null
        )
),

placed as (
    select
        w.event_date, w.known_from, w.known_until, b.breakdown,
        case when b.breakdown in ('location', 'detail') then w.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then w.provider_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then w.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then w.source_key else -3 end as source,
        case when b.breakdown = 'appointment_type' then w.appointment_type else 'all' end as visit_type, w.measure, w.value,
        count(*) as bookings
    from waits as w
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('appointment_type')
    ) as b (breakdown)
    where w.value is not null
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
),

ranked as (
    select
        p.partition_date, p.period_grain, w.breakdown, w.place, w.clinician, w.type, w.source, w.visit_type, w.measure, w.value,
        sum(sum(w.bookings)) over whole as total, sum(sum(w.bookings)) over up_to as upto
    from placed as w
    inner join shared_periods as p
        on w.event_date >= p.period_start and w.event_date <= p.partition_date and w.known_from <= p.partition_date
        and p.partition_date < w.known_until
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    window
        whole as (
            partition by p.partition_date, p.period_grain, w.breakdown, w.place, w.clinician, w.type, w.source, w.visit_type, w.measure
        ),
        up_to as (
            partition by p.partition_date, p.period_grain, w.breakdown, w.place, w.clinician, w.type, w.source, w.visit_type, w.measure
            order by w.value rows unbounded preceding
        )
)

select
    partition_date, period_grain, breakdown, place, clinician, type, source, visit_type,
    min(value) filter (where measure = 'lead' and 2 * upto >= total) as lead_p50,
    min(value) filter (where measure = 'lead' and 10 * upto >= 9 * total) as lead_p90,
    min(value) filter (where measure = 'wait' and 2 * upto >= total) as wait_p50,
    min(value) filter (where measure = 'wait' and 10 * upto >= 9 * total) as wait_p90
from ranked
group by partition_date, period_grain, breakdown, place, clinician, type, source, visit_type
