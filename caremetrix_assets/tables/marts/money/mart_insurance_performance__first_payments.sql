-- The day of a claim's first payment by an insurer, between two days on which it may change, [valid_from, valid_to): a payment that is
-- taken back gives way to the next one.
with days as (
    select
        e.claim_id, e.entry_date, max(case when e.undone_date is null then date '9999-12-31' else e.undone_date end) as stands_until
    from shared_money_entries as e
    inner join claims as c on c.claim_id = e.claim_id
    where e.entry_type = 'payment' and e.party <> 'patient' and not e.is_undoing
    group by e.claim_id, e.entry_date
),

spans as (
    select
        claim_id, entry_date, stands_until,
        max(stands_until) over (
            partition by claim_id order by entry_date rows between unbounded preceding and 1 preceding
        ) as stood_until
    from days
)

select
    claim_id, entry_date, case when stood_until > entry_date then stood_until else entry_date end as valid_from,
    stands_until as valid_to
from spans
where stands_until > entry_date and (stood_until is null or stood_until < stands_until)
