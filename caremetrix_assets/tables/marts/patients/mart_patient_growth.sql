with flows as (
    select
        p.partition_date, p.period_grain, m.location_key, m.provider_key, m.patient_type, m.payer_class, m.source_key, m.kind, m.amount,
        m.location_moves, m.provider_moves, m.type_moves, m.payer_moves, m.detail_moves
    from shared_periods as p
    inner join moves as m
        on m.event_date >= p.period_start and m.event_date <= p.period_end
        and m.valid_from <= p.partition_date and p.partition_date < m.valid_to
    union all
    select
        p.partition_date, p.period_grain, m.location_key, m.provider_key, m.patient_type, m.payer_class, m.source_key, 'prior', m.amount,
        0, 0, 0, 0, 0
    from shared_periods as p
    inner join moves as m
        on m.event_date >= p.year_start and m.event_date <= p.year_end
        and m.valid_from <= p.partition_date and p.partition_date < m.valid_to
    where m.kind = 'new'
    union all
    select
        s.partition_date, s.period_grain, s.location_key, s.provider_key, s.patient_type, s.payer_class, s.source_key, s.kind, s.active,
        0, 0, 0, 0, 0
    from stocks as s
    union all
    select
        s.partition_date, s.period_grain, s.location_key, s.provider_key, s.patient_type, s.payer_class, s.source_key, 'pool', s.inactive,
        0, 0, 0, 0, 0
    from stocks as s
    where s.kind = 'opening'
    union all
    select p.partition_date, p.period_grain, -1, -1, 'new', '', -1, 'nothing', 0, 0, 0, 0, 0, 0
    from shared_periods as p
),

by_keys as (
    select
        f.partition_date, f.period_grain, f.location_key, f.provider_key, f.patient_type, f.payer_class, f.source_key, f.kind,
        sum(f.amount) as amount, sum(f.location_moves) as location_moves, sum(f.provider_moves) as provider_moves,
        sum(f.type_moves) as type_moves, sum(f.payer_moves) as payer_moves, sum(f.detail_moves) as detail_moves
    from flows as f
    group by 1, 2, 3, 4, 5, 6, 7, 8
),

placed as (
    select
        k.partition_date, k.period_grain, b.breakdown, k.kind,
        case when b.breakdown in ('location', 'detail') then k.location_key else -3 end as location_key,
        case when b.breakdown in ('provider', 'detail') then k.provider_key else -3 end as provider_key,
        case when b.breakdown in ('patient_type', 'detail') then k.patient_type else 'all' end as patient_type,
        case when b.breakdown in ('acquisition_source', 'detail') then k.source_key else -3 end as source_key,
        case when b.breakdown = 'payer_class' then k.payer_class else 'all' end as payer_class,
        case
            when k.kind not in ('in', 'out') then k.amount when b.breakdown = 'location' then k.location_moves
            when b.breakdown = 'provider' then k.provider_moves when b.breakdown = 'patient_type' then k.type_moves
            when b.breakdown = 'payer_class' then k.payer_moves when b.breakdown = 'detail' then k.detail_moves else 0
        end as amount
    from by_keys as k
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('payer_class')
    ) as b (breakdown)
    where k.kind <> 'nothing' or b.breakdown = 'total'
),

summed as (
    select
        p.partition_date, p.period_grain, p.breakdown, p.location_key, p.provider_key, p.patient_type, p.source_key, p.payer_class,
        coalesce(sum(p.amount) filter (where p.kind = 'opening'), 0) as opening,
        coalesce(sum(p.amount) filter (where p.kind = 'new'), 0) as won,
        coalesce(sum(p.amount) filter (where p.kind = 'reactivated'), 0) as reactivated,
        coalesce(sum(p.amount) filter (where p.kind = 'in'), 0) as moved_in,
        coalesce(sum(p.amount) filter (where p.kind = 'out'), 0) as moved_out,
        coalesce(sum(p.amount) filter (where p.kind = 'lapsed'), 0) as lapsed,
        coalesce(sum(p.amount) filter (where p.kind = 'deceased'), 0) as deceased,
        coalesce(sum(p.amount) filter (where p.kind = 'closing'), 0) as closing,
        coalesce(sum(p.amount) filter (where p.kind in ('pool', 'lapsed')), 0) as pool,
        coalesce(sum(p.amount) filter (where p.kind = 'prior'), 0) as prior_won
    from placed as p
    group by 1, 2, 3, 4, 5, 6, 7, 8
    having sum(p.amount) > 0 or p.breakdown = 'total'
)

select
    s.period_grain, h.period_start, h.period_end, h.is_period_complete, h.is_warmup, s.breakdown, s.location_key, s.provider_key,
    s.patient_type, s.source_key, s.payer_class,
    s.opening as opening_active,
    s.won as new_patients,
    s.reactivated as reactivated_patients,
    s.moved_in as transfers_in,
    s.moved_out as transfers_out,
    s.lapsed as lapsed_patients,
    s.deceased as deceased_patients,
    s.closing as closing_active,
    s.closing - s.opening as net_growth,
    rate_of(s.closing - s.opening, s.opening) as growth_ratio,
    rate_of(s.lapsed, s.opening) as churn_rate,
    s.pool as inactive_pool,
    case when s.breakdown in ('total', 'acquisition_source') then rate_of(s.reactivated, s.pool) end as reactivation_rate,
    number_of(s.won + s.reactivated, s.lapsed + s.deceased) as quick_ratio,
    s.prior_won as new_patients_prior_year,
    rate_of(s.won - s.prior_won, s.prior_won) as new_patients_yoy_ratio,
    case when ft.is_simulated and s.source_key > 0 then 'simulated' else 'derived' end as data_basis,
    s.partition_date
from summed as s
inner join shared_patient_periods as h on h.partition_date = s.partition_date and h.period_grain = s.period_grain
inner join shared_feed_touches as ft on ft.partition_date = s.partition_date
