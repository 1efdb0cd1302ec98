-- First submissions of claims to the first insurer, and what was sent again after a refusal, each with the days it took.
with events as (
    select
        e.claim_id, e.event, e.payer_rank, cast(e.event_at as date) as event_date, e.is_simulated,
        row_number() over (partition by e.claim_id, e.event, e.payer_rank order by e.event_at, e.event_seq) as place,
        cast(max(case when e.event in ('rejected', 'denied') then e.event_at end) over (
            partition by e.claim_id order by e.event_at, e.event_seq rows between unbounded preceding and 1 preceding
        ) as date) as refused_date
    from fact_claim_event as e
)

select
    e.event_date, c.location_key, coalesce(p.member_key, -1) as provider_key, coalesce(c.patient_type, 'prospect') as patient_type,
    c.source_key, e.event = 'submitted' as is_submission, e.is_simulated,
    case e.event when 'submitted' then date_diff('day', c.service_date, e.event_date) else date_diff('day', e.refused_date, e.event_date)
    end as days
from events as e
inner join fact_claim as c on c.claim_id = e.claim_id
left join dim_provider as p on p.provider_key = c.provider_key
where
    e.payer_rank = 'primary' and (e.event = 'submitted' and e.place = 1 or e.event = 'resubmitted')
    and e.event_date >= (select min(period_start) from shared_periods)
