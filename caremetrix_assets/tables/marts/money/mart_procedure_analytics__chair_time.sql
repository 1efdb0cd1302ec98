-- Minutes of the clinicians' clinic blocks by period, for all, by place and by clinician.
with blocks as (
    select
        cast(s.start_at as date) as day, s.location_key, coalesce(p.member_key, -1) as provider_key, sum(s.available_minutes) as minutes,
        max(case when s.is_simulated then 1 else 0 end) as simulated
    from fact_schedule_block as s
    left join dim_provider as p on p.provider_key = s.provider_key
    where s.block_type = 'clinic'
    group by cast(s.start_at as date), s.location_key, coalesce(p.member_key, -1)
)

select
    p.partition_date, p.period_grain, b.breakdown, case b.breakdown when 'location' then k.location_key else -3 end as location_key,
    case b.breakdown when 'provider' then k.provider_key else -3 end as provider_key, sum(k.minutes) as minutes,
    sum(k.simulated) as simulated
from shared_periods as p
inner join blocks as k on k.day >= p.period_start and k.day <= p.partition_date
cross join (values ('total'), ('location'), ('provider')) as b (breakdown)
group by 1, 2, 3, 4, 5
