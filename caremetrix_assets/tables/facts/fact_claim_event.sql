select
    md5('claim_event|' || e.claim_id || '|' || cast(e.event_seq as varchar)) as claim_event_sk,
    e.claim_id,
    coalesce(c.claim_key, -1) as claim_key,
    coalesce(p.payer_key, -1) as payer_key,
    e.event_seq,
    e.event,
    e.event_at,
    e.rank as payer_rank,
    e.reason_code,
    e.billed_amount,
    e.allowed_amount,
    e.paid_amount,
    e.is_simulated,
    e.drop_id,
    cast(e.event_at as date) as partition_date
from raw_claim_events as e
left join dim_claim as c on c.claim_id = e.claim_id
left join dim_payer as p
    on p.payer_id = coalesce(e.payer_id, case e.rank when 'primary' then c.primary_payer_id else c.secondary_payer_id end)
    and p.valid_from <= cast(e.event_at as date) and cast(e.event_at as date) < p.valid_to
