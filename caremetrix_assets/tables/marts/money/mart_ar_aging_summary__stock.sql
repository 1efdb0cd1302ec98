-- Lines with a balance on the day, and lines that were open 30 days before: what they had then, what is left of it, what of that is in an
-- older bucket now.
select
    partition_date, location_key, provider_key, patient_type, source_key, responsible_payer_key, responsible_party, aging_bucket,
    patient_id, 1 as lines, balance_amount as balance, 0 as opening, 0 as kept, 0 as rolled,
    case data_basis when 'simulated' then 1 else 0 end as simulated
from mart_ar_aging
union all
select
    r.partition_date, o.location_key, o.provider_key, o.patient_type, o.source_key, o.responsible_payer_key, o.responsible_party,
    o.aging_bucket, null, 0, 0, case when o.balance > 0 then o.balance else 0 end,
    case
        when o.balance < 0 or a.balance_amount is null or a.balance_amount < 0 then 0
        when a.balance_amount < o.balance then a.balance_amount
        else o.balance
    end as kept,
    case
        when o.balance < 0 or a.balance_amount is null or a.balance_amount < 0 or a.aging_bucket = o.aging_bucket then 0
        when a.balance_amount < o.balance then a.balance_amount
        else o.balance
    end as rolled, case when o.is_simulated then 1 else 0 end
from run_dates as r
inner join shared_money_aging as o on o.as_of_date = cast(r.partition_date - interval 30 day as date)
left join mart_ar_aging as a on a.partition_date = r.partition_date and a.claim_line_sk = o.claim_line_sk
