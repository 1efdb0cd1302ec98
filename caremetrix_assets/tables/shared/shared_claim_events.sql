-- What an event makes of a claim before the insurer it is about; acknowledged and closed decide nothing.
select
    claim_id, payer_rank, event, event_at, event_seq, reason_code, allowed_amount, paid_amount, is_simulated,
    case
        when event in ('denied', 'rejected') then event
        when event in ('submitted', 'resubmitted') then 'pending'
        when event = 'adjudicated' and coalesce(paid_amount, 0) >= coalesce(allowed_amount, billed_amount, 0) then 'paid'
        when event = 'adjudicated' then 'partially_paid'
    end as decision
from fact_claim_event
