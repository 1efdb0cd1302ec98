-- Touches up to the first visit with what each weighs from valid_from on, before valid_to: a weight changes when the practice comes to
-- know of another touch.
with first_visits as (
    select v.patient_id, v.visit_date from shared_visits as v where v.visit_seq = 1
),

touches as (
    select c.*
    from shared_contacts as c
    left join first_visits as f on f.patient_id = c.patient_id
    where f.patient_id is null or c.touched_date <= f.visit_date
),

changes as (
    select
        d.patient_id, d.known_date as valid_from,
        coalesce(lead(d.known_date) over (partition by d.patient_id order by d.known_date), date '9999-12-31') as valid_to
    from (select distinct t.patient_id, t.known_date from touches as t) as d
),

standing as (
    select
        t.*, c.valid_from, c.valid_to, count(*) over (partition by t.patient_id, c.valid_from) as total,
        row_number() over (partition by t.patient_id, c.valid_from order by t.touched_at, t.touch_seq) as position
    from changes as c
    inner join touches as t on t.patient_id = c.patient_id and t.known_date <= c.valid_from
)

select
    s.patient_id, s.touch_seq, s.source_key, s.touched_date, s.cost_amount, s.valid_from, s.valid_to, s.position = s.total as is_last,
    case when s.position = 1 then 1 else 0 end as first_touch_weight,
    case when s.position = s.total then 1 else 0 end as last_touch_weight,
    case when s.position < s.total then rate_of(1, s.total) else 1 - (s.total - 1) * rate_of(1, s.total) end as fractional_weight
from standing as s
