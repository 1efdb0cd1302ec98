with counted as (
    select
        p.partition_date, p.period_grain, b.breakdown,
        case when b.breakdown in ('location', 'detail') then a.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail', 'provider_procedure') then a.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then a.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then a.source_key else -3 end as source_key,
        case when b.breakdown in ('procedure', 'provider_procedure') then a.procedure_key else -3 end as procedure_key,
        case
            when b.breakdown in ('procedure_category', 'procedure', 'provider_procedure') then a.procedure_category
            else 'all'
        end as procedure_category, count(*) as procedures, count(distinct a.patient_id) as patients,
        count(distinct cast(a.provider_key as varchar) || iso_date(a.start_date)) as provider_days, sum(a.gross) as gross,
        sum(a.uncharged) as uncharged, sum(a.payer_paid) as payer_paid, sum(a.patient_paid) as patient_paid,
        sum(a.adjustment) as adjustment, sum(a.open) as open, sum(a.base_cost) as base_cost, sum(a.minutes) as minutes,
        sum(a.simulated) as simulated
    from shared_periods as p
    inner join as_of as a on a.partition_date = p.partition_date and a.start_date >= p.period_start
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('procedure_category'),
        ('procedure'), ('provider_procedure')
    ) as b (breakdown)
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

-- A place or clinician with clinic hours and no procedure has a row, and so has the total.
sums as (
    select
        partition_date, period_grain, breakdown, location_key, provider_key, patient_type, source_key, procedure_key, procedure_category,
        sum(procedures) as procedures, sum(patients) as patients, sum(provider_days) as provider_days, sum(gross) as gross,
        sum(uncharged) as uncharged, sum(payer_paid) as payer_paid, sum(patient_paid) as patient_paid, sum(adjustment) as adjustment,
        sum(open) as open, sum(base_cost) as base_cost, sum(minutes) as minutes, sum(available) as available, sum(simulated) as simulated
    from (
        select
            partition_date, period_grain, breakdown, location_key, provider_key, patient_type, source_key, procedure_key,
            procedure_category, procedures, patients, provider_days, gross, uncharged, payer_paid, patient_paid, adjustment, open,
            base_cost, minutes, 0 as available, simulated
        from counted
        union all
        select
            partition_date, period_grain, breakdown, location_key, provider_key, 'all', -3, -3, 'all', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            minutes, simulated
        from chair_time
        union all
        select partition_date, period_grain, 'total', -3, -3, 'all', -3, -3, 'all', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        from shared_periods
    ) as u
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
),

framed as (
    select
        *, case
            when breakdown = 'provider_procedure'
                then sum(procedures) over (partition by partition_date, period_grain, breakdown, provider_key)
            else max(case breakdown when 'total' then procedures end) over (partition by partition_date, period_grain)
        end as frame,
        case
            when breakdown = 'provider_procedure' then sum(gross) over (partition by partition_date, period_grain, breakdown, provider_key)
            else max(case breakdown when 'total' then gross end) over (partition by partition_date, period_grain)
        end as frame_gross,
        gross + adjustment - base_cost as margin,
        coalesce(partition_date >= (select min(l.service_date) from fact_claim_line as l), false) as has_charges,
        breakdown in ('total', 'location', 'provider')
        and coalesce(partition_date >= (select min(cast(s.start_at as date)) from fact_schedule_block as s), false) as has_blocks
    from sums
)

select
    f.period_grain, p.period_start, f.partition_date as period_end, p.is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, f.breakdown, f.location_key, f.provider_key, f.patient_type, f.source_key,
    f.procedure_key, f.procedure_category, f.procedures, f.patients, f.frame as frame_procedures,
    rate_of(f.procedures, f.frame) as count_share, case when f.has_charges then f.gross end as gross_amount,
    case when f.has_charges then f.frame_gross end as frame_gross_amount,
    rate_of(f.gross, f.frame_gross) as amount_share,
    case when f.has_charges then f.uncharged end as uncharged_procedures,
    case when f.has_charges then f.payer_paid end as payer_paid_amount,
    case when f.has_charges then f.patient_paid end as patient_paid_amount,
    case when f.has_charges then f.adjustment end as adjustment_amount, case when f.has_charges then f.open end as open_amount,
    rate_of(f.payer_paid + f.patient_paid, f.gross) as yield_rate,
    case when f.has_charges then f.base_cost end as base_cost_amount, case when f.has_charges then f.margin end as margin_amount,
    rate_of(f.margin, f.gross) as margin_rate, number_of(f.minutes, 1) as allocated_minutes,
    case when f.has_charges then number_of(f.gross * 60, f.minutes) end as gross_per_hour, f.provider_days,
    number_of(f.procedures, f.provider_days) as procedures_per_provider_day,
    case when f.has_blocks then f.available end as available_minutes,
    case when f.has_blocks then rate_of(f.minutes, f.available) end as chair_utilization_rate,
    case when f.simulated > 0 then 'simulated' else 'derived' end as data_basis, f.partition_date
from framed as f
inner join shared_periods as p on p.partition_date = f.partition_date and p.period_grain = f.period_grain
left join dim_date as d on d.date_day = p.period_start
where f.breakdown = 'total' or f.procedures <> 0 or f.available <> 0
