-- Who pays a line's rest, how and when it falls due. The contractual part comes out of the patient's share: Synthea's
-- payers pay the whole fee. A denial that stands leaves the patient's share to the patient and writes off the payers'.
create table line_money as
with known as (
    select
        l.* exclude (contractual, organization_id),
        case when s.given_up_day is null then l.contractual else 0 end as contractual,
        c.patient_id, c.organization_id, c.primary_payer_id, c.secondary_payer_id, c.base_day,
        s.posted_day, s.secondary_posted_day, s.given_up_day + 1 as written_off_day,
        s.given_up_day is not null as is_denied,
        c.primary_payer_id is null as is_self_pay,
        c.primary_payer_id is null and u(c.claim_id, 'pays at service') < money_self_pay_at_service() as is_paid_at_service,
        money_pays(u(c.claim_id, 'pays')) as pays
    from claim_line as l
    inner join claim as c on c.claim_id = l.claim_id
    left join claim_step as s on s.claim_id = l.claim_id
),

due as (
    select
        *,
        case
            when is_self_pay then base_day
            when is_denied then written_off_day
            else coalesce(secondary_posted_day, posted_day)
        end as due_day,
        case when copay > 0 and u(draw, 'copay') < money_copay() then copay else 0 end as copay_paid,
        case
            when not is_paid_at_service and u(claim_id, 'courtesy') < money_courtesy()
                then cents(money_courtesy_share() * cast(patient_pays - contractual - copay as double))
            else 0
        end as courtesy
    from known
),

rested as (
    select *, patient_pays - copay_paid - contractual - courtesy as rest
    from due
)

select
    *,
    case
        when rest <= 0 then 'nothing'
        when is_paid_at_service then 'service'
        when rest < money_small_balance() then 'small'
        else pays
    end as way
from rested;

-- Ways to pay: the statements (1 first ... 4 collections) a line is on, parts already paid, and the part paid after each.
create table way_stage as
select s.*
from (
    values
    ('first', 1, 1, 0, 1),
    ('halves', 1, 2, 0, 1), ('halves', 2, 2, 1, 2),
    ('reminder', 1, 1, 0, null), ('reminder', 2, 1, 0, 1),
    ('thirds', 1, 3, 0, 1), ('thirds', 2, 3, 1, 2), ('thirds', 3, 3, 2, 3),
    ('final', 1, 1, 0, null), ('final', 2, 1, 0, null), ('final', 3, 1, 0, 1),
    ('collections', 1, 1, 0, null), ('collections', 2, 1, 0, null), ('collections', 3, 1, 0, null), ('collections', 4, 1, 0, 1),
    ('never', 1, 1, 0, null), ('never', 2, 1, 0, null), ('never', 3, 1, 0, null), ('never', 4, 1, 0, null)
) as s (way, stage, parts, paid_parts, part);

-- The first day from a day on that is a patient's billing day.
create macro next_billing_day(a_day, billing_day) as
    case
        when day(a_day) <= billing_day then a_day + cast(billing_day - day(a_day) as integer)
        else last_day(a_day) + billing_day
    end;

create table line_statement as
with staged as (
    select
        m.*,
        s.stage,
        s.parts,
        s.paid_parts,
        s.part,
        cast(next_billing_day(m.due_day + money_statement_wait(), p.billing_day) + to_months(s.stage - 1) as date) as sent_day,
        cast(round(m.rest / s.parts, 2) as decimal(18, 2)) as instalment
    from line_money as m
    inner join patient as p on p.patient_id = m.patient_id
    inner join way_stage as s on s.way = m.way
),

counted as (
    select
        claim_id, line_number, draw, patient_id, organization_id, stage, part = parts as is_last, sent_day,
        rest - instalment * paid_parts as open_amount,
        case
            when part = parts then rest - instalment * (parts - 1)
            when part < parts then instalment
        end as paid_amount,
        sent_day + money_paid_after(u(claim_id || '|' || stage, 'paid after')) as paid_day
    from staged
)

select
    *,
    -- Some pay too much with their last payment.
    case
        when is_last and u(draw, 'overpaid') < money_overpaid()
            then cents(money_overpaid_base() + money_overpaid_share() * u(draw, 'overpaid part') * cast(paid_amount as double))
        else 0
    end as overpaid
from counted;
