select
    md5('staff_action|' || a.action_id) as action_sk,
    a.action_id,
    date_key(cast(a.acted_at as date)) as date_key,
    coalesce(lo.location_key, -1) as location_key,
    a.user_id,
    a.role,
    a.acted_at,
    a.module,
    a.action,
    a.entity_type,
    a.entity_id,
    a.interface,
    a.is_simulated,
    a.drop_id,
    cast(a.acted_at as date) as partition_date
from raw_staff_actions as a
left join dim_location as lo on lo.location_id = a.organization_id
