-- The facts that the second opinion needs, over the final state of the files (oracle.py).
create table ledger as
with typed as (
    select
        claimid as claim_id,
        line_ordinal,
        count(*) filter (where type = 'CHARGE') over (partition by claimid order by line_ordinal) as line_number,
        type as transaction_type,
        method,
        transfertype as transfer_type,
        procedurecode as code,
        appointmentid as encounter_id,
        placeofservice as organization_id,
        cast(fromdate as timestamp) as service_at,
        cast(cast(fromdate as timestamp) as date) as service_date,
        case when type = 'CHARGE' then cast(amount as decimal(18, 2)) else 0 end as charge_amount,
        case when type = 'PAYMENT' then cast(payments as decimal(18, 2)) else 0 end as payment_amount,
        case when type = 'ADJUSTMENT' then -cast(adjustments as decimal(18, 2)) else 0 end as adjustment_amount,
        case when type = 'TRANSFERIN' then cast(transfers as decimal(18, 2)) else 0 end as transfer_in_amount,
        case when type = 'TRANSFEROUT' then cast(transfers as decimal(18, 2)) else 0 end as transfer_out_amount,
        lag(type) over (partition by claimid order by line_ordinal) as type_before,
        lag(transfertype) over (partition by claimid order by line_ordinal) as transfer_type_before
    from claims_transactions
)
select
    *,
    case
        when transaction_type <> 'PAYMENT' then null
        when method = 'ECHECK' and type_before = 'TRANSFERIN' and transfer_type_before = '2' then 'secondary'
        when method = 'ECHECK' then 'primary'
        else 'patient'
    end as paid_by
from typed;

create table claim_kinds as
with encounter_claims as (
    select min(c.id) as claim_id
    from claims c
    join encounters e on e.id = c.appointmentid
    join ledger l on l.claim_id = c.id and l.transaction_type = 'CHARGE' and l.line_number = 1 and l.code = e.code
    group by e.id
)
select
    c.id as claim_id,
    c.appointmentid as encounter_id,
    case when c.id in (select claim_id from encounter_claims) then 'encounter' else 'medication' end as claim_kind,
    case c.healthcareclaimtypeid1 when '1' then 'professional' when '2' then 'institutional' end as claim_type,
    nullif(c.primarypatientinsuranceid, '0') as primary_payer_id,
    coalesce(nullif(c.primarypatientinsuranceid, '0'), e.payer) as payer_id,
    e.encounterclass as encounter_class,
    e.organization as organization_id
from claims c
join encounters e on e.id = c.appointmentid;

create table lines as
select
    l.claim_id,
    l.line_number,
    k.claim_kind,
    k.encounter_id,
    l.code,
    l.service_date,
    l.charge_amount,
    row_number() over (partition by l.claim_id, l.code, l.line_number > 1 order by l.line_number) as nth,
    l.transfer_type = '1' and k.primary_payer_id is not null as is_billed_to_insurance
from ledger l
join claim_kinds k using (claim_id)
where l.transaction_type = 'CHARGE';

-- A visit is a completed appointment that certifies no death.
create table ordered_visits as
select
    id as encounter_id,
    patient,
    cast(cast(start as timestamp) as date) as visit_date,
    row_number() over (
        partition by patient order by cast(cast(start as timestamp) as date), cast(start as timestamp), md5('appointment|encounter|' || id)
    ) as visit_seq
from encounters
where code <> '308646001';

create table gaps as
select
    *,
    lag(visit_date) over (partition by patient order by visit_seq) as previous_date,
    -- the day after which the patient had lapsed: 18 months later, the first of the next month where that day does not exist
    case
        when day(lag(visit_date) over (partition by patient order by visit_seq) + interval 18 month)
            = day(lag(visit_date) over (partition by patient order by visit_seq))
            then cast(lag(visit_date) over (partition by patient order by visit_seq) + interval 18 month as date)
        else cast(last_day(lag(visit_date) over (partition by patient order by visit_seq) + interval 18 month) + 1 as date)
    end as lapse_date
from ordered_visits;

create table typed_visits as
select *, case when visit_seq = 1 then 'new' when visit_date > lapse_date then 'reactivated' else 'established' end as own_type
from gaps;

create table visits as
with charges as (
    select encounter_id, sum(charge_amount) as charge_amount from lines group by encounter_id
),
counts as (
    select encounter, count(*) as procedures from procedures group by encounter
),
observed as (
    select encounter, count(*) as observations from observations where encounter is not null group by encounter
)
select
    e.id as encounter_id,
    e.patient as patient_id,
    e.provider as provider_id,
    e.organization as organization_id,
    e.payer as payer_id,
    e.encounterclass as encounter_class,
    e.reasoncode as reason_code,
    cast(cast(e.start as timestamp) as date) as visit_date,
    date_diff('second', cast(e.start as timestamp), cast(e.stop as timestamp)) as duration_seconds,
    case when e.encounterclass = 'inpatient' then date_diff('day', cast(e.start as timestamp)::date, cast(e.stop as timestamp)::date) else 0 end as stay_days,
    coalesce(p.procedures, 0) as procedure_count,
    coalesce(o.observations, 0) as observation_count,
    cast(e.total_claim_cost as decimal(18, 2)) as billed_amount,
    cast(e.payer_coverage as decimal(18, 2)) as payer_coverage_amount,
    coalesce(c.charge_amount, 0) as charge_amount,
    v.visit_seq,
    v.visit_date - v.previous_date as days_since_previous_visit,
    case
        when v.encounter_id is not null then v.own_type
        else coalesce((
            select case when max_by(t.own_type, t.visit_seq) = 'new' and max(t.visit_date) < cast(cast(e.start as timestamp) as date)
                then 'established' else max_by(t.own_type, t.visit_seq) end
            from typed_visits t where t.patient = e.patient and t.visit_date <= cast(cast(e.start as timestamp) as date)
        ), 'prospect')
    end as patient_type,
    v.encounter_id is not null and exists (
        select 1 from ordered_visits b where b.patient = e.patient and v.visit_date - b.visit_date between 1 and 30
    ) as is_return_30d,
    v.encounter_id is not null and exists (
        select 1 from ordered_visits b where b.patient = e.patient and b.visit_date - v.visit_date between 1 and 30
    ) as is_followed_30d,
    e.encounterclass = 'inpatient' and exists (
        select 1 from encounters b
        where b.patient = e.patient and b.encounterclass = 'inpatient' and b.id <> e.id
            and cast(e.start as timestamp)::date - cast(b.stop as timestamp)::date between 1 and 30
    ) as is_readmission_30d
from encounters e
left join typed_visits v on v.encounter_id = e.id
left join charges c on c.encounter_id = e.id
left join counts p on p.encounter = e.id
left join observed o on o.encounter = e.id;
