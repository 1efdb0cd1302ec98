-- Net production by day: charges on the day of service, contractual and courtesy write-offs on the day they count from.
select
    m.day, l.location_key, l.provider_key, l.patient_type, l.source_key, l.primary_payer_key, l.procedure_key, sum(m.gross) as gross,
    sum(m.contractual) as contractual, sum(m.courtesy) as courtesy, sum(m.gross + m.contractual + m.courtesy) as net_production,
    sum(m.lines) as lines, sum(m.simulated) as simulated
from (
    select
        claim_line_sk, service_date as day, charge_amount as gross, 0 as contractual, 0 as courtesy, 1 as lines,
        case when is_simulated then 1 else 0 end as simulated
    from fact_claim_line
    union all
    select
        claim_line_sk, entry_date, 0, case entry_type when 'contractual' then adjustment_amount else 0 end,
        case entry_type when 'courtesy' then adjustment_amount else 0 end, 0, case when is_simulated then 1 else 0 end
    from shared_money_entries
    where entry_type in ('contractual', 'courtesy')
) as m
inner join shared_money_lines as l on l.claim_line_sk = m.claim_line_sk
group by m.day, l.location_key, l.provider_key, l.patient_type, l.source_key, l.primary_payer_key, l.procedure_key
