-- The amount of a period in which nothing happened: 0, and null while there are no charges at all.
select
    p.partition_date,
    p.period_grain,
    case when p.partition_date >= f.charges_from then 0 end as zero
from shared_periods as p
cross join shared_money_feed_start as f
