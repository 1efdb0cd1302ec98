"""The check in the contract of fact_clinician: an activity belongs to the clinician of its own visit."""

import hashlib

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

KEY = hashlib.md5(b"clinician|medication|2025-03-01T10:00:00Z|p1|e1|314076|0").hexdigest()
ROW: Row = {
    "fact_clinician_sk": KEY,
    "encounter_id": "e1",
    "provider_id": "d1",
    "encounter_key": 1,
    "provider_key": 1,
    "organization_key": 1,
    "partition_date": "2025-03-01",
}
DIMS: dict[str, list[Row]] = {
    "raw_medications": [{"start": "2025-03-01 10:00:00", "patient": "p1", "encounter": "e1", "code": "314076", "source_ordinal": 0}],
    "raw_encounters": [
        {"id": "e1", "start": "2025-03-01 10:00:00", "provider": "d1", "organization": "o1"},
        {"id": "e2", "start": "2025-03-01 12:00:00", "provider": "d2", "organization": "o2"},
    ],
    "dim_encounter": [{"encounter_key": k, "encounter_id": i} for k, i in ((1, "e1"), (2, "e2"), (-1, "Unknown"))],
    "dim_provider": [{"provider_key": k, "provider_id": i} for k, i in ((1, "d1"), (2, "d2"), (-1, "Unknown"))],
    "dim_organization": [{"organization_key": k, "organization_id": i} for k, i in ((1, "o1"), (2, "o2"), (-1, "Unknown"))],
}
OTHER_VISIT = {"encounter_id": "e2", "provider_id": "d2", "encounter_key": 2, "provider_key": 2, "organization_key": 2}


@pytest.mark.parametrize(
    "wrong",
    [OTHER_VISIT, {"encounter_key": 2}, {"encounter_key": -1}, {"provider_id": "d2"}, {"provider_key": -1}, {"organization_key": 2}],
)
def test_own_encounter(wrong: Row):
    assert offenders("fact_clinician", "own_encounter", [ROW], DIMS) == []
    assert offenders("fact_clinician", "own_encounter", [{**ROW, **wrong}], DIMS) == [KEY]


def test_own_encounter_of_a_visit_dated_after_the_newest_day_is_not_known_yet():
    late = {**DIMS, "raw_encounters": [{**DIMS["raw_encounters"][0], "start": "2025-03-02 00:10:00"}]}
    row = {**ROW, "encounter_key": -1}
    assert offenders("fact_clinician", "own_encounter", [row], late, newest="2025-03-01") == []
    assert offenders("fact_clinician", "own_encounter", [row], late, newest="2025-03-02") == [KEY]
