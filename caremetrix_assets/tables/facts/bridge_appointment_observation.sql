select
    coalesce(a.fact_appointment_sk, md5('appointment|encounter|' || o.encounter)) as fact_appointment_sk,
    coalesce(k.observation_key, -1) as observation_key,
    row_number() over (
        partition by o.encounter
        order by
            o.date, nullif(strpos('|exam|laboratory|vital-signs|procedure|survey|', '|' || o.category || '|'), 0) nulls last, o.code,
            o.units nulls first, o.type nulls first, o.category nulls first, o.value nulls first, o.source_ordinal
    ) as observation_seq,
    o.is_simulated,
    o.drop_id,
    cast(o.date as date) as partition_date
from raw_observations as o
left join dim_observation as k
    on k.observation_code = o.code and k.category is not distinct from o.category and k.unit is not distinct from o.units
    and k.value_type is not distinct from o.type
left join fact_appointment as a on a.encounter_id = o.encounter
where o.encounter is not null
