-- The age groups of open lines, in days from the service.
select k.aging_bucket, k.first_days, k.last_days
from (
    values ('0-30', 0, 30), ('31-60', 31, 60), ('61-90', 61, 90), ('91-120', 91, 120), ('121+', 121, 999999)
) as k (aging_bucket, first_days, last_days)
