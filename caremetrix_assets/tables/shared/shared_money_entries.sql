-- What moved on a charge line, on the day it counts from: the later of posting and service. A reversed posting is followed by a
-- second entry with the opposite amounts (is_undoing); undone_date tells the first one until when it stands.
with posted as (
    select
        payment_sk, receipt_id, claim_line_sk, claim_id, party, entry_type, entry_source, original_receipt_id, posted_date, reversed_date,
        case when posted_date < service_date then service_date else posted_date end as entry_date, payment_amount, adjustment_amount,
        is_simulated
    from fact_payment
),

dated as (
    select *, case when reversed_date < entry_date then entry_date else reversed_date end as undone_date from posted
)

select
    payment_sk, receipt_id, claim_line_sk, claim_id, party, entry_type, entry_source, original_receipt_id, posted_date as posted_on,
    entry_date, undone_date, false as is_undoing, payment_amount, adjustment_amount, is_simulated
from dated
union all
select
    payment_sk, receipt_id, claim_line_sk, claim_id, party, entry_type, entry_source, original_receipt_id, reversed_date, undone_date,
    cast(null as date), true, -payment_amount, -adjustment_amount, is_simulated
from dated
where undone_date is not null
