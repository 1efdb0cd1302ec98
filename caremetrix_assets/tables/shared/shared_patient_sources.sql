-- Acquisition source of every patient with a touch, from valid_from on, before valid_to; -1 until the practice knows the first touch.
-- Patients without a touch are not here.
select t.patient_id, t.source_key, t.valid_from, t.valid_to
from shared_touches as t
where t.first_touch_weight = 1
union all
select t.patient_id, -1, date '0001-01-01', min(t.valid_from)
from shared_touches as t
group by t.patient_id
