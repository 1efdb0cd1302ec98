-- The next appointment in the book of each day to build, per patient.
select r.partition_date, b.patient_id, min(b.scheduled_date) as next_booked_date
from run_dates as r
inner join shared_known_bookings as b on b.known_from <= r.partition_date and r.partition_date < b.known_to
where b.is_future
group by r.partition_date, b.patient_id
