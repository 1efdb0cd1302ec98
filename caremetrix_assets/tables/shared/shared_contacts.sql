-- Contacts that led patients to the practice, with the day on which the practice knew of them.
select
    b.patient_id, b.touch_seq, b.source_key, b.touched_at, cast(b.touched_at as date) as touched_date, b.cost_amount, b.is_simulated,
    case
        when cast(b.entered_at as date) > cast(b.touched_at as date) then cast(b.entered_at as date) else cast(b.touched_at as date)
    end as known_date
from bridge_patient_source as b
