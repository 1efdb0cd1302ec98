-- The registry on each day to build, and whether the source tells anything about a measure by then: events of claims, messages, vaccines or
-- dental visits may be missing from all drops.
with firsts as (
    select 'claim_events' as input, min(cast(event_at as date)) as first_date from fact_claim_event
    union all
    select 'messages', min(cast(sent_at as date)) from fact_communication
    union all
    select 'vaccines', min(service_date) from fact_claim_line where line_kind = 'immunization'
    union all
    select 'dental', min(cast(f.started_at as date))
    from fact_procedure as f
    inner join dim_procedure as p on p.procedure_key = f.procedure_key
    inner join seed_quality_codes as q
        on q.code_list = 'dental_consultation' and q.code_system = p.code_system and q.code = p.procedure_code
),

needed as (
    select m.measure_id, m.input
    from (
        values
        ('claim_submitted_90d', 'claim_events'), ('claim_denial', 'claim_events'), ('claim_rejection', 'claim_events'),
        ('opt_out_honoured', 'messages'), ('influenza_vaccine_12m', 'vaccines'), ('dental_visit_12m', 'dental'),
        ('repeat_restoration_90d', 'dental')
    ) as m (measure_id, input)
)

select
    r.partition_date, q.measure_key, q.measure_id, q.domain, q.measure_basis, q.target_rate, q.is_higher_better,
    n.input is null or coalesce(f.first_date <= r.partition_date, false) as is_available
from dim_quality_measure as q
cross join run_dates as r
left join needed as n on n.measure_id = q.measure_id
left join firsts as f on f.input = n.input
where q.measure_key > 0
