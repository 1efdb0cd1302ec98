-- Losses of which a part may come back: denied or rejected claims, and lines written off. What came back is money after the first day.
with refusals as (
    select claim_id, event, cast(event_at as date) as day, is_simulated
    from (
        select
            claim_id, event, event_at, is_simulated, row_number() over (partition by claim_id order by event_at, event_seq) as place
        from fact_claim_event
        where payer_rank = 'primary' and event in ('denied', 'rejected')
    ) as e
    where place = 1
),

open_lines as (
    select l.claim_id, b.valid_from, b.valid_to, b.balance
    from shared_money_balances as b
    inner join fact_claim_line as l on l.claim_line_sk = b.claim_line_sk
    where b.balance > 0
),

denied as (
    select r.claim_id, r.event, r.day, max(case when r.is_simulated then 1 else 0 end) as simulated, sum(b.balance) as gross
    from refusals as r
    inner join open_lines as b on b.claim_id = r.claim_id and b.valid_from <= r.day and r.day < b.valid_to
    group by r.claim_id, r.event, r.day
),

open_claims as (
    select r.partition_date, b.claim_id
    from run_dates as r
    inner join open_lines as b on b.valid_from <= r.partition_date and r.partition_date < b.valid_to
    group by r.partition_date, b.claim_id
),

written as (
    select
        r.partition_date, e.claim_line_sk,
        min(case
            when not e.is_undoing and (e.undone_date is null or e.undone_date > r.partition_date) then e.entry_date
        end) as day,
        -sum(e.adjustment_amount) as gross, -sum(case e.entry_type when 'courtesy' then e.adjustment_amount else 0 end) as courtesy,
        max(case when e.is_simulated then 1 else 0 end) as simulated
    from run_dates as r
    inner join shared_money_entries as e on e.entry_date <= r.partition_date
    where e.entry_type in ('courtesy', 'bad_debt')
    group by r.partition_date, e.claim_line_sk
),

losses as (
    select
        r.partition_date, 'denied_claim' as opportunity_type, d.event as subtype, d.claim_id as source_id, d.claim_id,
        null as claim_line_sk, d.day as first_seen_date, d.gross, d.simulated, coalesce(s.claim_state = 'pending', false) as is_in_progress,
        coalesce(s.last_event = 'closed', false) or o.claim_id is null as is_expired
    from run_dates as r
    inner join denied as d on d.day > add_months(r.partition_date, -12) and d.day <= r.partition_date
    left join shared_money_claim_states as s
        on s.claim_id = d.claim_id and s.payer_rank = 'primary' and s.valid_from <= r.partition_date and r.partition_date < s.valid_to
    left join open_claims as o on o.partition_date = r.partition_date and o.claim_id = d.claim_id
    union all
    select
        w.partition_date, 'write_off', case when 2 * w.courtesy > w.gross then 'courtesy' else 'bad_debt' end, w.claim_line_sk, l.claim_id,
        w.claim_line_sk, w.day, w.gross, w.simulated, false, false
    from written as w
    inner join fact_claim_line as l on l.claim_line_sk = w.claim_line_sk
    where w.day > add_months(w.partition_date, -12) and w.gross > 0
),

flows as (
    select l.partition_date, l.source_id, e.entry_date as day, e.payment_amount as amount, e.is_simulated
    from losses as l
    inner join shared_money_entries as e
        on e.claim_id = l.claim_id and e.entry_date > l.first_seen_date and e.entry_date <= l.partition_date
    where e.payment_amount <> 0 and (l.claim_line_sk is null or l.claim_line_sk = e.claim_line_sk)
),

running as (
    select
        partition_date, source_id, day, max(case when is_simulated then 1 else 0 end) as simulated,
        sum(sum(amount)) over (
            partition by partition_date, source_id order by day rows between unbounded preceding and current row
        ) as paid,
        lead(day) over (partition by partition_date, source_id order by day) as next_day
    from flows
    group by partition_date, source_id, day
),

-- Since which day it is all back: the one after the last day that ends short of it.
short as (
    select l.partition_date, l.source_id, max(r.day) as short_day
    from losses as l
    inner join running as r on r.partition_date = l.partition_date and r.source_id = l.source_id
    where r.paid < l.gross
    group by l.partition_date, l.source_id
),

back as (
    select
        r.partition_date, r.source_id, max(case when r.next_day is null then r.paid end) as paid, max(r.simulated) as simulated,
        min(case when s.short_day is null or r.day > s.short_day then r.day end) as full_day
    from running as r
    left join short as s on s.partition_date = r.partition_date and s.source_id = r.source_id
    group by r.partition_date, r.source_id
)

select
    l.partition_date, l.opportunity_type, l.subtype, l.source_id, l.claim_id, l.claim_line_sk, l.first_seen_date, l.gross,
    case when b.paid >= l.gross then l.gross when b.paid > 0 then b.paid else 0 end as recovered,
    case when b.paid >= l.gross then b.full_day end as resolved_date, l.is_in_progress, l.is_expired,
    l.simulated + coalesce(b.simulated, 0) > 0 as is_simulated
from losses as l
left join back as b on b.partition_date = l.partition_date and b.source_id = l.source_id
