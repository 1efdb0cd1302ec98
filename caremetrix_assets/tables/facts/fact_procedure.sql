with performed as (
    select
        p.*, d.procedure_key, cast(p.start as date) as event_date, cast(extract(year from p.start) as integer) as year,
        row_number() over (partition by p.encounter, p.code order by p.start, p.stop nulls last, p.source_ordinal) as code_rank,
        sum(coalesce(p.base_cost, 0)) over (partition by p.encounter) as encounter_cost,
        count(*) over (partition by p.encounter) as encounter_rows
    from raw_procedures as p
    left join seed_code_systems as s on lower(coalesce(p.system, 'snomed')) like s.system_pattern
    left join dim_procedure as d on d.procedure_code = p.code and d.code_system = coalesce(nullif(s.code_system, 'ICD10'), 'OTHER')
),

lines as (
    select
        encounter_id, procedure_key, claim_id, line_number, charge_amount,
        row_number() over (partition by encounter_id, procedure_key order by claim_id, line_number) as code_rank
    from fact_claim_line
    where line_kind = 'procedure'
),

costs as (
    select procedure_key, year, base_cost, count(*) as row_count
    from performed
    where base_cost is not null
    group by procedure_key, year, base_cost
),

cost_ranks as (
    select
        y.procedure_key, y.year, c.base_cost,
        sum(sum(case when c.year = y.year - 1 then c.row_count else 0 end)) over below as year_below,
        sum(sum(case when c.year = y.year - 1 then c.row_count else 0 end)) over whole as year_rows,
        sum(sum(c.row_count)) over below as rows_below,
        sum(sum(c.row_count)) over whole as all_rows
    from (select distinct procedure_key, year from performed) as y
    inner join costs as c on c.procedure_key = y.procedure_key and c.year < y.year
    group by y.procedure_key, y.year, c.base_cost
    window
        whole as (partition by y.procedure_key, y.year),
        below as (partition by y.procedure_key, y.year order by c.base_cost rows between unbounded preceding and current row)
),

-- Median of the year before, by rank; with fewer than 5 rows in it, of everything before the row's year.
fees as (
    select
        procedure_key, year,
        min(case
            when year_rows >= 5 and 2 * year_below >= year_rows then base_cost
            when year_rows < 5 and 2 * rows_below >= all_rows then base_cost
        end) as standard_fee_amount
    from cost_ranks
    group by procedure_key, year
),

-- Entries count from the later of posting and service on, until the day they are taken back.
paid as (
    select
        p.claim_id, p.line_number,
        sum(case when p.party = 'patient' then 0 else p.payment_amount end) as payer_paid,
        sum(case when p.party = 'patient' then p.payment_amount else 0 end) as patient_paid,
        sum(p.adjustment_amount) as adjustment
    from fact_payment as p
    cross join run_settings as s
    where
        p.service_date <= s.newest_date and p.posted_date <= s.newest_date
        and (p.reversed_date is null or p.reversed_date > s.newest_date)
    group by p.claim_id, p.line_number
),

plans as (
    select procedure_encounter_id as encounter, procedure_code as code, count(*) as items
    from raw_treatment_plan_items
    where status = 'completed'
    group by procedure_encounter_id, procedure_code
),

placed as (
    select
        p.*, a.patient_type, a.source_key, e.encounter_key, r.provider, r.organization, r.payer,
        -- whole seconds, so that the shares divide exact numbers
        round(minutes_between(r.start, r.stop) * 60, 0) as encounter_seconds
    from performed as p
    left join raw_encounters as r on r.id = p.encounter
    left join dim_encounter as e on e.encounter_id = p.encounter
    left join fact_appointment as a on a.encounter_id = p.encounter
),

-- A procedure dated before its encounter may stand alone for a day: then the patient's latest visit says the type.
early as (
    select
        p.patient, p.event_date,
        case
            when max(v.visit_seq) is null then 'prospect'
            when max_by(v.patient_type, v.visit_seq) = 'new' and max(v.date_key) < date_key(p.event_date) then 'established'
            else max_by(v.patient_type, v.visit_seq)
        end as patient_type
    from placed as p
    left join fact_appointment as v on v.patient_id = p.patient and v.visit_seq is not null and v.date_key <= date_key(p.event_date)
    where p.patient_type is null
    group by p.patient, p.event_date
)

select
    md5(
        'procedure|' || iso_ts(p.start) || '|' || coalesce(iso_ts(p.stop), '') || '|' || p.patient || '|' || p.encounter || '|' || p.code
    ) as procedure_sk,
    date_key(p.event_date) as date_key,
    coalesce(pt.patient_key, -1) as patient_key,
    coalesce(pr.provider_key, -1) as provider_key,
    coalesce(og.organization_key, -1) as organization_key,
    coalesce(lo.location_key, -1) as location_key,
    coalesce(pa.payer_key, -1) as payer_key,
    coalesce(p.procedure_key, -1) as procedure_key,
    coalesce(case when p.reasoncode is null then n.reason_key else r.reason_key end, -1) as reason_key,
    coalesce(p.encounter_key, -1) as encounter_key,
    coalesce(p.source_key, -1) as source_key,
    p.patient as patient_id,
    p.encounter as encounter_id,
    l.claim_id, l.line_number,
    p.start as started_at, p.stop as ended_at,
    minutes_between(p.start, p.stop) as duration_minutes,
    case
        when p.encounter_cost = 0 then number_of(p.encounter_seconds, 60 * p.encounter_rows)
        else number_of(p.encounter_seconds * coalesce(p.base_cost, 0), 60 * p.encounter_cost)
    end as allocated_minutes,
    1 as quantity,
    coalesce(l.charge_amount, p.base_cost) as gross_fee_amount,
    p.base_cost as base_cost_amount,
    f.standard_fee_amount,
    case when l.claim_id is not null then coalesce(m.payer_paid, 0) end as payer_paid_amount,
    case when l.claim_id is not null then coalesce(m.patient_paid, 0) end as patient_paid_amount,
    case when l.claim_id is not null then coalesce(m.adjustment, 0) end as adjustment_amount,
    coalesce(p.patient_type, a.patient_type, 'prospect') as patient_type,
    coalesce(p.code_rank <= t.items, false) as is_planned,
    p.is_simulated,
    p.drop_id,
    p.event_date as partition_date
from placed as p
left join lines as l on l.encounter_id = p.encounter and l.procedure_key = p.procedure_key and l.code_rank = p.code_rank
left join paid as m on m.claim_id = l.claim_id and m.line_number = l.line_number
left join plans as t on t.encounter = p.encounter and t.code = p.code
left join fees as f on f.procedure_key = p.procedure_key and f.year = p.year
left join early as a on a.patient = p.patient and a.event_date = p.event_date and p.patient_type is null
left join shared_reasons as r on r.reason_code = p.reasoncode
left join shared_reasons as n on n.reason_code = 'NOT_RECORDED'
left join dim_patient as pt on pt.patient_id = p.patient and pt.valid_from <= p.event_date and p.event_date < pt.valid_to
left join dim_provider as pr on pr.provider_id = p.provider and pr.valid_from <= p.event_date and p.event_date < pr.valid_to
left join dim_organization as og on og.organization_id = p.organization and og.valid_from <= p.event_date and p.event_date < og.valid_to
left join dim_location as lo on lo.location_id = p.organization
left join dim_payer as pa on pa.payer_id = p.payer and pa.valid_from <= p.event_date and p.event_date < pa.valid_to
