-- The ledger's charge lines: what was charged and what first payer, second payer and patient pay in the end.
create table line as
with placed as (
    select
        claimid as claim_id,
        type,
        method,
        fromdate,
        placeofservice,
        procedurecode,
        amount,
        payments,
        adjustments,
        count(*) filter (where type = 'CHARGE')
            over (partition by claimid order by try_cast(chargeid as bigint) rows unbounded preceding) as line_number,
        -- A payment right behind a transfer to the second payer is that payer's.
        coalesce(
            lag(case when type = 'TRANSFERIN' then transfertype end)
                over (partition by claimid order by try_cast(chargeid as bigint)) = '2',
            false
        ) as is_secondary
    from state_claims_transactions
)

select
    claim_id,
    cast(line_number as integer) as line_number,
    max(fromdate) filter (where type = 'CHARGE') as service_at,
    max(placeofservice) filter (where type = 'CHARGE') as organization_id,
    max(procedurecode) filter (where type = 'CHARGE') as procedure_code,
    coalesce(sum(amount) filter (where type = 'CHARGE'), 0) as charge,
    coalesce(sum(payments) filter (where type = 'PAYMENT' and method = 'ECHECK' and not is_secondary), 0) as primary_pays,
    coalesce(sum(payments) filter (where type = 'PAYMENT' and method = 'ECHECK' and is_secondary), 0) as secondary_pays,
    coalesce(sum(payments) filter (where type = 'PAYMENT' and method <> 'ECHECK'), 0) as patient_pays,
    coalesce(sum(payments) filter (where type = 'PAYMENT' and method = 'COPAY'), 0) as copay,
    coalesce(sum(adjustments) filter (where type = 'ADJUSTMENT'), 0) as adjusted
from placed
where line_number > 0
group by claim_id, line_number;
