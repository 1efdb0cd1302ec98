-- What the documented questions of a clinic must give, in the words of the source's files: tables of oracle.py, which hold the newest
-- row of every key over all drops of the sample. The lake's own SQL for the same questions is in tables/questions.yml.

-- ? How many patients are there, by gender?
select gender, count(*) from patients group by gender order by gender;

-- ? How many visits were there, by gender of the patient?
select p.gender, count(*) from encounters as e join patients as p on p.id = e.patient group by p.gender order by p.gender;

-- ? How many claims are there, by kind?
select claim_kind, count(*) from claim_kinds group by claim_kind order by claim_kind;

-- ? What was charged, by kind of claim?
select claim_kind, sum(charge_amount) from lines where service_date <= '2025-12-07' group by claim_kind order by claim_kind;

-- ? Who paid how much of the charges, according to the source's ledger?
select coalesce(paid_by, 'charged'), sum(payment_amount + charge_amount) from ledger
where transaction_type in ('CHARGE', 'PAYMENT') and service_date <= '2025-12-07' group by paid_by order by 1;

-- ? Which clinician does the most procedures?
select v.name, count(*) as procedures from procedures as p join encounters as e on e.id = p.encounter
join providers as v on v.id = e.provider group by v.id, v.name order by procedures desc limit 1;

-- ? Which clinician orders the most drugs?
select v.name, count(*) as orders from medications as m join encounters as e on e.id = m.encounter
join providers as v on v.id = e.provider group by v.id, v.name order by orders desc limit 1;

-- ? What do clinicians do, and at which list price?
select 'encounter', count(*), null from encounters
union all select 'medication', count(*), sum(cast(totalcost as decimal(18, 2))) from medications
union all select 'procedure', count(*), sum(cast(base_cost as decimal(18, 2))) from procedures order by 1;

-- ? How many pairs of clinician and patient know each other?
select count(*) from (select distinct provider, patient from encounters);

-- ? Which clinician and patient have the most visits together?
select provider, patient, count(*) as visits from encounters group by provider, patient order by visits desc limit 3;

-- ? Why do patients come?
select reasoncode, mode(trim(regexp_replace(reasondescription, ' [(][^)]+[)]$', ''))), count(*) as visits
from encounters where reasoncode is not null
group by reasoncode order by visits desc, reasoncode limit 10;

-- ? How long is a visit, in minutes?
with visits as (
    select date_diff('second', cast(start as timestamp), cast(stop as timestamp)) / 60 as minutes from encounters
    where code <> '308646001'
)
select round(avg(minutes), 2), round(median(minutes), 2) from visits;

-- ? What are the readings of systolic blood pressure?
with readings as (
    select cast(value as double) as value from observations
    where code = '8480-6' and cast(cast(date as timestamp) as date) <= '2025-12-07'
)
select count(*), round(avg(value), 2), min(value), max(value) from readings;

-- ? How many patients have a latest systolic reading of 140 or more, by gender?
with latest as (
    select patient, max_by(cast(value as double), cast(date as timestamp)) as systolic from observations
    where code = '8480-6' and cast(cast(date as timestamp) as date) <= '2025-12-07' group by patient
)
select p.gender, count(*) from latest as l join patients as p on p.id = l.patient
where l.systolic >= 140 group by p.gender order by p.gender;

-- ? How many inpatient stays began within 30 days after another?
with stays as (
    select id, patient, cast(cast(start as timestamp) as date) as first, cast(cast(stop as timestamp) as date) as last
    from encounters where encounterclass = 'inpatient'
)
select count(*), count(*) filter (where exists (
    select 1 from stays as b where b.patient = s.patient and b.id <> s.id and s.first - b.last between 1 and 30
)) from stays as s;

-- ? How many visits are a return within 30 days, by class of visit?
with days as (select *, cast(cast(start as timestamp) as date) as day from encounters where code <> '308646001')
select encounterclass, count(*), count(*) filter (where exists (
    select 1 from days as b where b.patient = v.patient and v.day - b.day between 1 and 30
)) from days as v group by encounterclass order by encounterclass;

-- ? Which diseases are commonest, and what share of the patients ever had them?
-- a finding is no disease, but for what clinicians treat as one; an untagged condition is one, but for three
select code, mode(trim(regexp_replace(description, ' [(][^)]+[)]$', ''))), count(distinct patient) as patients,
    round(100 * count(distinct patient) / (select count(*) from patients), 1)
from conditions where code not in ('72892002', '428251008', '840544004')
and (
    description like '%(disorder)' or description not like '%(%)'
    or code in ('162864005', '408512008', '82423001', '278860009', '1121000119107')
)
group by code order by patients desc, code limit 5;

-- ? How many conditions have not ended yet?
select count(*) from conditions where stop is null;

-- ? How many procedures and observations do visits have, by class of visit?
select encounter_class, sum(procedure_count), sum(observation_count) from visits group by encounter_class order by 1;

-- ? How many patients of the year before last came back last year?
with seen as (
    select p.id, bool_or(e.day > '2023-12-07' and e.day <= '2024-12-07') as before_last, bool_or(e.day > '2024-12-07') as last
    from patients as p
    join (select patient, cast(cast(start as timestamp) as date) as day, code from encounters) as e on e.patient = p.id
    where e.code <> '308646001' and e.day <= '2025-12-07'
    and (p.deathdate is null or cast(p.deathdate as date) > '2025-12-07')
    group by p.id
)
select count(*) filter (where before_last), count(*) filter (where before_last and last) from seen;

-- ? Which patients are active, slipping, at risk, lapsed or lost?
with seen as (
    select p.id, max(cast(cast(e.start as timestamp) as date)) as last
    from patients as p join encounters as e on e.patient = p.id
    where e.code <> '308646001' and cast(cast(e.start as timestamp) as date) <= '2025-12-07'
    and (p.deathdate is null or cast(p.deathdate as date) > '2025-12-07')
    group by p.id
)
select case when last > '2025-06-07' then 'active' when last > '2024-12-07' then 'slipping' when last > '2024-06-07' then 'at_risk'
    when last > '2022-12-07' then 'lapsed' else 'lost' end as status, count(*) from seen group by status order by status;

-- ? How many patients are active, and is their number growing?
-- adding 18 months clamps at month ends here; no gap of the sample hangs on it
with visits as (
    select e.patient, cast(cast(e.start as timestamp) as date) as day, cast(p.deathdate as date) as died,
        lead(cast(cast(e.start as timestamp) as date)) over w as next, lag(cast(cast(e.start as timestamp) as date)) over w as previous
    from encounters as e join patients as p on p.id = e.patient
    where e.code <> '308646001' and cast(cast(e.start as timestamp) as date) <= '2025-12-07'
    window w as (partition by e.patient order by cast(e.start as timestamp))
),
stock as (
    select t, count(distinct patient) as patients from visits, (values (date '2024-12-07'), (date '2025-12-07')) as d (t)
    where day <= t and day > t - interval 18 month and (died is null or died > t) group by t
)
select (select patients from stock where t = '2024-12-07'), count(*) filter (where previous is null and day > '2024-12-07'),
    count(*) filter (where day > '2024-12-07' and day > previous + interval 18 month),
    count(*) filter (where day + interval 18 month between '2024-12-08' and '2025-12-07'
        and (next is null or next > day + interval 18 month) and (died is null or died >= day + interval 18 month)),
    count(*) filter (where died between '2024-12-08' and '2025-12-07' and day <= died and (next is null or next > died)
        and died < day + interval 18 month),
    (select patients from stock where t = '2025-12-07')
from visits;
