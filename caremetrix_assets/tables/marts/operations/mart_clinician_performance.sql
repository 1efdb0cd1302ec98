select
    r.period_grain, p.period_start, r.partition_date as period_end,
    r.period_grain <> 'month' or r.partition_date = last_day(r.partition_date) as is_period_complete,
    coalesce(w.is_before_history, false) as is_warmup, r.clinician as provider_key,
    case when r.clinician > 0 then r.provider_id end as provider_id, r.organization_key, r.speciality, r.speciality_category, r.visits,
    r.procedures, r.orders as medication_orders, coalesce(c.procedures, 0) as distinct_procedures,
    coalesce(c.medications, 0) as distinct_medications, r.opioids as opioid_orders, rate_of(r.opioids, r.orders) as opioid_order_share,
    r.patients, r.seen_again as patients_seen_again, rate_of(r.seen_again, r.patients) as seen_again_share,
    r.shared as patients_shared, rate_of(r.shared, r.patients) as shared_share, r.days as days_worked,
    number_of(r.visits, r.days) as visits_per_day_worked, number_of(coalesce(r.seconds, 0), 60) as visit_minutes,
    number_of(r.seconds_p50, 60) as visit_minutes_p50, number_of(r.procedures, r.visits) as procedures_per_visit,
    number_of(r.orders, r.visits) as medications_per_visit, money_of(r.procedure_cents, 100) as procedure_cost_amount,
    money_of(r.medication_cents, 100) as medication_cost_amount,
    money_of(r.procedure_cents + r.medication_cents, 100) as cost_amount,
    money_of(r.procedure_cents + r.medication_cents, 100 * r.visits) as cost_per_visit_amount,
    coalesce(e.peer_providers, 0) as peer_providers, number_of(e.visits_n, e.visits_d) as peer_visits_per_day_p50,
    number_of(e.procedures_n, e.procedures_d) as peer_procedures_per_visit_p50,
    number_of(e.seconds_n, 60) as peer_visit_minutes_p50, money_of(e.cost_n, 100 * e.cost_d) as peer_cost_per_visit_amount_p50,
    number_of(r.seconds_p50, e.seconds_n) as minutes_vs_peers,
    number_of((r.procedure_cents + r.medication_cents) * e.cost_d, r.visits * e.cost_n) as cost_vs_peers,
    dense_rank() over (partition by r.partition_date, r.period_grain, r.speciality order by r.visits desc) as visits_rank,
    coalesce(c.top_procedure, -2) as top_procedure_key, coalesce(c.top_medication, -2) as top_medication_key,
    r.visits >= 10 and coalesce(e.peer_providers, 0) >= 5 as is_comparable,
    case when r.is_simulated then 'simulated' else 'derived' end as data_basis, r.partition_date
from rated as r
inner join periods as p on p.partition_date = r.partition_date and p.period_grain = r.period_grain
left join codes as c on c.partition_date = r.partition_date and c.period_grain = r.period_grain and c.clinician = r.clinician
left join peers as e on e.partition_date = r.partition_date and e.period_grain = r.period_grain and e.speciality = r.speciality
left join dim_date as w on w.date_day = p.period_start
