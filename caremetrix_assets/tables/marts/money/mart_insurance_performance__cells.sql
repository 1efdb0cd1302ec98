-- Sums of a period by the full keys and by the days to the first payment, of claims whose insurer is public or private on the day.
with days as (
    select
        partition_date, submitted_date, location_key, provider_key, patient_type, source_key, payer_key, claim_type, days_to_payment,
        count(*) as claims, sum(billed) as billed, sum(primary_paid) as primary_paid, sum(secondary_paid) as secondary_paid,
        count(claim_state) as tracked, sum(case claim_state when 'paid' then 1 else 0 end) as paid,
        sum(case claim_state when 'partially_paid' then 1 else 0 end) as partially_paid,
        sum(case claim_state when 'denied' then 1 else 0 end) as denied,
        sum(case claim_state when 'rejected' then 1 else 0 end) as rejected,
        sum(case claim_state when 'pending' then 1 else 0 end) as pending, sum(case claim_state when 'void' then 1 else 0 end) as void,
        sum(case when is_decided then 1 else 0 end) as decided, sum(case when is_first_denied then 1 else 0 end) as first_denied,
        sum(case when claim_state in ('paid', 'partially_paid') and not is_touched then 1 else 0 end) as first_pass,
        sum(case when is_ever_rejected then 1 else 0 end) as ever_rejected, sum(case when is_ever_denied then 1 else 0 end) as ever_denied,
        sum(case when is_ever_denied and claim_state in ('paid', 'partially_paid') then 1 else 0 end) as overturned,
        sum(case when claim_state in ('paid', 'partially_paid', 'denied') then billed else 0 end) as adjudicated_billed,
        sum(case
            when claim_state in ('paid', 'partially_paid', 'denied') then primary_paid + secondary_paid else 0
        end) as adjudicated_paid,
        sum(case when is_simulated then 1 else 0 end) as simulated
    from as_of
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9
)

select
    p.partition_date, p.period_grain, d.location_key, d.provider_key, d.patient_type, d.source_key, d.payer_key, d.claim_type,
    d.days_to_payment, sum(claims) as claims, sum(billed) as billed, sum(primary_paid) as primary_paid,
    sum(secondary_paid) as secondary_paid, sum(tracked) as tracked, sum(paid) as paid, sum(partially_paid) as partially_paid,
    sum(denied) as denied, sum(rejected) as rejected, sum(pending) as pending, sum(void) as void, sum(decided) as decided,
    sum(first_denied) as first_denied, sum(first_pass) as first_pass, sum(ever_rejected) as ever_rejected, sum(ever_denied) as ever_denied,
    sum(overturned) as overturned, sum(adjudicated_billed) as adjudicated_billed, sum(adjudicated_paid) as adjudicated_paid,
    sum(simulated) as simulated
from shared_periods as p
inner join days as d on d.partition_date = p.partition_date and d.submitted_date >= p.period_start
inner join dim_payer as v
    on v.member_key = d.payer_key and v.valid_from <= p.partition_date and p.partition_date < v.valid_to
    and v.payer_class in ('government', 'private')
group by 1, 2, 3, 4, 5, 6, 7, 8, 9
union all
-- The total, with nothing instead of 0 while there are no claims at all.
select
    z.partition_date, z.period_grain, -3, -3, 'all', -3, -3, 'all', null, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero,
    z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, z.zero, 0
from (
    select p.partition_date, p.period_grain, case when p.partition_date >= c.claims_from then 0 end as zero
    from shared_periods as p
    cross join (select min(service_date) as claims_from from fact_claim) as c
) as z
