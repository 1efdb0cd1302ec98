-- Dental restorations, 90 days after they were done, and recall and outreach messages on the day they were sent.
with restorations as (
    select
        f.procedure_sk, f.patient_id, f.encounter_id, f.procedure_key, cast(f.started_at as date) as done_date, f.location_key,
        coalesce(pr.member_key, -1) as provider_key, coalesce(f.patient_type, 'prospect') as patient_type, f.source_key, f.is_simulated
    from fact_procedure as f
    inner join dim_procedure as p on p.procedure_key = f.procedure_key
    inner join seed_quality_codes as q
        on q.code_list = 'dental_restoration' and q.code_system = p.code_system and q.code = p.procedure_code
    left join dim_provider as pr on pr.provider_key = f.provider_key
),

followed as (
    select
        *, min(done_date) over (
            partition by patient_id, procedure_key order by done_date range between interval 1 day following and unbounded following
        ) as next_date
    from restorations
),

messages as (
    select
        c.*, min(case when c.is_opt_out then c.sent_at end) over (partition by c.patient_id, c.channel) as opted_out_at,
        coalesce(pr.member_key, c.provider_key) as clinician
    from fact_communication as c
    left join dim_provider as pr on pr.provider_key = c.provider_key
)

select
    'repeat_restoration_90d' as measure_id, f.patient_id, cast(f.done_date + interval 90 day as date) as measured,
    cast(f.done_date + interval 90 day as date) as known_from, date '9999-12-31' as known_until, f.location_key, f.provider_key,
    f.patient_type, f.source_key, f.encounter_id as item_id, f.is_simulated, false as is_excluded,
    coalesce(f.next_date <= f.done_date + interval 90 day, false) as is_met, cast(null as integer) as required,
    cast(null as integer) as filled, false as gap_1, false as gap_2, false as gap_3, false as gap_4, false as gap_5
from followed as f
where f.done_date + interval 90 day >= (select min(period_start) from shared_periods)
union all
select
    'opt_out_honoured', m.patient_id, cast(m.sent_at as date), cast(m.sent_at as date), date '9999-12-31', m.location_key, m.clinician,
    coalesce(m.patient_type, 'prospect'), m.source_key, m.communication_id, m.is_simulated, false,
    not coalesce(m.opted_out_at < m.sent_at, false), null, null, false, false, false, false, false
from messages as m
where
    m.direction = 'outbound' and m.purpose in ('recall', 'outreach')
    and cast(m.sent_at as date) >= (select min(period_start) from shared_periods)
