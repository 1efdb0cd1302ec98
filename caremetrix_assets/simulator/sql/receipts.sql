-- Money and adjustments as they are posted, line by line.
create table entry as
with posted as (
    select m.claim_id, m.line_number, m.draw, m.organization_id, m.patient_id, e.*
    from line_money as m,
        lateral (
            values
            ('copay', 'patient', null, 'payment', m.copay_paid, 'desk', m.service_day),
            ('service', 'patient', null, 'payment', case when m.way = 'service' then m.rest end, 'desk', m.base_day),
            ('primary', 'primary', m.primary_payer_id, 'payment', m.primary_pays, 'payer', m.posted_day),
            ('secondary', 'secondary', m.secondary_payer_id, 'payment', m.secondary_pays, 'payer', m.secondary_posted_day),
            ('contractual', 'primary', m.primary_payer_id, 'contractual', -(m.contractual + m.adjusted), null, m.posted_day),
            (
                'write-off', 'primary', m.primary_payer_id, 'contractual',
                -(m.primary_pays + m.secondary_pays + m.adjusted), null, m.written_off_day
            ),
            (
                'discount', 'patient', null, 'contractual',
                case when m.is_self_pay then -m.adjusted end, null, m.service_day
            ),
            ('courtesy', 'patient', null, 'courtesy', -m.courtesy, null, m.due_day + money_courtesy_after()),
            (
                'small', 'patient', null, 'correction',
                case when m.way = 'small' then -m.rest end, null, m.due_day + money_small_after()
            ),
            (
                'bad debt', 'patient', null, 'bad_debt',
                case when m.way = 'never' and u(m.claim_id, 'bad debt') < money_bad_debt() then -m.rest end,
                null, m.due_day + money_bad_debt_after()
            ),
            (
                'twice', 'primary', m.primary_payer_id, 'payment',
                case when u(m.draw, 'paid twice') < money_paid_twice() then m.primary_pays end, 'payer',
                banking_day(m.posted_day + money_paid_twice_after(u(m.draw, 'paid twice after')))
            )
        ) as e (entry, party, payer_id, entry_type, amount, methods, posted_day)
    union all
    select
        claim_id, line_number, draw, organization_id, patient_id,
        'statement ' || stage, 'patient', null, 'payment', paid_amount + overpaid, 'statement', paid_day
    from line_statement
    where paid_amount is not null
)
select * from posted where amount <> 0 and posted_day is not null;

-- What goes back: overpayments of patients, payments that a payer made twice.
create table entry_back as
select
    claim_id, line_number, draw, organization_id, patient_id,
    'refund' as entry, 'patient' as party, cast(null as varchar) as payer_id, 'refund' as entry_type,
    -overpaid as amount, 'check' as methods,
    paid_day + money_refunded_after(u(draw, 'refunded after')) as posted_day,
    'statement ' || stage as original
from line_statement
where overpaid > 0 and u(draw, 'refunded') < money_refunded()
union all
select
    claim_id, line_number, draw, organization_id, patient_id,
    'takeback', party, payer_id, 'takeback', -amount, 'eft',
    posted_day + money_taken_back_after(u(draw, 'taken back after')),
    entry
from entry
where entry = 'twice' and u(draw, 'taken back') < money_taken_back();

create table receipt_of_any_day as
with every as (
    select *, cast(null as varchar) as original, 'posted' as status from entry
    union all
    select *, 'posted' from entry_back
    union all
    -- Entered by mistake, and reversed on the same day.
    select * replace (entry || ' again' as entry), null, 'reversed'
    from entry
    where entry_type = 'payment' and u(draw || '|' || entry, 'reversed') < money_reversed()
)

select
    *,
    case methods
        when 'payer' then money_payer_methods(u(claim_id || '|' || party, 'method'))
        when 'desk' then money_desk_methods(u(claim_id, 'method'))
        when 'statement' then money_statement_methods(u(claim_id || '|' || entry, 'method'))
        else methods
    end as method
from every;

create view receipt as
select * from receipt_of_any_day where posted_day <= end_date();

-- The entries of later days too: a claim that grew late has told some of them already.
create view receipt_row as
select
    id_of('receipt', draw || '|' || entry) as receipt_id,
    claim_id,
    line_number,
    patient_id,
    party,
    payer_id,
    entry_type,
    cents(amount) as amount,
    method,
    posted_day as posted_date,
    case when method is not null then id_of('deposit', organization_id || '|' || (party = 'patient') || '|' || posted_day) end
        as deposit_id,
    case when original is not null then id_of('receipt', draw || '|' || original) end as original_receipt_id,
    status,
    case when status = 'reversed' then posted_day end as reversed_date
from receipt_of_any_day;

create table feed_receipts as
select * from receipt_row where posted_date <= end_date();
