with ledger_lines as (
    select
        claim_id, line_number, cast(service_from_at as date) as event_date, sum(charge_amount) as charge,
        sum(case when paid_by = 'primary' then payment_amount else 0 end) as primary_paid,
        sum(case when paid_by = 'secondary' then payment_amount else 0 end) as secondary_paid,
        sum(case when paid_by = 'patient' then payment_amount else 0 end) as patient_paid,
        sum(adjustment_amount) as adjustment, sum(balance_effect_amount) as balance
    from fact_transaction
    where cast(service_from_at as date) >= (select min(period_start) from shared_periods)
    group by claim_id, line_number, cast(service_from_at as date)
),
lines as (
    select
        t.*, c.encounter_id, c.claim_kind, coalesce(f.is_billed_to_insurance, false) as is_insured,
        coalesce(f.location_key, -1) as location_key, coalesce(pr.member_key, -1) as provider_key,
        coalesce(f.patient_type, 'prospect') as patient_type, coalesce(f.source_key, -1) as source_key,
        coalesce(pa.member_key, -1) as payer_key, coalesce(e.encounter_class, 'Unknown') as class,
        coalesce(c.claim_type, 'Unknown') as claim_type
    from ledger_lines as t
    left join fact_claim_line as f on f.claim_id = t.claim_id and f.line_number = t.line_number
    left join dim_claim as c on c.claim_id = t.claim_id
    left join dim_encounter as e on e.encounter_id = c.encounter_id
    left join dim_provider as pr on pr.provider_key = f.provider_key
    left join dim_payer as pa on pa.payer_key = f.primary_payer_key
),
claim_days as (
    select *, lead(event_date) over (partition by claim_id order by event_date) as next_date
    from (
        select distinct claim_id, event_date, location_key, provider_key, patient_type, source_key, payer_key, class, claim_type from lines
    ) as d
),
encounters as (
    select
        a.encounter_id, cast(a.started_at as date) as event_date, a.location_key, coalesce(pr.member_key, -1) as provider_key,
        a.patient_type, a.source_key, coalesce(pa.member_key, -1) as payer_key, coalesce(a.encounter_class, 'Unknown') as class,
        coalesce(c.claim_type, 'Unknown') as claim_type, coalesce(a.billed_amount, 0) as billed,
        coalesce(a.payer_coverage_amount, 0) as covered
    from fact_appointment as a
    left join dim_claim as c on c.encounter_id = a.encounter_id and c.claim_kind = 'encounter'
    left join dim_provider as pr on pr.provider_key = a.provider_key
    left join dim_payer as pa on pa.payer_key = a.payer_key
    where a.encounter_id is not null and cast(a.started_at as date) >= (select min(period_start) from shared_periods)
),
-- A row counts in every period with event_date in it, from known_date on. A claim counts on its newest day, which takes the one before
-- back. The last part keeps the total row.
entries as (
    select
        event_date, event_date as known_date, location_key, provider_key, patient_type, source_key, payer_key, class, claim_type,
        0 as claims, charge, case when claim_kind = 'medication' then charge else 0 end as medication,
        case when is_insured then 0 else charge end as uninsured, primary_paid, secondary_paid, patient_paid, adjustment, balance,
        case when balance < 0 then -balance else 0 end as overpaid,
        0 as encounters, 0 as billed, 0 as covered, 0 as served, 0 as served_primary
    from lines
    union all
    select
        event_date, case s.sign when 1 then event_date else next_date end, location_key, provider_key, patient_type, source_key,
        payer_key, class, claim_type, s.sign, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from claim_days cross join (values (1), (-1)) as s (sign)
    union all
    select
        event_date, event_date, location_key, provider_key, patient_type, source_key, payer_key, class, claim_type,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, billed, covered, 0, 0
    from encounters
    union all
    select
        e.event_date, l.event_date, e.location_key, e.provider_key, e.patient_type, e.source_key, e.payer_key, e.class, e.claim_type,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, l.charge, l.primary_paid
    from encounters as e inner join lines as l on l.encounter_id = e.encounter_id and l.claim_kind = 'encounter'
    union all
    select partition_date, partition_date, -3, -3, 'all', -3, -3, 'all', 'all', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    from run_dates
),
-- Before the breakdowns, so that they multiply few rows.
cells as (
    select
        p.partition_date, p.period_grain, p.period_start, e.location_key, e.provider_key, e.patient_type, e.source_key, e.payer_key,
        e.class, e.claim_type, sum(claims) as claims, sum(charge) as charge, sum(medication) as medication, sum(uninsured) as uninsured,
        sum(primary_paid) as primary_paid, sum(secondary_paid) as secondary_paid, sum(patient_paid) as patient_paid,
        sum(adjustment) as adjustment, sum(balance) as balance, sum(overpaid) as overpaid, sum(encounters) as encounters,
        sum(billed) as billed, sum(covered) as covered, sum(served) as served, sum(served_primary) as served_primary
    from shared_periods as p
    inner join entries as e
        on e.event_date >= p.period_start and e.event_date <= p.partition_date and e.known_date <= p.partition_date
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
),
sums as (
    select
        c.partition_date, c.period_grain, c.period_start, b.breakdown,
        case when b.breakdown in ('location', 'detail') then c.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail') then c.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then c.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then c.source_key else -3 end as source_key,
        case b.breakdown when 'payer' then c.payer_key else -3 end as payer_key,
        case b.breakdown when 'encounter_class' then c.class else 'all' end as encounter_class,
        case b.breakdown when 'claim_type' then c.claim_type else 'all' end as claim_type,
        sum(claims) as claims, sum(charge) as charge, sum(medication) as medication, sum(uninsured) as uninsured,
        sum(primary_paid) as primary_paid, sum(secondary_paid) as secondary_paid, sum(patient_paid) as patient_paid,
        sum(adjustment) as adjustment, sum(balance) as balance, sum(overpaid) as overpaid, sum(encounters) as encounters,
        sum(billed) as billed, sum(covered) as covered, sum(served) as served, sum(served_primary) as served_primary
    from cells as c
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('payer'),
        ('encounter_class'), ('claim_type')
    ) as b (breakdown)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
),
framed as (
    select
        *, max(case when breakdown = 'total' then charge end) over (partition by partition_date, period_grain) as frame,
        partition_date >= (select min(cast(service_from_at as date)) from fact_transaction) as has_ledger
    from sums
)
select
    f.period_grain, f.period_start, f.partition_date as period_end,
    f.period_grain <> 'month' or f.partition_date = last_day(f.partition_date) as is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, f.breakdown, f.location_key, f.provider_key, f.patient_type, f.source_key,
    f.payer_key, f.encounter_class, f.claim_type, case when f.has_ledger then f.claims end as claims,
    case when f.has_ledger then f.charge end as charge_amount, case when f.has_ledger then f.frame end as frame_charge_amount,
    rate_of(f.charge, f.frame) as charge_share, case when f.has_ledger then f.medication end as medication_charge_amount,
    case when f.has_ledger then f.uninsured end as uninsured_charge_amount, rate_of(f.uninsured, f.charge) as uninsured_share,
    case when f.has_ledger then f.primary_paid end as primary_paid_amount,
    case when f.has_ledger then f.secondary_paid end as secondary_paid_amount,
    case when f.has_ledger then f.patient_paid end as patient_paid_amount, rate_of(f.primary_paid, f.charge) as primary_share,
    rate_of(f.secondary_paid, f.charge) as secondary_share, rate_of(f.patient_paid, f.charge) as patient_share,
    case when f.has_ledger then f.adjustment end as adjustment_amount, case when f.has_ledger then f.balance end as open_amount,
    case when f.has_ledger then f.overpaid end as overpaid_amount, f.encounters, f.billed as encounter_total_amount,
    case when f.has_ledger then f.served end as encounter_charge_amount,
    case when f.has_ledger then f.billed - f.served end as encounter_gap_amount, f.covered as payer_coverage_amount,
    case when f.has_ledger then f.served_primary end as encounter_primary_paid_amount, 'derived' as data_basis, f.partition_date
from framed as f
left join dim_date as d on d.date_day = f.period_start
where
    f.breakdown = 'total' or f.claims <> 0 or f.charge <> 0 or f.medication <> 0 or f.uninsured <> 0 or f.primary_paid <> 0
    or f.secondary_paid <> 0 or f.patient_paid <> 0 or f.adjustment <> 0 or f.balance <> 0 or f.overpaid <> 0 or f.encounters <> 0
    or f.billed <> 0 or f.covered <> 0 or f.served <> 0 or f.served_primary <> 0 or f.billed <> f.served
