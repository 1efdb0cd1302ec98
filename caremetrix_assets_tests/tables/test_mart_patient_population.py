"""mart_patient_population on literal events: prevalence ever and now, new cases, latest values, groups of the day."""

from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import person, picked, row_of

NAME = "mart_patient_population"
CHECKS = sorted(load_catalog().table(NAME).checks)
D = "2025-12-31"
REASONS = [{"reason_key": 50, "is_disease": True}, {"reason_key": 51, "is_disease": False}, {"reason_key": 52, "is_disease": True}]
KINDS = [
    {"observation_key": 60, "observation_code": "8480-6", "unit": "mm[Hg]"},
    {"observation_key": 61, "observation_code": "8480-6", "unit": "kPa"},
    {"observation_key": 62, "observation_code": "8302-2", "unit": "cm"},
]
PEOPLE = [
    person("f1", "1980-01-01", key=1),
    person("f2", "1990-01-01", key=2),
    person("m1", "1980-01-01", key=3, gender="M"),
    person("m2", "2020-01-01", key=4, gender="M"),
]


def event(name: str, kind: str, patient: str, at: str, **more: object) -> Row:
    row = {
        "fact_patient_id": name,
        "event_type": kind,
        "patient_id": patient,
        "event_start_at": f"{at} 09:00:00",
        "encounter_id": f"e{name}",
    }
    return {**row, "reason_key": -2, "observation_key": -2, "partition_date": at, **more}


def ill(name: str, patient: str, start: str, end: str | None = None, reason: int = 50, **more: object) -> Row:
    return event(name, "condition", patient, start, reason_key=reason, event_end_at=end and f"{end} 09:00:00", **more)


def measured(name: str, patient: str, at: str, value: float | None, kind: int = 60, **more: object) -> Row:
    return event(name, "observation", patient, at, observation_key=kind, value_number=value, **more)


HYPERTENSION = [ill("a", "f1", "2020-01-01"), ill("b", "m1", "2019-01-01", "2021-01-01")]
PRESSURE = [measured("x", "f1", "2025-03-01", 120.0), measured("y", "f2", "2025-03-01", 150.0), measured("z", "m1", "2025-03-01", 135.0)]


def population(dates: list[str], events: list[Row], people: list[Row] | None = None) -> list[Row]:
    given = {"fact_patient_e": events, "dim_patient": people or PEOPLE, "dim_reason": REASONS, "dim_observation": KINDS}
    return build(NAME, given=given, dates=dates)


def disease(rows: list[Row], breakdown: str = "total", **keys: object) -> Row:
    return row_of(rows, subject="condition", reason_key=50, breakdown=breakdown, **keys)


def test_worked_example_of_a_disease():
    rows = population([D], HYPERTENSION)
    names = ("living_patients", "patients", "ever_rate", "open_patients", "open_rate")
    assert picked(disease(rows), *names) == [4, 2, Decimal("0.5000"), 1, Decimal("0.2500")]
    assert picked(disease(rows, "gender", gender="M"), *names) == [2, 1, Decimal("0.5000"), 0, Decimal("0.0000")]


def test_worked_example_of_a_measurement():
    row = row_of(population([D], PRESSURE), subject="observation", breakdown="total")
    names = (
        "measured_patients",
        "value_p50",
        "value_p90",
        "value_mean",
        "threshold_value",
        "above_threshold_patients",
        "above_threshold_rate",
    )
    assert picked(row, *names) == [3, 135.0, 150.0, 135.0, 140.0, 1, Decimal("0.3333")]
    assert picked(row, "observation_key", "open_patients", "at_risk_12m_patients", "data_basis", "is_small_cell") == [
        60,
        None,
        None,
        "derived",
        True,
    ]


def test_an_episode_is_open_until_the_day_it_ends():
    events = [ill("a", "f1", "2025-03-01", "2025-03-10")]
    rows = population(["2025-02-28", "2025-03-01", "2025-03-09", "2025-03-10"], events)
    found = {str(r["partition_date"]): r["open_patients"] for r in rows if (r["subject"], r["breakdown"]) == ("condition", "total")}
    assert found == {"2025-03-01": 1, "2025-03-09": 1, "2025-03-10": 0}
    everybody = [r["open_patients"] for r in rows if (r["subject"], r["breakdown"]) == ("population", "total")]
    assert everybody == [0, 1, 1, 0]


def test_what_is_no_disease_counts_in_the_population_only():
    rows = population([D], [ill("a", "f1", "2025-03-01", reason=51)])
    assert {r["subject"] for r in rows} == {"population"}
    assert picked(row_of(rows, breakdown="total"), "patients", "events_12m", "open_patients") == [1, 1, 0]


def test_years_and_new_cases():
    """f1 and m2 had it before 2025, f2 gets it on its first day, m1 had it the day before and again."""
    events = [
        ill("a", "f1", "2020-05-01"),
        ill("b", "f1", "2025-05-01"),
        ill("c", "f2", "2025-01-01"),
        ill("d", "m1", "2024-12-31"),
        ill("e", "m1", "2025-02-01"),
        ill("f", "m2", "2024-01-01"),
    ]
    names = ("patients", "patients_12m", "patients_prior_12m", "events_12m", "at_risk_12m_patients", "incident_12m_patients")
    assert picked(disease(population([D], events)), *names, "incidence_rate_12m") == [4, 3, 2, 3, 1, 1, Decimal("1.0000")]
    # a day earlier the window begins on 2024-12-31
    assert picked(disease(population(["2025-12-30"], events)), *names) == [4, 3, 1, 4, 2, 2]


def test_visits_of_the_year_are_distinct():
    events = [
        measured("a", "f1", "2024-12-31", 1.0, encounter_id="v1"),
        measured("b", "f1", "2025-01-01", 1.0, encounter_id="v1"),
        measured("c", "f1", "2025-01-01", 1.0, encounter_id="v1"),
        measured("d", "f1", "2025-02-01", 1.0, encounter_id="v2"),
        measured("e", "f1", "2025-02-01", 1.0, encounter_id=None),
        measured("f", "f1", "2024-12-30", 1.0, encounter_id="v3"),
        measured("g", "f1", "2026-01-01", 1.0, encounter_id="v4"),
    ]
    row = row_of(population([D], events), subject="population", breakdown="total")
    assert picked(row, "events_12m", "encounters_12m") == [4, 2]
    row = row_of(population(["2025-12-30"], events), subject="population", breakdown="total")
    assert picked(row, "events_12m", "encounters_12m") == [5, 2]


def test_the_latest_value_is_the_last_numeric_one_up_to_the_day():
    events = [
        measured("a", "f1", "2025-03-01", 150.0),
        measured("b", "f1", "2025-03-01", 140.0),
        measured("c", "f1", "2025-04-01", None),
        measured("d", "f1", "2025-05-01", 90.0),
    ]
    rows = population(["2025-04-30", "2025-05-01"], events)
    found = [picked(r, "value_p50", "above_threshold_patients") for r in rows if (r["subject"], r["breakdown"]) == ("observation", "total")]
    assert found == [[140.0, 1], [90.0, 0]]


def test_another_unit_has_no_limit_and_other_codes_are_not_watched():
    rows = population([D], [measured("a", "f1", "2025-03-01", 20.0, 61), measured("b", "f1", "2025-03-01", 170.0, 62)])
    row = row_of(rows, subject="observation", breakdown="total")
    names = ("observation_key", "measured_patients", "value_p50", "threshold_value", "above_threshold_patients", "above_threshold_rate")
    assert picked(row, *names) == [61, 1, 20.0, None, None, None]


def test_results_without_a_number_are_no_measurement():
    row = row_of(population([D], [measured("a", "f1", "2025-03-01", None)]), subject="observation", breakdown="total")
    names = ("patients", "measured_patients", "value_mean", "value_p50", "above_threshold_patients", "above_threshold_rate")
    assert picked(row, *names) == [1, 0, None, None, 0, None]


def test_groups_are_of_the_day():
    moved = [
        person("f1", "1990-12-31", key=1, county="Suffolk", race="white", valid_to="2025-06-01", is_current=False),
        person("f1", "1990-12-31", key=9, member_key=1, county="Essex", race="white", valid_from="2025-06-01"),
        person("x", "2000-01-01", key=2, died="2025-12-31"),
        person("y", "2026-01-01", key=3),
        person("Unknown", key=-1, gender=None),
    ]
    rows = population(["2025-05-31", "2025-12-30", D], HYPERTENSION, moved)
    counties = {(str(r["partition_date"]), r["county"]): r["living_patients"] for r in rows if r["breakdown"] == "county"}
    assert counties == {
        ("2025-05-31", "Suffolk"): 1,
        ("2025-05-31", "Unknown"): 1,
        ("2025-12-30", "Essex"): 1,
        ("2025-12-30", "Unknown"): 1,
    } | {(D, "Essex"): 1}
    bands = {(str(r["partition_date"]), r["age_band"]) for r in rows if r["breakdown"] == "age_band" and r["subject"] == "condition"}
    assert bands == {("2025-05-31", "18-34"), ("2025-12-30", "18-34"), (D, "35-49")}
    assert {r["breakdown"] for r in rows if r["subject"] == "condition"} == {"total", "gender", "age_band", "gender_age_band"}
    both = row_of(rows, subject="condition", breakdown="gender_age_band", partition_date=D)
    assert picked(both, "gender", "age_band", "race", "living_patients") == ["F", "35-49", "all", 1]


def found(check: str, **changes: object) -> list[str] | str:
    rows = population([D], [*HYPERTENSION, *PRESSURE])
    changed = [{**r, **changes} if (r["subject"], r["breakdown"]) == ("population", "total") else r for r in rows]
    return offenders(NAME, check, changed, {"dim_patient": PEOPLE, "fact_patient_e": [*HYPERTENSION, *PRESSURE]})


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", patients=2) == ["population|-2|-2"]
    assert found("mart_equals_fact", events_12m=4) == ["population|-2|-2"]
    assert found("mart_identity_living_add_up", living_patients=5) == ["total"]
    assert found("mart_identity_parts_within_wholes", patients=5) == ["population|total"]
    assert found("mart_identity_parts_within_wholes", encounters_12m=5) == ["population|total"]
    assert found("mart_identity_genders_add_up", events_12m=9) == ["population|age_band", "population|gender", "population|gender_age_band"]
