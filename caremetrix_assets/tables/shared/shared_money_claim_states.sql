-- A claim before one of its insurers between two days with events, [valid_from, valid_to), as the end of the first day leaves it:
-- what the last deciding event makes of it, what was ever decided, the amount promised.
with events as (
    select
        claim_id, payer_rank, event, cast(event_at as date) as event_date, event_at, event_seq, decision, is_simulated,
        case when event not in ('acknowledged', 'closed') then coalesce(paid_amount, 0) end as promised,
        sum(case when event in ('adjudicated', 'denied') then 1 else 0 end) over up_to as decided
    from shared_claim_events
    where cast(event_at as date) <= (select max(partition_date) from run_dates)
    window up_to as (
        partition by claim_id, payer_rank order by event_at, event_seq rows between unbounded preceding and current row
    )
),

running as (
    select
        claim_id, payer_rank, event_date, event as last_event, decided > 0 as is_decided,
        last_value(decision ignore nulls) over up_to as decision, last_value(promised ignore nulls) over up_to as promised,
        max(case when event = 'denied' and decided = 1 then 1 else 0 end) over up_to = 1 as is_first_denied,
        max(case when event = 'denied' then 1 else 0 end) over up_to = 1 as is_ever_denied,
        max(case when event = 'rejected' then 1 else 0 end) over up_to = 1 as is_ever_rejected,
        max(case when event = 'resubmitted' then 1 else 0 end) over up_to = 1 as is_resubmitted,
        max(case when event in ('adjudicated', 'closed') then event_date end) over up_to as settling_date,
        max(case when is_simulated then 1 else 0 end) over up_to = 1 as is_simulated,
        lead(event_date) over (partition by claim_id, payer_rank order by event_at, event_seq) as next_date
    from events
    window up_to as (
        partition by claim_id, payer_rank order by event_at, event_seq rows between unbounded preceding and current row
    )
)

select
    claim_id, payer_rank, event_date as valid_from, coalesce(next_date, date '9999-12-31') as valid_to, last_event,
    case
        when coalesce(decision, 'pending') = 'pending' and last_event = 'closed' then 'void'
        else coalesce(decision, 'pending')
    end as claim_state,
    coalesce(decision in ('paid', 'partially_paid'), false) as is_adjudicated, coalesce(promised, 0) as promised, is_decided,
    is_first_denied, is_ever_denied, is_ever_rejected, is_resubmitted, settling_date, is_simulated
from running
where next_date is null or next_date > event_date
