-- The breakdowns in which each kind of count stands.
select f.family, f.breakdown
from (
    values
    ('anchor', 'total'), ('staff', 'total'), ('staff', 'location'), ('staff', 'role'), ('staff', 'module'), ('session', 'total'),
    ('session', 'location'), ('session', 'role'), ('room', 'total'), ('room', 'location'), ('work', 'total'), ('work', 'location'),
    ('work', 'provider'), ('work', 'patient_type'), ('work', 'acquisition_source'), ('work', 'detail')
) as f (family, breakdown)
