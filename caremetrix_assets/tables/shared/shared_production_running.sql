-- What had been charged for a patient from service_date on, before until_date.
select
    p.patient_id, p.service_date, sum(p.amount) over (partition by p.patient_id order by p.service_date rows unbounded preceding) as total,
    coalesce(lead(p.service_date) over (partition by p.patient_id order by p.service_date), date '9999-12-31') as until_date
from shared_production_days as p
