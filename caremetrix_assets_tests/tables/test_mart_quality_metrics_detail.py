"""mart_quality_metrics_detail, measures of patients and of messages: who is in, who is left out, who meets it, what is missing."""

from typing import Any

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.quality import CHECKS, DAY, DIMENSIONS, NAME, detail, event, items, message, of, person, picked, visit

RECENT = [visit("a", "2025-05-01")]


def of_patient(measure: str, *events: Row, born: str = "1970-01-01", visits: list[Row] | None = None) -> list[int]:
    rows = detail(people=[person(born=born)], fact_appointment=visits or RECENT, fact_patient_e=list(events))
    return items(rows, measure)


def test_active_patients_and_their_latest_keys():
    """Seen within 18 months and alive; keys of the last visit up to the day. 2023-12-30 is 18 months before, not within."""
    visits = [
        visit("a", "2024-01-01", location_key=11),
        visit("b", "2025-05-01", "wellness", location_key=12),
        visit("c", "2025-07-01", location_key=13),
        visit("d", "2023-12-30", patient="gone"),
        visit("e", "2023-12-31", patient="just"),
        visit("f", "2025-06-01", patient="dead"),
        visit("g", "2025-06-01", "wellness", "later"),
    ]
    people = [person(), *(person(n) for n in ("gone", "just")), person("dead", death_date=DAY), person("later", death_date="2025-07-01")]
    rows = of(detail(people=people, fact_appointment=visits), "wellness_visit_12m")
    assert [picked(r, "patient_id", "location_key", "numerator_items") for r in sorted(rows, key=lambda r: r["patient_id"])] == [
        ["just", 10, 0],
        ["later", 10, 1],
        ["p1", 12, 1],
    ]
    assert [str(r["evidence_date"]) for r in rows if r["patient_id"] == "p1"] == ["2025-05-01"]


def test_wellness_within_12_months():
    assert of_patient("wellness_visit_12m", visits=[visit("a", "2024-06-30", "wellness")]) == [1, 0, 1, 0]
    assert of_patient("wellness_visit_12m", visits=[visit("a", "2024-07-01", "wellness")]) == [1, 0, 1, 1]


def pressure(systolic: float, diastolic: float, at: str, patient: str = "p1") -> list[Row]:
    return [
        event("observation", "8480-6", at, patient, value_number=systolic),
        event("observation", "8462-4", at, patient, value_number=diastolic),
    ]


def test_worked_example_of_blood_pressure():
    """Four adults with hypertension: 128/78, 150/85, no reading in the window, one on dialysis."""
    names = ("a", "b", "c", "d")
    events = [event("condition", "59621000", "2010-01-01", n) for n in names]
    events += [*pressure(128, 78, "2025-01-15", "a"), *pressure(150, 85, "2025-01-15", "b"), *pressure(120, 70, "2024-06-30", "c")]
    events += [event("procedure", "265764009", "2025-03-01", "d"), *pressure(120, 70, "2025-03-01", "d")]
    rows = detail(
        people=[person(n) for n in names], fact_appointment=[visit(n, "2025-05-01", patient=n) for n in names], fact_patient_e=events
    )
    assert items(rows, "bp_control_hypertension") == [4, 1, 3, 1]
    found = {r["patient_id"]: (r["evidence_value"], str(r["evidence_date"])) for r in of(rows, "bp_control_hypertension")}
    assert found == {"a": (128.0, "2025-01-15"), "b": (150.0, "None"), "c": (None, "None"), "d": (120.0, "None")}


def test_blood_pressure_looks_at_the_latest_pair():
    hypertension = event("condition", "59621000", "2010-01-01")
    alone = event("observation", "8480-6", "2025-06-01", value_number=150.0)
    older, newer = pressure(150, 95, "2025-01-15"), pressure(139, 89, "2025-03-15")
    twice = event("observation", "8480-6", "2025-03-15", value_number=141.0)
    assert of_patient("bp_control_hypertension", hypertension, *older, *newer, alone)[3] == 1
    assert of_patient("bp_control_hypertension", hypertension, *newer, twice)[3] == 0
    assert of_patient("bp_control_hypertension", hypertension, *pressure(139, 90, "2025-03-15"))[3] == 0
    assert of_patient("bp_control_hypertension", hypertension, *newer, born="2007-07-01") == [0, 0, 0, 0]
    ended = event("condition", "59621000", "2010-01-01", event_end_at=f"{DAY} 00:00:00")
    assert of_patient("bp_control_hypertension", ended) == [0, 0, 0, 0]
    assert of_patient("bp_control_hypertension", hypertension, event("condition", "72892002", "2025-01-01"))[:3] == [1, 1, 0]


def test_diabetes():
    sugar = event("condition", "44054006", "2010-01-01")
    values = [
        event("observation", "4548-4", "2025-03-01", value_number=9.1),
        event("observation", "4548-4", "2025-04-01", value_number=9.0),
    ]
    assert of_patient("hba1c_tested_diabetes", sugar, *values) == [1, 0, 1, 1]
    assert of_patient("hba1c_poor_control_diabetes", sugar, *values) == [1, 0, 1, 0]
    assert of_patient("hba1c_poor_control_diabetes", sugar, values[0]) == [1, 0, 1, 1]
    assert of_patient("hba1c_poor_control_diabetes", sugar) == [1, 0, 1, 1]
    assert of_patient("hba1c_tested_diabetes", sugar, event("observation", "4548-4", "2025-03-01")) == [1, 0, 1, 0]
    kidney = [event("observation", c, "2025-03-01", value_number=1.0) for c in ("33914-3", "14959-1")]
    assert of_patient("kidney_check_diabetes", sugar, *kidney) == [1, 0, 1, 1]
    assert of_patient("kidney_check_diabetes", sugar, kidney[0]) == [1, 0, 1, 0]
    assert of_patient("kidney_check_diabetes", sugar, *kidney, event("condition", "46177005", "2020-01-01")) == [1, 1, 0, 0]
    assert of_patient("hba1c_tested_diabetes", sugar, *values, born="1949-06-30") == [0, 0, 0, 0]


def test_statin_vaccine_and_dental():
    heart = event("condition", "22298006", "2010-01-01", event_end_at="2010-02-01 00:00:00")
    order = {"activity_type": "medication", "patient_id": "p1", "medication_key": 38, "date_key": 20250301}
    statin = next(r["medication_key"] for r in DIMENSIONS["dim_medication"] if r["medication_code"] == "314231")
    vaccine = next(r["procedure_key"] for r in DIMENSIONS["dim_procedure"] if r["code_system"] == "CVX")
    line = {"line_kind": "immunization", "patient_id": "p1", "procedure_key": vaccine, "service_date": "2025-03-01"}
    rows = detail(
        fact_appointment=RECENT,
        fact_patient_e=[heart, event("procedure", "34043003", "2025-03-01")],
        fact_clinician=[{**order, "medication_key": statin}],
        fact_claim_line=[line],
        fact_procedure=[{"procedure_key": event("procedure", "34043003", DAY)["procedure_key"], "started_at": "2025-03-01 09:00:00"}],
    )
    for measure in ("statin_ischemic_heart", "influenza_vaccine_12m", "dental_visit_12m"):
        assert items(rows, measure) == [1, 0, 1, 1], measure
        assert str(of(rows, measure)[0]["evidence_date"]) == "2025-03-01"
    bare = detail(fact_appointment=RECENT, fact_patient_e=[heart])
    assert items(bare, "statin_ischemic_heart") == [1, 0, 1, 0]
    assert of(bare, "influenza_vaccine_12m") == of(bare, "dental_visit_12m") == []


def test_colorectal_and_depression():
    colonoscopy = event("procedure", "73761001", "2015-07-01")
    assert of_patient("colorectal_screening", colonoscopy) == [1, 0, 1, 1]
    assert of_patient("colorectal_screening", event("procedure", "73761001", "2015-06-30")) == [1, 0, 1, 0]
    assert of_patient("colorectal_screening", event("observation", "57905-2", "2024-07-01", value_number=1.0)) == [1, 0, 1, 1]
    assert of_patient("colorectal_screening", event("procedure", "104435004", "2024-06-30")) == [1, 0, 1, 0]
    assert of_patient("colorectal_screening", colonoscopy, event("condition", "363406005", "2001-01-01")) == [1, 1, 0, 0]
    assert of_patient("colorectal_screening", colonoscopy, born="1980-07-01") == [0, 0, 0, 0]
    assert of_patient("depression_screening_12m", event("procedure", "171207006", "2025-01-01")) == [1, 0, 1, 1]
    assert of_patient("depression_screening_12m", born="2013-07-01") == [0, 0, 0, 0]


def test_patient_records():
    """A child needs no marital status; the version of the day counts."""
    people = [
        person("adult", marital_status=None, zip=None),
        person("child", "2015-01-01", marital_status=None),
        person("moved", zip=None, valid_to="2025-06-30", is_current=False),
        person("moved", valid_from="2025-06-30"),
    ]
    rows = detail(people=people, fact_appointment=[visit(n, "2025-05-01", patient=n) for n in ("adult", "child", "moved")])
    found = {r["patient_id"]: picked(r, "required_fields", "filled_fields", "missing_fields") for r in of(rows, "patient_record_complete")}
    assert found == {"adult": [8, 6, "marital_status,zip"], "child": [7, 7, None], "moved": [8, 8, None]}
    assert items(rows, "patient_record_complete") == [3, 0, 3, 2]


def test_opt_outs():
    """Asked to stop by sms on the 10th: a later recall by sms is open, one by e-mail and a reminder are not."""
    stop = message("stop", "2025-06-10 09:00:00", direction="inbound", is_opt_out=True)
    sent = [message("before", "2025-06-10 08:59:59"), message("open", "2025-06-11 09:00:00", "outreach")]
    other = [message("mail", "2025-06-12 09:00:00", channel="email"), message("reminder", "2025-06-12 09:00:00", "reminder")]
    rows = detail(fact_communication=[stop, *sent, *other])
    assert items(rows, "opt_out_honoured", "month") == [3, 0, 3, 2]
    (row,) = of(rows, "opt_out_honoured", "month")
    assert picked(row, "open_item_id", "provider_key") == ["open", -2]
    assert str(row["evidence_date"]) == "2025-06-12"


def found(check: str, measure: str = "patient_record_complete", **changes: object) -> list[str] | str:
    facts: dict[str, Any] = {"fact_appointment": [visit("a", "2025-06-15", reason_source="visit_type"), visit("b", "2025-06-16")]}
    people = [person(zip=None)]
    rows = [
        {**r, **changes} if (r["measure_id"], r["period_grain"]) == (measure, "rolling_12m") else r for r in detail(people=people, **facts)
    ]
    return offenders(NAME, check, rows, {**facts, "dim_quality_measure": DIMENSIONS["dim_quality_measure"], "dim_patient": people})


@pytest.mark.parametrize("check", CHECKS[NAME])
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_a_changed_row_is_found():
    record = "rolling_12m|patient_record_complete|p1"
    assert found("mart_equals_fact", "visit_record_complete", population_items=3) == ["rolling_12m"]
    assert found("mart_identity_items_nested", denominator_items=2) == [record]
    assert found("mart_identity_items_nested", numerator_items=2) == [record]
    assert found("mart_identity_one_row_a_patient", population_items=2) == ["patient_record_complete|p1"]
    assert found("mart_identity_missing_named", missing_fields=None) == [record]
    assert found("mart_identity_evidence_dated", evidence_date="2025-07-01") == [record]
    twice = [*DIMENSIONS["dim_quality_measure"], {"measure_key": 99, "measure_id": "duplicate_visit"}]
    rows = detail(fact_appointment=RECENT)
    assert offenders(NAME, "mart_identity_registered", rows, {"dim_quality_measure": twice}) == ["duplicate_visit"]
