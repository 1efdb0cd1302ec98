with denials as (
    select
        e.claim_id, cast(e.event_at as date) as day, e.event_at, e.event_seq, coalesce(e.reason_code, 'not_stated') as reason,
        coalesce(pa.member_key, -1) as payer_key, coalesce(c.location_key, -1) as location_key,
        coalesce(pr.member_key, -1) as provider_key, coalesce(c.patient_type, 'prospect') as patient_type,
        coalesce(c.source_key, -1) as source_key, e.billed_amount, case when e.is_simulated then 1 else 0 end as simulated
    from fact_claim_event as e
    left join fact_claim as c on c.claim_id = e.claim_id
    left join dim_provider as pr on pr.provider_key = c.provider_key
    left join dim_payer as pa on pa.payer_key = e.payer_key
    where
        e.payer_rank = 'primary' and e.event = 'denied'
        and cast(e.event_at as date) >= (select min(period_start) from shared_periods)
),

charges as (
    select n.claim_id, n.event_seq, sum(l.charge_amount) as charge
    from denials as n
    inner join fact_claim_line as l on l.claim_id = n.claim_id and l.service_date <= n.day
    group by n.claim_id, n.event_seq
),

-- Only a claim's last denial can be turned round.
as_of as (
    select
        r.partition_date, n.*,
        row_number() over (partition by r.partition_date, n.claim_id order by n.event_at desc, n.event_seq desc) = 1 as is_latest
    from run_dates as r
    inner join denials as n on n.day <= r.partition_date and n.day > add_months(r.partition_date, -12)
),

payments as (
    select
        a.partition_date, a.claim_id, sum(e.payment_amount) as recovered, max(case when e.is_simulated then 1 else 0 end) as simulated
    from as_of as a
    inner join shared_money_entries as e on e.claim_id = a.claim_id and e.entry_date > a.day and e.entry_date <= a.partition_date
    where a.is_latest and e.party <> 'patient'
    group by a.partition_date, a.claim_id
),

judged as (
    select
        a.partition_date, a.day, a.reason, a.payer_key, a.location_key, a.provider_key, a.patient_type, a.source_key,
        coalesce(a.billed_amount, c.charge, 0) as denied, case when a.is_latest then 1 else 0 end as latest,
        case when a.is_latest and s.claim_state in ('paid', 'partially_paid') then 1 else 0 end as overturned,
        case when a.is_latest and p.recovered > 0 then p.recovered else 0 end as recovered,
        a.simulated + case when a.is_latest then coalesce(p.simulated, 0) else 0 end as simulated
    from as_of as a
    left join charges as c on c.claim_id = a.claim_id and c.event_seq = a.event_seq
    left join payments as p on p.partition_date = a.partition_date and p.claim_id = a.claim_id
    left join shared_money_claim_states as s
        on s.claim_id = a.claim_id and s.payer_rank = 'primary' and s.valid_from <= a.partition_date and a.partition_date < s.valid_to
),

sums as (
    select
        p.partition_date, p.period_grain, p.period_start, p.is_period_complete, b.breakdown,
        case when b.breakdown in ('location', 'detail') then j.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail') then j.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then j.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then j.source_key else -3 end as source_key,
        case b.breakdown when 'payer' then j.payer_key else -3 end as payer_key, j.reason as denial_reason_code, count(*) as denials,
        sum(j.denied) as denied, sum(j.latest) as latest, sum(j.overturned) as overturned, sum(j.recovered) as recovered,
        sum(j.simulated) as simulated
    from shared_periods as p
    inner join judged as j on j.partition_date = p.partition_date and j.day >= p.period_start
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('payer')
    ) as b (breakdown)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
),

framed as (
    select
        *, sum(denials) over (
            partition by partition_date, period_grain, breakdown, location_key, provider_key, patient_type, source_key, payer_key
        ) as frame
    from sums
)

select
    f.period_grain, f.period_start, f.partition_date as period_end, f.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, f.breakdown, f.location_key, f.provider_key, f.patient_type, f.source_key,
    f.payer_key, f.denial_reason_code, f.denials, f.frame as frame_denials, rate_of(f.denials, f.frame) as denial_share,
    f.denied as denied_amount, f.latest as latest_denials, f.overturned as overturned_denials,
    rate_of(f.overturned, f.latest) as overturn_rate, f.recovered as recovered_amount,
    case when f.simulated > 0 then 'simulated' else 'derived' end as data_basis, f.partition_date
from framed as f
left join dim_date as d on d.date_day = f.period_start
