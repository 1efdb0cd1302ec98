-- Kind of the insurer that covers a patient on a day to build; patients without a span that holds the day are missing.
select r.partition_date, b.patient_id, coalesce(v.payer_class, 'Unknown') as coverage_class
from run_dates as r
inner join bridge_patient_coverage as b on b.coverage_start_date <= r.partition_date and r.partition_date < b.coverage_end_date
left join dim_payer as p on p.payer_key = b.payer_key
left join dim_payer as v on v.member_key = p.member_key and v.valid_from <= r.partition_date and r.partition_date < v.valid_to
