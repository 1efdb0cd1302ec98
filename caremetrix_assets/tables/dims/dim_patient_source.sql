-- Acquisition sources come with the practice's own files; a lake without them has the reserved members only.
select
    m.reserved_key as source_key,
    m.label as channel,
    m.label as source_name,
    cast(null as boolean) as is_paid,
    r.partition_date
from seed_reserved_members as m
cross join run_dates as r
