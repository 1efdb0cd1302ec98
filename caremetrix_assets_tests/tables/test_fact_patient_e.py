"""fact_patient_e on literal events: one row per observation, procedure and condition, each with its own visit."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
KINDS: list[Row] = [
    {"observation_key": 1, "category": "vital-signs", "observation_code": "8480-6", "unit": "mm[Hg]", "value_type": "numeric"},
    {"observation_key": 2, "category": "survey", "observation_code": "8480-6", "unit": None, "value_type": "text"},
    {"observation_key": 3, "category": None, "observation_code": "QALY", "unit": "a", "value_type": "numeric"},
]
CODES = [
    {"procedure_key": 11, "code_system": "SNOMED", "procedure_code": "430193006"},
    {"procedure_key": 12, "code_system": "CDT", "procedure_code": "430193006"},
    {"procedure_key": 13, "code_system": "OTHER", "procedure_code": "X-1"},
]
REASONS = [
    {"reason_key": 21, "code_system": "SNOMED", "reason_code": "38341003"},
    {"reason_key": 22, "code_system": "OTHER", "reason_code": "38341003"},
    {"reason_key": 23, "code_system": "ICD10", "reason_code": "I10"},
    {"reason_key": 90, "code_system": "CAREMETRIX", "reason_code": "NOT_RECORDED"},
]
VISITS = [
    {"id": "e1", "start": "2025-01-05 10:00:00", "patient": "p1", "provider": "d1", "organization": "o1"},
    {"id": "e2", "start": "2025-01-06 10:00:00", "patient": "p1", "provider": "d2", "organization": "o2"},
]
DIMS: dict[str, list[Row]] = {
    "dim_observation": KINDS,
    "dim_procedure": CODES,
    "dim_reason": REASONS,
    "raw_encounters": VISITS,
    "dim_encounter": [{"encounter_key": 31, "encounter_id": "e1"}, {"encounter_key": 32, "encounter_id": "e2"}],
    "dim_patient": [{"patient_key": 41, "patient_id": "p1", "birth_date": "1980-02-29", **ALWAYS}],
    "dim_provider": [{"provider_key": 51, "provider_id": "d1", **ALWAYS}, {"provider_key": 52, "provider_id": "d2", **ALWAYS}],
    "dim_organization": [
        {"organization_key": 61, "organization_id": "o1", **ALWAYS},
        {"organization_key": 62, "organization_id": "o2", **ALWAYS},
    ],
}


def measured(value: str | None = "120.5", visit: str | None = "e1", at: str = "2025-01-05 10:10:00", **more: object) -> Row:
    row = {"date": at, "patient": "p1", "encounter": visit, "category": "vital-signs", "code": "8480-6", "value": value}
    return {**row, "units": "mm[Hg]", "type": "numeric", **more}


def done(code: str = "430193006", start: str = "2025-01-05 10:00:00", **more: object) -> Row:
    row = {"start": start, "stop": "2025-01-05 10:07:30", "patient": "p1", "encounter": "e1", "code": code, "base_cost": "431.40"}
    return {**row, "system": "SNOMED-CT", **more}


def found(code: str = "38341003", start: str = "2025-01-04", stop: str | None = None, **more: object) -> Row:
    return {"start": start, "stop": stop, "patient": "p1", "encounter": "e1", "code": code, **more}


def events(
    observations: list[Row] | None = None, procedures: list[Row] | None = None, conditions: list[Row] | None = None, **given: list[Row]
) -> list[Row]:
    files = {"raw_observations": observations or [], "raw_procedures": procedures or [], "raw_conditions": conditions or []}
    rows = build("fact_patient_e", given={**DIMS, **files, **given}, dates=["2026-12-31"], opening="2000-01-01")
    return sorted(rows, key=lambda r: (r["event_type"], r["event_start_at"], r["encounter_id"] or ""))


def test_rows_are_observations_and_procedures_and_conditions():
    """Equal observations stay two rows; nothing else of the visit becomes an event."""
    twice = [measured(), measured(source_ordinal=1)]
    rows = events([*twice, measured("7", visit="e2")], [done(), done("X-1", system="local")], [found(), found("I10", system="ICD10")])
    assert [r["event_type"] for r in rows] == ["condition"] * 2 + ["observation"] * 3 + ["procedure"] * 2
    assert len({r["fact_patient_id"] for r in rows}) == 7
    assert sum(r["event_count"] for r in rows) == 7


def test_an_event_belongs_to_the_visit_that_it_names():
    """Not to the patient's nearest or latest visit: two readings of one moment name two visits."""
    rows = events([measured(), measured(visit="e2")])
    keys = ("encounter_id", "encounter_key", "provider_key", "organization_key")
    assert [[r[k] for k in keys] for r in rows] == [["e1", 31, 51, 61], ["e2", 32, 52, 62]]


def test_yearly_scores_have_no_visit():
    row = events([measured("40.1", visit=None, code="QALY", category=None, units="a")])[0]
    keys = ("encounter_key", "provider_key", "organization_key", "observation_key", "encounter_id")
    assert [row[k] for k in keys] == [-1, -1, -1, 3, None]


def test_a_visit_that_is_not_dated_yet_has_no_key_but_its_clinician():
    row = events([measured()], dim_encounter=[])[0]
    assert (row["encounter_key"], row["encounter_id"], row["provider_key"]) == (-1, "e1", 51)


def test_keys_of_the_kind_of_event():
    rows = events(
        [
            measured(),
            measured("yes", category="survey", units=None, type="text", at="2025-01-05 11:00:00"),
            measured(units="cm", at="2026-01-01"),
        ],
        [
            done(),
            done(start="2025-01-05 10:01:00", system="http://www.ada.org/cdt", reasoncode="38341003"),
            done("X-1", "2025-01-05 10:02:00", system="local", reasoncode="5"),
        ],
        [found(), found("I10", "2025-01-05", system="ICD10"), found("6", "2025-01-06")],
    )
    assert [(r["observation_key"], r["procedure_key"], r["reason_key"]) for r in rows] == [
        (-2, -2, 21),
        (-2, -2, 23),
        (-2, -2, -1),
        (1, -2, -2),
        (2, -2, -2),
        (-1, -2, -2),
        (-2, 11, 90),
        (-2, 12, 21),
        (-2, 13, -1),
    ]


def test_results_are_numbers_or_words():
    """A numeric kind whose text is no finite number keeps its words."""
    values = [("120.5", "numeric"), ("12", "text"), ("much", "numeric"), ("inf", "numeric"), (None, "numeric"), ("-3", "numeric")]
    rows = events([measured(v, type=t, at=f"2025-01-05 10:0{i}:00") for i, (v, t) in enumerate(values)])
    assert [(r["value_number"], r["value_text"], r["unit"]) for r in rows] == [
        (120.5, None, "mm[Hg]"),
        (None, "12", "mm[Hg]"),
        (None, "much", "mm[Hg]"),
        (None, "inf", "mm[Hg]"),
        (None, None, "mm[Hg]"),
        (-3.0, None, "mm[Hg]"),
    ]


def test_age_is_completed_years_on_the_day_of_the_event():
    """Born on 29 February; the day before birth (a local date) is age 0."""
    days = ["1980-02-28", "1985-02-28", "1985-03-01", "2025-02-28"]
    rows = events(conditions=[found(start=d) for d in days])
    assert [(r["age_years_at_event"], r["age_band"]) for r in rows] == [(0, "0-4"), (4, "0-4"), (5, "5-17"), (44, "35-49")]


def test_keys_are_the_versions_of_the_day():
    moved = [
        {"patient_key": 41, "patient_id": "p1", "birth_date": "1980-02-29", "valid_from": "1900-01-01", "valid_to": "2025-01-06"},
        {"patient_key": 42, "patient_id": "p1", "birth_date": "1980-02-29", "valid_from": "2025-01-06", "valid_to": "9999-12-31"},
    ]
    rows = events([measured(), measured(at="2025-01-06 00:00:00")], dim_patient=moved)
    assert [r["patient_key"] for r in rows] == [41, 42]
    assert [r["date_key"] for r in rows] == [20250105, 20250106]


def test_times_cost_and_whether_a_condition_lasts():
    condition, ended, observation, procedure = events([measured()], [done()], [found(), found("I10", "2025-01-05", "2025-01-09")])
    assert (condition["event_start_at"], condition["event_end_at"]) == (datetime(2025, 1, 4), None)
    assert (ended["event_start_at"], ended["event_end_at"]) == (datetime(2025, 1, 5), datetime(2025, 1, 9))
    assert (procedure["duration_minutes"], procedure["base_cost_amount"]) == (7.5, Decimal("431.40"))
    assert [r["is_open_condition"] for r in (condition, ended, observation, procedure)] == [True, False, False, False]
    for row in (condition, ended, observation):
        assert (row["duration_minutes"], row["base_cost_amount"]) == (None, None)
    assert observation["event_end_at"] is None


def test_names_are_hashes_of_the_source_rows():
    condition, observation, score, procedure = events(
        [measured(), measured(None, visit=None, units=None, at="2025-02-01 00:00:00", source_ordinal=2)], [done(stop=None)], [found()]
    )
    texts = {
        condition["fact_patient_id"]: "patient_e|condition|2025-01-04|p1|e1|38341003",
        observation["fact_patient_id"]: "patient_e|observation|2025-01-05T10:10:00Z|p1|e1|8480-6|120.5|mm[Hg]|0",
        score["fact_patient_id"]: "patient_e|observation|2025-02-01T00:00:00Z|p1||8480-6|||2",
        procedure["fact_patient_id"]: "patient_e|procedure|2025-01-05T10:00:00Z||p1|e1|430193006",
    }
    assert list(texts) == [hashlib.md5(text.encode()).hexdigest() for text in texts.values()]


def test_rows_fold_and_wait_by_their_own_day():
    rows = build(
        "fact_patient_e",
        given={
            **DIMS,
            "raw_observations": [measured(at="2024-12-31 10:00:00"), measured(at="2025-01-03 00:00:00")],
            "raw_conditions": [found()],
        },
        dates=["2025-01-02"],
    )
    assert [r["partition_date"] for r in rows] == [date(2025, 1, 1)]
