select
    a.patient_id, a.patient_key, a.location_key, a.provider_key, a.patient_type, a.source_key, a.claim_line_sk, a.claim_id,
    a.primary_payer_key, coalesce(p.payer_class, 'Unknown') as payer_class, a.responsible_party, a.responsible_payer_key,
    a.procedure_key, a.service_date, a.responsible_since_date, a.days_from_service,
    date_diff('day', a.responsible_since_date, a.as_of_date) as days_in_party, a.aging_bucket, a.charge as charge_amount,
    a.primary_paid as primary_paid_amount, a.secondary_paid as secondary_paid_amount, a.patient_paid as patient_paid_amount,
    a.adjustment as adjustment_amount, a.balance as balance_amount, a.claim_state,
    case when a.is_simulated then 'simulated' else 'derived' end as data_basis, a.as_of_date as partition_date
from shared_money_aging as a
inner join run_dates as r on r.partition_date = a.as_of_date
left join dim_payer as p
    on p.member_key = a.primary_payer_key and p.valid_from <= a.as_of_date and a.as_of_date < p.valid_to
