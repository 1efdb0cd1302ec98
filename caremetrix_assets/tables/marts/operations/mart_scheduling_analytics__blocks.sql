-- Blocks of the clinicians with member keys, from the first day that a period needs.
select
    b.schedule_id, coalesce(p.member_key, -1) as provider_key, b.location_key, cast(b.start_at as date) as staffed_date, b.start_at,
    b.stop_at, case b.block_type when 'clinic' then 'clinic' else 'off' end as kind, b.available_minutes, b.is_simulated
from fact_schedule_block as b
left join dim_provider as p on p.provider_key = b.provider_key
where cast(b.start_at as date) >= (select min(period_start) from shared_periods)
