-- What was charged for a patient on a day, before write-offs.
select l.patient_id, l.service_date, sum(l.charge_amount) as amount
from fact_claim_line as l
group by l.patient_id, l.service_date
