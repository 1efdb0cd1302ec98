-- What staff does in the system: always about a booking, a visit or a claim.
create table staff_action as
with kept as (
    select
        *,
        clinician_user(provider_id) as clinician,
        u(draw, 'login') as login_x,
        u(draw, 'failed login') as failed_x,
        u(draw, 'sign') as sign_x
    from booking
    where status = 'completed'
),

desk as (
    select
        draw || '|' || e.what as draw,
        case when e.what = 'check in' then organization_id else booked_with end as organization_id,
        'front_desk' as role, 'schedule' as module, e.*, appointment_id, booking_channel
    from booking,
        lateral (
            values
            ('book', 'create', entered_at),
            -- Nobody checks in on a booking that is not yet entered.
            ('check in', 'update', case when arrived_at is not null then greatest(arrived_at, minutes_later(entered_at, 1)) end),
            ('move', 'update', case when turn = 'moved' then ended_at end),
            ('cancel', 'delete', case when turn in ('cancelled', 'late', 'gone') then ended_at end),
            -- Who did not come is closed when it is certain that nobody will.
            ('close', 'update', case when turn = 'unmet' then at_minute(day + late_days(), 540) end)
        ) as e (what, action, acted_at)
),

chart as (
    select
        draw || '|' || e.what as draw, organization_id, e.what,
        case when e.what <> 'sign' and appointment_type = 'hygiene' then 'hygienist' else 'provider' end as role,
        case when e.what <> 'sign' and appointment_type = 'hygiene' then user_of(organization_id, 'hygienist', draw) else clinician end
            as user_id,
        e.action, e.acted_at, e.entity, encounter_id
    from kept,
        lateral (
            values
            (
                'failed login', 'login_failed', minutes_later(arrived_at, -1), null,
                login_x < staff_login() and failed_x < staff_login_failed()
            ),
            ('login', 'login', arrived_at, null, login_x < staff_login()),
            ('view', 'view', seated_at, 'encounter', true),
            ('note', 'update', seconds_later(seated_at, floor(0.6 * date_diff('second', seated_at, dismissed_at))), 'encounter', true),
            ('sign', 'sign', seconds_later(dismissed_at, floor(3600 * staff_sign_hours() * sign_x * sign_x)), 'encounter', true)
        ) as e (what, action, acted_at, entity, is_done)
    where e.is_done
),

every as (
    select
        draw, organization_id, role, module, action, acted_at, 'appointment' as entity_type, appointment_id as entity_id,
        user_of(organization_id, role, draw) as user_id,
        case when what = 'book' and booking_channel = 'online' then 'api' else 'ui' end as interface
    from desk
    union all
    select
        draw, organization_id, role, 'chart', action, acted_at, entity, case when entity is not null then encounter_id end, user_id,
        case when what = 'view' and u(draw, 'mobile') < staff_mobile() then 'mobile' else 'ui' end
    from chart
    union all
    select
        draw || '|inbox', organization_id, 'front_desk', 'messages', 'view', minutes_later(arrived_at, 2), 'patient', patient_id,
        user_of(organization_id, 'front_desk', draw), 'ui'
    from kept
    where u(draw, 'inbox') < staff_inbox()
    union all
    select
        draw || '|report', organization_id, 'manager', 'reports', 'view', at_minute(day, 1050), 'report', null,
        user_of(organization_id, 'manager', draw), 'ui'
    from kept
    where u(draw, 'report') < staff_report()
    union all
    select
        claim_id || '|bill', organization_id, 'billing', 'billing', 'create',
        minutes_later(at_minute(base_day, 960), floor(110 * u(claim_id, 'bill time'))), 'claim', claim_id,
        user_of(organization_id, 'billing', claim_id), 'ui'
    from claim
    where primary_payer_id is null
    union all
    select
        e.claim_id || '|' || e.step, c.organization_id, 'billing', 'claims',
        case when e.event = 'submitted' then 'create' else 'update' end, e.event_at, 'claim', e.claim_id,
        user_of(c.organization_id, 'billing', e.claim_id),
        case when e.event = 'submitted' then 'batch' else 'ui' end
    from claim_event as e
    inner join claim as c on c.claim_id = e.claim_id
    where e.event in ('submitted', 'resubmitted')
)

select * from every where acted_at is not null and acted_at < end_at();

create table feed_staff_actions as
select
    id_of('action', draw || '|' || module || '|' || action) as action_id,
    user_id,
    role,
    organization_id,
    acted_at,
    module,
    action,
    entity_type,
    entity_id,
    interface
from staff_action;
