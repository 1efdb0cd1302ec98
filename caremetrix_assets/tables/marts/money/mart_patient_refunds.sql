with payments as (
    select c.partition_date, e.payment_sk, e.receipt_id, e.claim_line_sk, e.claim_id, e.party, e.entry_date, e.payment_amount
    from (select distinct partition_date, claim_id from cases) as c
    inner join shared_money_entries as e on e.claim_id = c.claim_id and e.entry_date <= c.partition_date
    where e.entry_type = 'payment' and not e.is_undoing and (e.undone_date is null or e.undone_date > c.partition_date)
),

-- The day on which a party has paid the same amount on the same line a second time within a week.
doubles as (
    select partition_date, claim_line_sk, party, min(entry_date) as first_date
    from (
        select
            partition_date, claim_line_sk, party, entry_date,
            lag(entry_date) over (
                partition by partition_date, claim_line_sk, party, payment_amount order by entry_date, payment_sk
            ) as date_before
        from payments
    ) as p
    where date_diff('day', date_before, entry_date) <= 7
    group by partition_date, claim_line_sk, party
),

inferred as (
    select
        c.partition_date, c.payment_sk, max_by(p.payment_sk, iso_date(p.entry_date) || p.payment_sk) as original_sk,
        max(p.entry_date) as original_date
    from cases as c
    inner join payments as p
        on p.partition_date = c.partition_date and p.claim_line_sk = c.claim_line_sk and p.party = c.recipient
        and p.entry_date <= c.refund_date and p.payment_amount >= c.refund
    where c.case_status = 'refunded'
    group by c.partition_date, c.payment_sk
),

stated as (
    select
        c.partition_date, c.payment_sk, max_by(p.payment_sk, iso_date(p.entry_date) || p.payment_sk) as original_sk,
        max(p.entry_date) as original_date
    from cases as c
    inner join payments as p
        on p.partition_date = c.partition_date and p.claim_id = c.claim_id and p.receipt_id = c.original_receipt_id
    where c.case_status = 'refunded'
    group by c.partition_date, c.payment_sk
)

select
    l.patient_id, l.patient_key, l.location_key, l.provider_key, l.patient_type, l.source_key,
    md5(c.case_status || '|' || coalesce(c.payment_sk, c.claim_line_sk)) as refund_case_id, c.case_status, c.payment_sk, c.claim_line_sk,
    c.recipient,
    case c.recipient
        when 'primary' then l.primary_payer_key
        when 'secondary' then l.secondary_payer_key
        else coalesce((select max(y.member_key) from dim_payer as y where y.payer_id = 'SELF_PAY'), -1)
    end as payer_key,
    case
        when c.entry_type = 'takeback' then 'payer_takeback'
        when d.first_date <= c.last_date then 'duplicate_payment'
        when c.since is not null then 'overpayment'
        else 'other'
    end as refund_type, c.refund_date, c.refund as refund_amount, c.credit as open_credit_amount, c.since as credit_since_date,
    date_diff('day', c.since, c.last_date) as days_in_credit, coalesce(date_diff('day', c.since, c.last_date) > 60, false) as is_overdue,
    coalesce(s.original_sk, i.original_sk) as original_payment_sk,
    date_diff('day', case when s.original_sk is null then i.original_date else s.original_date end, c.refund_date)
        as days_payment_to_refund,
    case
        when c.case_status = 'open_credit' then null
        when s.original_sk is not null then 'stated'
        when i.original_sk is not null then 'inferred'
        else 'unmatched'
    end as match_status,
    case when c.is_simulated or l.is_simulated then 'simulated' else 'derived' end as data_basis, c.partition_date
from cases as c
inner join shared_money_lines as l on l.claim_line_sk = c.claim_line_sk
left join doubles as d on d.partition_date = c.partition_date and d.claim_line_sk = c.claim_line_sk and d.party = c.recipient
left join stated as s on s.partition_date = c.partition_date and s.payment_sk = c.payment_sk
left join inferred as i on i.partition_date = c.partition_date and i.payment_sk = c.payment_sk
