-- Where a row of the ledger stands in its claim: the charge it belongs to, who owed the line then, and of a payment who made it.
-- Only what the windows need goes through their sort.
with positions as (
    select
        claimid, line_ordinal, type, method,
        sum(case when type = 'CHARGE' then 1 else 0 end) over up_to as line_number,
        lag(type) over claim as type_before,
        lag(transfertype) over claim as transfer_before,
        -- the party that the line's charge or newest transfer turned to
        last_value(case when type in ('CHARGE', 'TRANSFERIN') then transfertype end ignore nulls) over up_to as owed_by
    from raw_claims_transactions
    window
        claim as (partition by claimid order by line_ordinal),
        up_to as (partition by claimid order by line_ordinal rows between unbounded preceding and current row)
)

select
    claimid, line_ordinal, line_number, owed_by,
    case
        when type <> 'PAYMENT' then null
        when method = 'ECHECK' and type_before = 'TRANSFERIN' and transfer_before = '2' then 'secondary'
        when method = 'ECHECK' then 'primary'
        else 'patient'
    end as paid_by
from positions
