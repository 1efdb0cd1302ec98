-- Plan items as they stand at the end of the day.
create table feed_treatment_plan_items as
with dated as (
    select
        *,
        in_office(accepted_day, u(encounter_id, 'accepted time')) as accepted_at,
        in_office(scheduled_day, u(encounter_id, 'scheduled time')) as scheduled_at,
        in_office(declined_day, u(encounter_id, 'declined time')) as declined_at
    from plan_item
),

seen as (
    select
        * replace (
            case when accepted_at < end_at() then accepted_at end as accepted_at,
            case when scheduled_at < end_at() then scheduled_at end as scheduled_at,
            case when declined_at < end_at() then declined_at end as declined_at,
            case when completed_at < end_at() then completed_at end as completed_at
        )
    from dated
    where presented_at < end_at()
)

select
    -- One item per visit: a procedure that comes late changes what it proposes, and leaves no second item behind.
    id_of('plan item', encounter_id) as plan_item_id,
    id_of('plan', encounter_id) as plan_id,
    patient_id,
    provider_id,
    organization_id,
    system as procedure_system,
    code as procedure_code,
    presented_at,
    cents(fee) as fee,
    case
        when completed_at is not null then 'completed'
        when declined_at is not null then 'declined'
        when end_date() >= day + plans_valid() + late_days() then 'expired'
        when scheduled_at is not null then 'scheduled'
        when accepted_at is not null then 'accepted'
        else 'presented'
    end as status,
    accepted_at,
    scheduled_at,
    completed_at,
    declined_at,
    case when completed_at is not null then completed_in end as procedure_encounter_id
from seen;
