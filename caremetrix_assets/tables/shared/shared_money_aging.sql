-- Charge lines with a balance on a day: open or a credit, how old, who owes it (or is owed), since when.
with balances as (
    select d.as_of_date, b.*
    from shared_money_as_of as d
    inner join shared_money_balances as b on b.valid_from <= d.as_of_date and d.as_of_date < b.valid_to
    where b.balance <> 0
),

-- A credit belongs to whoever paid last.
owners as (
    select b.as_of_date, b.claim_line_sk, max_by(e.party, iso_date(e.entry_date) || e.payment_sk) as party
    from balances as b
    inner join shared_money_entries as e on e.claim_line_sk = b.claim_line_sk and e.entry_date <= b.as_of_date
    where b.balance < 0 and e.entry_type = 'payment' and not e.is_undoing and (e.undone_date is null or e.undone_date > b.as_of_date)
    group by b.as_of_date, b.claim_line_sk
),

judged as (
    select
        b.*, l.claim_id, l.service_date, l.patient_id, l.patient_key, l.location_key, l.provider_key, l.patient_type, l.source_key,
        l.procedure_key, l.primary_payer_key, l.secondary_payer_key, l.is_billed_to_insurance, s1.settled_date as primary_settled_date,
        s2.settled_date as secondary_settled_date, st.claim_state, coalesce(st.is_simulated, false) as has_simulated_event,
        case
            when b.balance < 0 then coalesce(o.party, 'patient')
            when not l.is_billed_to_insurance then 'patient'
            when not coalesce(s1.is_settled, false) then 'primary'
            when l.secondary_payer_key >= 0 and not coalesce(s2.is_settled, false) then 'secondary'
            else 'patient'
        end as responsible_party
    from balances as b
    inner join shared_money_lines as l on l.claim_line_sk = b.claim_line_sk
    left join owners as o on o.as_of_date = b.as_of_date and o.claim_line_sk = b.claim_line_sk
    left join shared_money_settlements as s1
        on s1.claim_id = l.claim_id and s1.party = 'primary' and s1.valid_from <= b.as_of_date and b.as_of_date < s1.valid_to
    left join shared_money_settlements as s2
        on s2.claim_id = l.claim_id and s2.party = 'secondary' and s2.valid_from <= b.as_of_date and b.as_of_date < s2.valid_to
    left join shared_money_claim_states as st
        on st.claim_id = l.claim_id and st.payer_rank = 'primary' and st.valid_from <= b.as_of_date and b.as_of_date < st.valid_to
),

since as (
    select
        *, date_diff('day', service_date, as_of_date) as days_from_service,
        case
            when balance < 0 then negative_since
            when responsible_party = 'primary' or not is_billed_to_insurance then service_date
            when responsible_party = 'secondary' or secondary_payer_key < 0 then primary_settled_date
            else secondary_settled_date
        end as since_date
    from judged
)

select
    as_of_date, claim_line_sk, claim_id, patient_id, patient_key, location_key, provider_key, patient_type, source_key, primary_payer_key,
    responsible_party,
    case responsible_party
        when 'primary' then primary_payer_key
        when 'secondary' then secondary_payer_key
        else coalesce((select max(p.member_key) from dim_payer as p where p.payer_id = 'SELF_PAY'), -1)
    end as responsible_payer_key,
    procedure_key, service_date, case when since_date < service_date then service_date else since_date end as responsible_since_date,
    days_from_service,
    case when balance < 0 then 'credit' else k.aging_bucket end as aging_bucket,
    charge, primary_paid, secondary_paid, patient_paid, adjustment, balance, claim_state,
    is_simulated or has_simulated_event as is_simulated
from since as s
inner join shared_money_buckets as k on s.days_from_service >= k.first_days and s.days_from_service <= k.last_days
