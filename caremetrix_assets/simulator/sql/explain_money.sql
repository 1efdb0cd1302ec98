-- What was drawn for claims and money.
insert into drawn (parameter, number)
select 'claims.rejected', is_rejected::integer from claim_step
union all
select 'claims.denied', is_denied::integer from claim_step
union all
select 'claims.overturned', is_overturned::integer from claim_step where is_denied
union all
select
    'claims.' || case when is_government then 'government_days' else 'private_days' end,
    case
        when is_government then claims_government_days(u(claim_id, 'decision'))
        else claims_private_days(u(claim_id, 'decision'))
    end
from claim_step
union all
select 'claims.slow', (u(claim_id, 'slow') < claims_slow())::integer from claim_step
union all
select 'claims.slow_days', claims_slow_days(u(claim_id, 'slow days')) from claim_step where u(claim_id, 'slow') < claims_slow()
union all
select 'claims.rejected_after', rejected_day - submitted_day from claim_step where is_rejected
union all
select 'claims.resubmitted_after', resubmitted_day - rejected_day from claim_step where is_rejected
union all
select 'claims.appealed_after', appeal_day - denied_day from claim_step where appeal_day is not null
union all
select 'claims.appeal_decided_after', adjudicated_day - appeal_day from claim_step where appeal_day is not null
union all
select 'claims.given_up_after', given_up_day - denied_day from claim_step where given_up_day is not null
union all
select 'claims.secondary_after', secondary_submitted_day - adjudicated_day from claim_step where secondary_submitted_day is not null
union all
select 'claims.posted_after', claims_posted_after(u(claim_id, 'posted')) from claim_step where posted_day is not null
union all
select 'claims.secondary_days', secondary_adjudicated_day - secondary_submitted_day
from claim_step where secondary_submitted_day is not null
union all
select 'money.copay', (copay_paid > 0)::integer from line_money where copay > 0
union all
select 'money.self_pay_at_service', bool_or(is_paid_at_service)::integer from line_money where is_self_pay group by claim_id
union all
select 'money.courtesy', (u(claim_id, 'courtesy') < money_courtesy())::integer
from (select distinct claim_id from line_money where not is_paid_at_service) as c
union all
select 'money.overpaid', (overpaid > 0)::integer from line_statement where is_last
union all
select 'money.paid_after', paid_day - sent_day from line_statement where paid_amount is not null
union all
select 'money.paid_twice', (u(draw, 'paid twice') < money_paid_twice())::integer from line_money where primary_pays > 0 and not is_denied
union all
select 'money.reversed', (status = 'reversed')::integer from receipt where entry_type = 'payment'
union all
select 'money.bad_debt', (u(claim_id, 'bad debt') < money_bad_debt())::integer
from (select distinct claim_id from line_money where way = 'never') as c
union all
select 'money.refunded', (u(draw, 'refunded') < money_refunded())::integer from line_statement where overpaid > 0
union all
select 'money.refunded_after', money_refunded_after(u(draw, 'refunded after')) from entry_back where entry = 'refund'
union all
select 'money.paid_twice_after', money_paid_twice_after(u(draw, 'paid twice after')) from entry where entry = 'twice'
union all
select 'money.taken_back', (u(draw, 'taken back') < money_taken_back())::integer from entry where entry = 'twice'
union all
select 'money.taken_back_after', money_taken_back_after(u(draw, 'taken back after')) from entry_back where entry = 'takeback';

insert into drawn (parameter, label)
select 'claims.submitted', cast(submitted_day - base_day as varchar) from claim_step
union all
select 'claims.rejection_reasons', reason_code from claim_event where event = 'rejected'
union all
select 'claims.denial_reasons', reason_code from claim_event where event = 'denied'
union all
select 'money.pays', any_value(pays) from line_money where way not in ('nothing', 'service', 'small') group by claim_id
union all
select 'money.' || methods || '_methods', method from receipt where methods in ('payer', 'desk', 'statement')
union all
select 'money.statement_channels', channel from feed_statements where statement_type <> 'collections';
