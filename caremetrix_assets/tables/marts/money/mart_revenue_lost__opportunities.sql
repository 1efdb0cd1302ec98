-- The opportunities of each day to build, with what came back up to it and the keys of the visit, claim, plan item or line.
with booked as (
    select partition_date, patient_id, max(case when is_simulated then 1 else 0 end) = 1 as is_simulated
    from fact_booking
    where status = 'scheduled'
    group by partition_date, patient_id
),

whole as (
    select
        r.partition_date, w.opportunity_type, w.subtype, w.source_id, w.first_seen_date, w.gross,
        case when w.recovered_date <= r.partition_date then w.gross else 0 end as recovered,
        case when w.recovered_date <= r.partition_date then w.recovered_date end as resolved_date,
        case
            when w.opportunity_type in ('missed_visit', 'overdue_preventive') then b.patient_id is not null
            else coalesce(w.accepted_date <= r.partition_date and (w.declined_date is null or w.declined_date > r.partition_date), false)
        end as is_in_progress, w.twin_date, w.twin_kind, w.patient_id, w.location_key, coalesce(p.member_key, -1) as provider_key,
        w.patient_type, w.source_key,
        w.is_simulated or (w.opportunity_type in ('missed_visit', 'overdue_preventive') and coalesce(b.is_simulated, false)) as is_simulated
    from run_dates as r
    inner join losses_whole as w
        on w.first_seen_date > add_months(r.partition_date, -12) and w.first_seen_date <= r.partition_date
        and w.valid_from <= r.partition_date and r.partition_date < w.valid_to
    left join booked as b on b.partition_date = r.partition_date and b.patient_id = w.patient_id
    left join dim_provider as p on p.provider_key = w.provider_key
    where w.gross > 0
)

select
    partition_date, opportunity_type, subtype, source_id, first_seen_date, gross, recovered, resolved_date, is_in_progress,
    false as is_expired, twin_date, twin_kind, null as claim_id, patient_id, location_key, provider_key, patient_type, source_key,
    is_simulated
from whole
union all
select
    p.partition_date, p.opportunity_type, p.subtype, p.source_id, p.first_seen_date, p.gross, p.recovered, p.resolved_date,
    p.is_in_progress, p.is_expired, null, null, p.claim_id, c.patient_id, coalesce(c.location_key, -1), coalesce(v.member_key, -1),
    coalesce(c.patient_type, 'prospect'), coalesce(c.source_key, -1), p.is_simulated
from partial as p
inner join fact_claim as c on c.claim_id = p.claim_id
left join dim_provider as v on v.provider_key = c.provider_key
where p.opportunity_type = 'denied_claim' and p.gross > 0
union all
select
    p.partition_date, p.opportunity_type, p.subtype, p.source_id, p.first_seen_date, p.gross, p.recovered, p.resolved_date,
    p.is_in_progress, p.is_expired, null, null, p.claim_id, l.patient_id, l.location_key, l.provider_key, l.patient_type, l.source_key,
    p.is_simulated
from partial as p
inner join shared_money_lines as l on l.claim_line_sk = p.claim_line_sk
where p.opportunity_type = 'write_off'
