-- Living patients with a known booking and no visit so far, under the keys of the booking that starts last.
with bookings as (
    select
        r.partition_date, b.patient_id, b.location_key, b.provider_key,
        row_number() over (
            partition by r.partition_date, b.patient_id order by b.scheduled_start_at desc, b.appointment_id desc
        ) as from_end
    from run_dates as r
    inner join shared_known_bookings as b on b.known_from <= r.partition_date and r.partition_date < b.known_to
    left join (select v.patient_id, v.visit_date from shared_visits as v where v.visit_seq = 1) as f
        on f.patient_id = b.patient_id and f.visit_date <= r.partition_date
    left join shared_people as p on p.patient_id = b.patient_id and p.death_date <= r.partition_date
    where f.patient_id is null and p.patient_id is null
)

select
    b.partition_date, b.patient_id, b.location_key, b.provider_key, coalesce(p.patient_key, -1) as patient_key,
    coalesce(s.source_key, -1) as source_key
from bookings as b
left join shared_people as p on p.patient_id = b.patient_id
left join shared_patient_sources as s
    on s.patient_id = b.patient_id and s.valid_from <= b.partition_date and b.partition_date < s.valid_to
where b.from_end = 1
