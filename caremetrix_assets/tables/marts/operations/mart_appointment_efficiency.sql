-- Whole seconds, so that minutes add up exactly.
with histories as (
    select
        a.*, cast(a.started_at as date) as event_date,
        cast(round(cast(a.duration_minutes as decimal(28, 6)) * 60, 0) as bigint) as seconds,
        min(cast(a.started_at as date)) over (
            partition by a.patient_id order by cast(a.started_at as date) range between interval 1 day following and unbounded following
        ) as next_day,
        lag(cast(a.started_at as date)) over (partition by a.patient_id, a.encounter_class order by a.visit_seq) as same_class_date
    from fact_appointment as a
    where a.outcome = 'completed' and not a.is_death_certification and a.encounter_id is not null
),
visits as (
    select
        h.*, coalesce(p.member_key, -1) as clinician_key,
        case when h.encounter_class = 'wellness' then date_diff('day', h.same_class_date, h.event_date) end as wellness_gap
    from histories as h
    left join dim_provider as p on p.provider_key = h.provider_key
    where h.event_date >= (select min(period_start) from shared_periods) - interval 30 day
),
-- A visit counts on its own day, and as an index visit on the day its 30 days end. The last part keeps the total row.
entries as (
    select true as is_visit, v.event_date as count_date, v.* from visits as v
    union all
    select false, cast(v.event_date + interval 30 day as date), v.* from visits as v
    union all
    select null, r.partition_date, v.* from run_dates as r left join visits as v on v.event_date is null
),
placed as (
    select
        e.*, b.breakdown, case when b.breakdown in ('location', 'detail', 'location_class') then e.location_key else -3 end as place,
        case when b.breakdown in ('provider', 'detail') then e.clinician_key else -3 end as clinician,
        case when b.breakdown in ('patient_type', 'detail') then e.patient_type else 'all' end as type,
        case when b.breakdown in ('acquisition_source', 'detail') then e.source_key else -3 end as source,
        case when b.breakdown in ('encounter_class', 'location_class') then e.encounter_class else 'all' end as class,
        case b.breakdown when 'reason' then e.reason_key else -3 end as reason
    from entries as e
    cross join (
        values ('total'), ('location'), ('provider'), ('patient_type'), ('acquisition_source'), ('detail'), ('encounter_class'),
        ('location_class'), ('reason')
    ) as b (breakdown)
    where e.is_visit is not null or b.breakdown = 'total'
),
numbered as (
    select *, dense_rank() over (order by breakdown, place, clinician, type, source, class, reason) as segment_no from placed
),
-- Who comes again later in the period is counted on the later day.
dated as (
    select
        *, lead(event_date) over (partition by segment_no, is_visit, patient_id order by event_date, encounter_id) as next_patient_date,
        lead(event_date) over (partition by segment_no, is_visit, provider_id order by event_date, encounter_id) as next_clinician_date
    from numbered
),
sums as (
    select
        p.partition_date, p.period_grain, p.period_start, d.segment_no, count(*) filter (where d.is_visit) as visits,
        count(*) filter (where d.is_visit and (d.next_patient_date is null or d.next_patient_date > p.partition_date)) as patients,
        count(*) filter (where d.is_visit and (d.next_clinician_date is null or d.next_clinician_date > p.partition_date)) as clinicians,
        count(*) filter (where d.is_visit and (d.next_clinician_date is null or d.next_clinician_date > d.event_date)) as clinician_days,
        sum(d.seconds) filter (where d.is_visit) as seconds,
        sum(d.seconds) filter (where d.is_visit and d.encounter_class not in ('inpatient', 'snf', 'hospice')) as clinic_seconds,
        sum(d.procedure_count) filter (where d.is_visit) as procedures, sum(d.observation_count) filter (where d.is_visit) as observations,
        sum(d.billed_amount) filter (where d.is_visit) as billed,
        count(*) filter (where d.is_visit and d.encounter_class = 'inpatient') as inpatient_visits,
        sum(d.length_of_stay_days) filter (where d.is_visit and d.encounter_class = 'inpatient') as inpatient_days,
        count(*) filter (where d.is_visit and d.encounter_class = 'inpatient' and d.is_readmission_30d) as readmissions,
        count(*) filter (where d.is_visit and d.reason_source = 'reason_code') as coded,
        count(*) filter (where d.is_visit and d.is_return_30d) as returns, count(*) filter (where not d.is_visit) as index_visits,
        count(*) filter (where not d.is_visit and d.next_day <= d.count_date) as returned,
        count(d.days_since_previous_visit) filter (where d.is_visit) as repeats,
        count(d.wellness_gap) filter (where d.is_visit) as wellness_repeats, bool_or(d.is_simulated) as is_simulated
    from dated as d
    inner join shared_periods as p on d.count_date >= p.period_start and d.count_date <= p.partition_date
    group by p.partition_date, p.period_grain, p.period_start, d.segment_no
),
valued as (
    select
        n.segment_no, n.event_date, m.measure, case m.measure
            when 'minutes' then n.seconds when 'gap' then n.days_since_previous_visit else n.wellness_gap
        end as value, count(*) as visits
    from numbered as n
    cross join (values ('minutes'), ('gap'), ('wellness_gap')) as m (measure)
    where n.is_visit
    group by 1, 2, 3, 4
),
ranked as (
    select
        p.partition_date, p.period_grain, v.segment_no, v.measure, v.value,
        sum(sum(v.visits)) over whole as total, sum(sum(v.visits)) over up_to as upto
    from valued as v
    inner join shared_periods as p on v.event_date >= p.period_start and v.event_date <= p.partition_date
    where v.value is not null
    group by p.partition_date, p.period_grain, v.segment_no, v.measure, v.value
    window
        whole as (partition by p.partition_date, p.period_grain, v.segment_no, v.measure),
        up_to as (partition by p.partition_date, p.period_grain, v.segment_no, v.measure order by v.value rows unbounded preceding)
),
percentiles as (
    select
        partition_date, period_grain, segment_no, min(value) filter (where measure = 'minutes' and 2 * upto >= total) as minutes_p50,
        min(value) filter (where measure = 'minutes' and 10 * upto >= 9 * total) as minutes_p90,
        min(value) filter (where measure = 'gap' and 2 * upto >= total) as gap_p50,
        min(value) filter (where measure = 'gap' and 10 * upto >= 9 * total) as gap_p90,
        min(value) filter (where measure = 'wellness_gap' and 2 * upto >= total) as wellness_p50
    from ranked
    group by partition_date, period_grain, segment_no
)
select
    s.period_grain, s.period_start, s.partition_date as period_end,
    s.period_grain <> 'month' or s.partition_date = last_day(s.partition_date) as is_period_complete,
    coalesce(d.is_before_history, false) as is_warmup, g.breakdown, g.place as location_key, g.clinician as provider_key,
    g.type as patient_type, g.source as source_key, g.class as encounter_class, g.reason as reason_key, s.visits, s.patients,
    number_of(coalesce(s.seconds, 0), 60) as visit_minutes, number_of(q.minutes_p50, 60) as duration_minutes_p50,
    number_of(q.minutes_p90, 60) as duration_minutes_p90, coalesce(s.procedures, 0) as procedures,
    coalesce(s.observations, 0) as observations, coalesce(s.billed, 0) as billed_amount, s.inpatient_visits,
    coalesce(s.inpatient_days, 0) as inpatient_days, s.readmissions as readmissions_30d,
    rate_of(s.readmissions, s.inpatient_visits) as readmission_rate_30d, s.coded as coded_reason_visits,
    rate_of(s.coded, s.visits) as coded_reason_rate,
    max(case when g.breakdown = 'total' then s.visits end) over grain as period_visits,
    rate_of(s.visits, max(case when g.breakdown = 'total' then s.visits end) over grain) as visit_share,
    case when g.breakdown = 'reason' then row_number() over reasons end as reason_rank,
    s.returns as return_visits_30d, rate_of(s.returns, s.visits) as return_visit_rate_30d, s.index_visits,
    s.returned as returned_visits_30d, rate_of(s.returned, s.index_visits) as returned_rate_30d, s.repeats as repeat_visits,
    q.gap_p50 as gap_days_p50, q.gap_p90 as gap_days_p90, s.wellness_repeats as wellness_repeat_visits,
    q.wellness_p50 as wellness_gap_days_p50, s.clinicians, s.clinician_days,
    number_of(s.visits, s.clinician_days) as visits_per_clinician_day,
    number_of(coalesce(s.clinic_seconds, 0), 60 * s.clinician_days) as minutes_per_clinician_day,
    case when s.is_simulated then 'simulated' else 'derived' end as data_basis, s.partition_date
from sums as s
inner join (select distinct segment_no, breakdown, place, clinician, type, source, class, reason from numbered) as g
    on g.segment_no = s.segment_no
left join percentiles as q on q.partition_date = s.partition_date and q.period_grain = s.period_grain and q.segment_no = s.segment_no
left join dim_reason as r on r.reason_key = g.reason
left join dim_date as d on d.date_day = s.period_start
window
    grain as (partition by s.partition_date, s.period_grain),
    reasons as (
        partition by s.partition_date, s.period_grain, g.breakdown
        order by s.visits desc, r.reason_code asc, r.code_system asc, g.reason asc
    )
