-- What is true of a patient at any time: born, died, gender, and the key that all versions share.
select p.patient_id, p.member_key as patient_key, p.birth_date, p.death_date, p.gender
from dim_patient as p
where p.is_current
