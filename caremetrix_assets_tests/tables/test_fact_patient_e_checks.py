"""The checks in the contract of fact_patient_e: an event's own visit, plausible results, plausible sex."""

import hashlib

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

KEY = hashlib.md5(b"patient_e|observation|2025-03-01T10:00:00Z|p1|e1|8480-6|120|mm[Hg]|0").hexdigest()
SOURCE = {
    "date": "2025-03-01 10:00:00",
    "patient": "p1",
    "encounter": "e1",
    "code": "8480-6",
    "value": "120",
    "units": "mm[Hg]",
    "source_ordinal": 0,
}
ROW: Row = {
    "fact_patient_id": KEY,
    "event_type": "observation",
    "encounter_id": "e1",
    "encounter_key": 1,
    "provider_key": 1,
    "organization_key": 1,
    "observation_key": 1,
    "procedure_key": -2,
    "reason_key": -2,
    "patient_key": 1,
    "value_number": 120.0,
    "partition_date": "2025-03-01",
}
DIMS: dict[str, list[Row]] = {
    "raw_observations": [SOURCE],
    "raw_encounters": [
        {"id": "e1", "start": "2025-03-01 10:00:00", "provider": "d1", "organization": "o1"},
        {"id": "e2", "start": "2025-03-01 12:00:00", "provider": "d1", "organization": "o1"},
    ],
    "dim_encounter": [
        {"encounter_key": 1, "encounter_id": "e1"},
        {"encounter_key": 2, "encounter_id": "e2"},
        {"encounter_key": -1, "encounter_id": "Unknown"},
    ],
    "dim_provider": [{"provider_key": k, "provider_id": i} for k, i in ((1, "d1"), (2, "d2"), (-1, "Unknown"))],
    "dim_organization": [{"organization_key": k, "organization_id": i} for k, i in ((1, "o1"), (2, "o2"), (-1, "Unknown"))],
}


@pytest.mark.parametrize(
    "wrong",
    [{"encounter_id": "e2"}, {"encounter_id": "e2", "encounter_key": 2}, {"encounter_key": 2}, {"encounter_key": -1}]
    + [{"provider_key": 2}, {"provider_key": -1}, {"organization_key": 2}],
)
def test_own_encounter(wrong: Row):
    assert offenders("fact_patient_e", "own_encounter", [ROW], DIMS) == []
    assert offenders("fact_patient_e", "own_encounter", [{**ROW, **wrong}], DIMS) == [KEY]


def test_own_encounter_of_a_visit_dated_after_the_newest_day_is_not_known_yet():
    early = {**ROW, "encounter_key": -1}
    late = {**DIMS, "raw_encounters": [{**DIMS["raw_encounters"][0], "start": "2025-03-02 00:10:00"}]}
    assert offenders("fact_patient_e", "own_encounter", [early], late, newest="2025-03-01") == []
    assert offenders("fact_patient_e", "own_encounter", [early], late, newest="2025-03-02") == [KEY]


def test_own_encounter_of_a_yearly_score_is_none():
    score = {**SOURCE, "encounter": None, "code": "QALY", "units": "a"}
    key = hashlib.md5(b"patient_e|observation|2025-03-01T10:00:00Z|p1||QALY|120|a|0").hexdigest()
    row = {**ROW, "fact_patient_id": key, "encounter_id": None, "encounter_key": -1, "provider_key": -1, "organization_key": -1}
    given = {**DIMS, "raw_observations": [score]}
    assert offenders("fact_patient_e", "own_encounter", [row], given) == []
    assert offenders("fact_patient_e", "own_encounter", [{**row, "encounter_id": "e1", "encounter_key": 1}], given) == [key]


def test_observation_plausible():
    def found(value: float | None, low: float | None = 40.0, high: float | None = 300.0) -> list[str] | str:
        kind = {"observation_key": 1, "plausible_low": low, "plausible_high": high}
        return offenders("fact_patient_e", "observation_plausible", [{**ROW, "value_number": value}], {"dim_observation": [kind]})

    assert found(40.0) == found(300.0) == found(None) == []
    assert found(39.9) == found(300.1) == [KEY]
    assert found(39.9, low=None) == []
    assert found(1.0, None, None) == "no bounds for any kind of observation"


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ({"event_type": "condition", "reason_key": 7}, "Normal pregnancy (finding)", "F"),
        ({"event_type": "procedure", "procedure_key": 7}, "Childbirth", "F"),
        ({"event_type": "procedure", "procedure_key": 7}, "Biopsy of prostate", "M"),
        ({"event_type": "observation", "observation_key": 7}, "Pathology of Cervix", "F"),
        ({"event_type": "condition", "reason_key": 7}, "Neck pain", None),
    ],
)
def test_gender_plausible(kind: Row, text: str, expected: str | None):
    codes = {
        "dim_reason": [{"reason_key": 7, "description": text if "reason_key" in kind else "Neck pain"}],
        "dim_procedure": [{"procedure_key": 7, "description": text if "procedure_key" in kind else "Neck pain"}],
        "dim_observation": [{"observation_key": 7, "description": text if "observation_key" in kind else "Neck pain"}],
    }
    for gender in ("F", "M", None):
        patient = {"patient_key": 1, "gender": gender}
        wrong = offenders(
            "fact_patient_e", "gender_plausible", [{**ROW, "observation_key": -2, **kind}], {**codes, "dim_patient": [patient]}
        )
        assert wrong == ([KEY] if expected and gender and gender != expected else [])
