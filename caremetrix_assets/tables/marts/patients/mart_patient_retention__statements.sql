-- First statements whose 30 days ended in the last 12 months, and how many of them were paid in time.
select
    r.partition_date, s.patient_id, count(*) as statements_due, count(*) filter (where s.is_paid_in_full_30d) as statements_paid
from run_dates as r
inner join fact_statement as s
    on s.sent_date + interval 30 day <= r.partition_date and s.sent_date + interval 30 day > add_months(r.partition_date, -12)
where s.statement_type = 'first'
group by r.partition_date, s.patient_id
