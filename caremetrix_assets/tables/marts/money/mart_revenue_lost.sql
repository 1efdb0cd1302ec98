with named as (
    select
        o.*, md5(o.opportunity_type || '|' || o.source_id) as opportunity_id, date_diff('day', o.first_seen_date, o.partition_date) as age,
        o.gross - o.recovered as net
    from opportunities as o
),

-- The kind of a missed visit is that of its booking.
missed as (
    select n.partition_date, n.patient_id, n.first_seen_date, n.opportunity_id, n.net, a.appointment_type
    from named as n
    inner join fact_appointment as a on a.appointment_id = n.source_id
    where n.opportunity_type = 'missed_visit'
),

latest_missed as (
    select n.partition_date, n.opportunity_id, max(m.first_seen_date) as missed_date
    from named as n
    inner join missed as m
        on m.partition_date = n.partition_date and m.patient_id = n.patient_id and m.appointment_type = n.twin_kind
        and m.first_seen_date > n.twin_date
    where n.opportunity_type = 'overdue_preventive'
    group by n.partition_date, n.opportunity_id
),

twins as (
    select n.partition_date, n.opportunity_id, min(m.opportunity_id) as twin_id
    from named as n
    left join latest_missed as t on t.partition_date = n.partition_date and t.opportunity_id = n.opportunity_id
    inner join missed as m
        on m.partition_date = n.partition_date and m.patient_id = n.patient_id and m.net > 0
        and (
            (n.twin_kind = 'planned' and m.first_seen_date = n.twin_date)
            or (n.opportunity_type = 'overdue_preventive' and m.appointment_type = n.twin_kind and m.first_seen_date = t.missed_date)
        )
    group by n.partition_date, n.opportunity_id
    union all
    select n.partition_date, n.opportunity_id, d.opportunity_id
    from named as n
    inner join named as d
        on d.partition_date = n.partition_date and d.opportunity_type = 'denied_claim' and d.claim_id = n.claim_id and d.net > 0
    where n.opportunity_type = 'write_off'
),

rates as (
    select
        partition_date, opportunity_type, count(*) filter (where age >= 90) as old_rows,
        rate_of(sum(case when age >= 90 then recovered else 0 end), sum(case when age >= 90 then gross else 0 end)) as observed
    from named
    group by partition_date, opportunity_type
),

judged as (
    select
        n.*, r.old_rows >= 20 as is_observed,
        case
            when r.old_rows >= 20 then r.observed
            when n.opportunity_type in ('missed_visit', 'denied_claim', 'missed_charge') then 0.50
            when n.opportunity_type = 'write_off' then 0.10
            else 0.30
        end as probability,
        case
            when n.net = 0 then 'recovered'
            when n.age > 180 or n.is_expired then 'expired'
            when n.is_in_progress then 'in_progress'
            else 'open'
        end as status, coalesce(t.twin_id, n.opportunity_id) as dedupe_group
    from named as n
    inner join rates as r on r.partition_date = n.partition_date and r.opportunity_type = n.opportunity_type
    left join twins as t on t.partition_date = n.partition_date and t.opportunity_id = n.opportunity_id
)

select
    j.patient_id, coalesce(k.patient_key, -1) as patient_key, j.location_key, j.provider_key, j.patient_type, j.source_key,
    j.opportunity_id, j.opportunity_type, j.subtype, j.source_id, j.first_seen_date, j.age as age_days, j.status, j.resolved_date,
    j.gross as gross_lost_amount, j.recovered as recovered_amount, j.net as net_lost_amount, j.probability as recovery_probability,
    j.is_observed as is_probability_observed,
    case when j.status in ('open', 'in_progress') then round(j.net * j.probability, 2) else 0 end as expected_recoverable_amount,
    case
        when j.status in ('recovered', 'expired') then 0
        else
            case when j.net >= 1000 then 40 when j.net >= 500 then 30 when j.net >= 200 then 20 when j.net >= 100 then 10 else 0 end
            + case when j.probability >= 0.6 then 30 when j.probability >= 0.3 then 20 when j.probability > 0 then 10 else 0 end
            + case j.opportunity_type when 'missed_visit' then 20 when 'denied_claim' then 15 when 'write_off' then 5 else 10 end
            + case when j.age <= 30 then 10 when j.age <= 90 then 5 else 0 end
    end as priority_score, j.dedupe_group, j.dedupe_group = j.opportunity_id as is_counted,
    case when j.is_simulated then 'simulated' else 'derived' end as data_basis, j.partition_date
from judged as j
left join shared_people as k on k.patient_id = j.patient_id
