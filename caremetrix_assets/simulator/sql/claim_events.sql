-- What payers answered: the steps of a claim as events, numbered over both ranks.
create table claim_event as
with told as (
    select s.claim_id, s.charge, s.primary_payer_id as payer_id, 'primary' as rank, e.*
    from claim_step as s,
        lateral (
            values
            (0, 'submitted', s.submitted_day, null, null, null),
            (1, 'rejected', s.rejected_day, claims_rejection_reasons(u(s.claim_id, 'rejection reason')), null, null),
            (2, 'resubmitted', s.resubmitted_day, null, null, null),
            (3, 'acknowledged', s.acknowledged_day, null, null, null),
            (4, 'denied', s.denied_day, claims_denial_reasons(u(s.claim_id, 'denial reason')), null, 0),
            (5, 'resubmitted', s.appeal_day, null, null, null),
            (6, 'adjudicated', s.adjudicated_day, null, s.allowed, s.primary_pays),
            (7, 'closed', s.posted_day, null, null, s.primary_pays),
            (8, 'closed', s.given_up_day, null, null, 0)
        ) as e (step, event, event_day, reason_code, allowed_amount, paid_amount)
    union all
    select s.claim_id, s.charge, s.secondary_payer_id, 'secondary', e.*
    from claim_step as s,
        lateral (
            values
            (9, 'submitted', s.secondary_submitted_day, null, null, null),
            (10, 'adjudicated', s.secondary_adjudicated_day, null, s.secondary_pays, s.secondary_pays),
            (11, 'closed', s.secondary_posted_day, null, null, s.secondary_pays)
        ) as e (step, event, event_day, reason_code, allowed_amount, paid_amount)
    where s.secondary_submitted_day is not null
)

select
    * exclude (event_day),
    -- Late in the afternoon, later with each step: two ranks never share a moment.
    seconds_later(at_minute(event_day, 960 + 8 * step), floor(480 * u(claim_id, 'event second'))) as event_at
from told
where event_day is not null;

-- The events of later days too: a claim that grew late has told some of them already.
create table claim_event_row as
select
    claim_id,
    cast(row_number() over (partition by claim_id order by event_at, step) as integer) as event_seq,
    event,
    event_at,
    payer_id,
    rank,
    reason_code,
    cents(charge) as billed_amount,
    cents(allowed_amount) as allowed_amount,
    cents(paid_amount) as paid_amount
from claim_event;

create table feed_claim_events as
select * from claim_event_row where event_at < end_at();
