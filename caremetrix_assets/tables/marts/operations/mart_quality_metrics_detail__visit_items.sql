-- Items of visits on the day of the visit: recorded in full, recorded twice, under the right insurer, with the drugs gone through.
with visits as (
    select
        v.*, a.reason_source, a.payer_key, y.payer_id, e.encounter_code
    from shared_ops_visits as v
    inner join fact_appointment as a on a.fact_appointment_sk = v.fact_appointment_sk
    left join dim_payer as y on y.payer_key = a.payer_key
    left join dim_encounter as e on e.encounter_id = v.encounter_id
    where v.event_date >= (select min(period_start) from shared_periods)
),

done as (
    select
        f.encounter_id, cast(f.started_at as date) as done_date, count(*) as procedures,
        count(*) filter (where q.code is not null) as reconciliations,
        count(*) filter (where f.reason_key > 0 and coalesce(r.reason_code, '') <> 'NOT_RECORDED') as with_reason,
        count(f.ended_at) as with_end, count(f.base_cost_amount) as with_cost
    from fact_procedure as f
    inner join visits as v on v.encounter_id = f.encounter_id
    left join dim_reason as r on r.reason_key = f.reason_key
    left join dim_procedure as p on p.procedure_key = f.procedure_key
    left join seed_quality_codes as q
        on q.code_list = 'medication_reconciliation' and q.code_system = p.code_system and q.code = p.procedure_code
    group by f.encounter_id, cast(f.started_at as date)
),

-- What is known of a visit's procedures by the day of each: a long visit may have some after its first day.
known as (
    select
        v.fact_appointment_sk, case when d.done_date > v.event_date then d.done_date else v.event_date end as known_from,
        sum(d.procedures) as procedures, sum(d.reconciliations) as reconciliations, sum(d.with_reason) as with_reason,
        sum(d.with_end) as with_end, sum(d.with_cost) as with_cost
    from visits as v
    inner join done as d on d.encounter_id = v.encounter_id
    group by 1, 2
),

grown as (
    select
        fact_appointment_sk, known_from, coalesce(lead(known_from) over later, date '9999-12-31') as known_until,
        sum(procedures) over later as procedures, sum(reconciliations) over later as reconciliations,
        sum(with_reason) over later as with_reason, sum(with_end) over later as with_end, sum(with_cost) over later as with_cost
    from known
    window later as (partition by fact_appointment_sk order by known_from rows unbounded preceding)
),

reconciled as (
    select fact_appointment_sk, min(known_from) as first_date from grown where reconciliations > 0 group by fact_appointment_sk
),

twins as (
    select patient_id, started_at, provider_id, encounter_code, count(*) as visits
    from visits
    group by patient_id, started_at, provider_id, encounter_code
),

covered as (
    select v.fact_appointment_sk, y.payer_id, c.coverage_start_date
    from visits as v
    inner join bridge_patient_coverage as c
        on c.patient_id = v.patient_id and c.coverage_start_date <= v.event_date and v.event_date < c.coverage_end_date
    left join dim_payer as y on y.payer_key = c.payer_key
),

judged as (
    select
        'visit_record_complete' as measure_id, v.fact_appointment_sk, v.event_date as known_from, date '9999-12-31' as known_until,
        false as is_excluded, 5 as required, v.ended_at is null as gap_1, v.location_key <= 0 as gap_2, v.payer_key <= 0 as gap_3,
        v.provider_key <= 0 as gap_4, v.reason_source not in ('reason_code', 'first_condition') as gap_5, cast(null as boolean) as met,
        cast(null as bigint) as filled
    from visits as v
    union all
    select
        'procedure_record_complete', g.fact_appointment_sk, g.known_from, g.known_until, false, 3 * g.procedures,
        g.with_cost < g.procedures, g.with_end < g.procedures, g.with_reason < g.procedures, false, false, null,
        g.with_cost + g.with_end + g.with_reason
    from grown as g
    union all
    select
        'duplicate_visit', v.fact_appointment_sk, v.event_date, date '9999-12-31', false, null, false, false, false, false, false,
        t.visits > 1, null
    from visits as v
    inner join twins as t
        on t.patient_id = v.patient_id and t.started_at = v.started_at and t.provider_id is not distinct from v.provider_id
        and t.encounter_code is not distinct from v.encounter_code
    union all
    select
        'coverage_mismatch', v.fact_appointment_sk, v.event_date, date '9999-12-31', c.coverage_start_date = v.event_date, null, false,
        false, false, false, false, coalesce(v.payer_id, '') <> coalesce(c.payer_id, ''), null
    from visits as v
    inner join covered as c on c.fact_appointment_sk = v.fact_appointment_sk
    union all
    select
        'medication_reconciliation_wellness', v.fact_appointment_sk,
        case s.state when 'after' then r.first_date else v.event_date end,
        case s.state when 'before' then r.first_date else date '9999-12-31' end, false, null, false, false, false, false, false,
        s.state = 'after', null
    from visits as v
    left join reconciled as r on r.fact_appointment_sk = v.fact_appointment_sk
    inner join (values ('before'), ('after'), ('never')) as s (state)
        on case s.state
            when 'never' then r.first_date is null when 'after' then r.first_date is not null else r.first_date > v.event_date
        end
    where v.encounter_class = 'wellness'
)

select
    j.measure_id, v.patient_id, v.event_date as measured, j.known_from, j.known_until, v.location_key, v.provider_key, v.patient_type,
    v.source_key, v.encounter_id as item_id, v.is_simulated, j.is_excluded,
    not j.is_excluded and coalesce(j.met, not (j.gap_1 or j.gap_2 or j.gap_3 or j.gap_4 or j.gap_5)) as is_met,
    cast(j.required as integer) as required,
    cast(coalesce(j.filled, j.required - j.gaps) as integer) as filled, j.gap_1, j.gap_2, j.gap_3, j.gap_4, j.gap_5
from (
    select
        *, cast(gap_1 as integer) + cast(gap_2 as integer) + cast(gap_3 as integer) + cast(gap_4 as integer)
        + cast(gap_5 as integer) as gaps
    from judged
) as j
inner join visits as v on v.fact_appointment_sk = j.fact_appointment_sk
