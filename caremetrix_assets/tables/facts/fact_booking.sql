-- The book of day D: what was entered up to D for a day after D, as it stood at the end of D.
with bookings as (
    select
        *, cast(scheduled_start_at as date) as scheduled_date, cast(coalesce(entered_at, booked_at) as date) as entered_date,
        coalesce(cast(status_at as date), date '9999-12-31') as status_date
    from raw_appointments
),

days as (
    select d.date_day
    from dim_date as d
    cross join run_settings as s
    where d.date_day >= s.opening_date and d.date_day <= s.newest_date
),

standing as (
    select b.*, d.date_day as book_date
    from bookings as b
    inner join days as d on d.date_day >= b.entered_date and d.date_day < b.scheduled_date
)

select
    md5('booking|' || b.appointment_id) as booking_sk,
    b.appointment_id,
    b.patient_id,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(lo.location_key, -1) as location_key,
    b.appointment_type,
    b.booked_at,
    b.scheduled_start_at,
    b.scheduled_date,
    b.scheduled_minutes,
    case when b.status in ('cancelled', 'rescheduled') and b.status_date <= b.book_date then b.status else 'scheduled' end as status,
    b.estimated_production as estimated_production_amount,
    b.is_simulated,
    b.drop_id,
    b.book_date as partition_date
from standing as b
left join dim_location as lo on lo.location_id = b.organization_id
left join dim_patient as pt on pt.patient_id = b.patient_id and pt.valid_from <= b.book_date and b.book_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = b.provider_id and pr.valid_from <= b.book_date and b.book_date < pr.valid_to
