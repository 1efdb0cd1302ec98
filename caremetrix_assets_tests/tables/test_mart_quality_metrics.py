"""mart_quality_metrics on literal detail rows: sums, rates, targets, measures without rows or without an input."""

from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.quality import CHECKS, DAY, DIMENSIONS, MEASURES, claim_event, picked

NAME = "mart_quality_metrics"
KEY = {m["measure_id"]: m["measure_key"] for m in MEASURES}
INPUTS = {"fact_claim_event": [claim_event("a", "submitted", "2025-06-01")]}


def row(measure: str, patient: str, population: int, excluded: int, numerator: int, grain: str = "rolling_12m", **more: object) -> Row:
    counts = {"population_items": population, "excluded_items": excluded, "denominator_items": population - excluded}
    keys = {"location_key": 10, "provider_key": 20, "patient_type": "new", "source_key": -1, "partition_date": DAY}
    names = {"measure_id": measure, "measure_key": KEY[measure], "patient_id": patient, "period_grain": grain, "data_basis": "derived"}
    return {**names, **counts, "numerator_items": numerator, **keys, **more}


def mart(rows: list[Row], **inputs: list[Row]) -> list[Row]:
    given = {"mart_quality_metrics_detail": rows, "dim_quality_measure": DIMENSIONS["dim_quality_measure"], **inputs}
    return build(NAME, given=given, dates=[DAY])


def of(rows: list[Row], measure: str, breakdown: str = "total", grain: str = "rolling_12m", **keys: object) -> Row:
    wanted = {"measure_id": measure, "breakdown": breakdown, "period_grain": grain, **keys}
    (found,) = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
    return found


PRESSURE = "bp_control_hypertension"


def worked_example() -> list[Row]:
    return [
        row(PRESSURE, "a", 1, 0, 1),
        row(PRESSURE, "b", 1, 0, 0, location_key=11),
        row(PRESSURE, "c", 1, 0, 0),
        row(PRESSURE, "d", 1, 1, 0),
    ]


def test_worked_example():
    found = of(mart(worked_example()), PRESSURE)
    items = ("population_items", "excluded_items", "denominator_items", "numerator_items", "patients")
    assert picked(found, *items) == [4, 1, 3, 1, 3]
    rates = ("measure_rate", "target_rate", "items_to_target", "is_target_met", "is_small_cell")
    assert picked(found, *rates) == [Decimal("0.3333"), Decimal("0.7000"), 2, False, True]
    assert picked(of(mart(worked_example()), PRESSURE, "location", location_key=11), "population_items", "measure_rate") == [
        1,
        Decimal("0"),
    ]


def test_lower_is_better():
    """Of 40 readmitted 7 where 0.15 allow 6; of 40 with 6 the target is met."""
    missed = of(mart([row("readmission_30d", "a", 40, 0, 7)]), "readmission_30d")
    assert picked(missed, "items_to_target", "is_target_met") == [1, False]
    met = of(mart([row("readmission_30d", "a", 40, 0, 6)]), "readmission_30d")
    assert picked(met, "items_to_target", "is_target_met") == [0, True]


def test_fields_of_records():
    rows = mart([row("visit_record_complete", "a", 3, 0, 2, "month", required_fields=15, filled_fields=14)])
    names = ("required_fields", "filled_fields", "field_completeness_rate")
    assert picked(of(rows, "visit_record_complete", grain="month"), *names) == [15, 14, Decimal("0.9333")]
    assert picked(of(rows, "visit_record_complete", grain="day"), *names) == [0, 0, None]
    assert picked(of(rows, "duplicate_visit", grain="month"), *names) == [None, None, None]


def test_every_measure_has_its_total_rows():
    rows = mart([])
    grains = ["day", "month", "rolling_12m", "rolling_30d", "rolling_90d"]
    for measure in MEASURES:
        found = sorted(r["period_grain"] for r in rows if r["measure_id"] == measure["measure_id"])
        assert found == (grains if measure["measure_basis"] == "event" else ["rolling_12m"])
    known = of(rows, "duplicate_visit")
    assert picked(known, "denominator_items", "measure_rate", "items_to_target", "data_basis") == [0, None, None, "derived"]
    unknown = of(rows, "claim_denial")
    assert picked(unknown, "denominator_items", "patients", "is_target_met", "data_basis") == [None, None, None, "not_available"]
    assert of(mart([], **INPUTS), "claim_denial")["data_basis"] == "derived"


def test_what_is_not_available_without_its_input():
    absent = {r["measure_id"] for r in mart([]) if r["data_basis"] == "not_available"}
    feed = {"claim_submitted_90d", "claim_denial", "claim_rejection", "opt_out_honoured"}
    assert absent == feed | {"influenza_vaccine_12m", "dental_visit_12m", "repeat_restoration_90d"}


def test_patients_are_counted_once():
    rows = mart([row("duplicate_visit", "a", 2, 0, 0, data_basis="simulated"), row("duplicate_visit", "a", 1, 0, 0, location_key=11)])
    assert picked(of(rows, "duplicate_visit"), "patients", "population_items", "data_basis") == [1, 3, "simulated"]
    assert of(rows, "duplicate_visit", "location", location_key=11)["data_basis"] == "derived"


def found(check: str, **changes: object) -> list[str] | str:
    detail = worked_example()
    rows = [{**r, **changes} if (r["measure_id"], r["breakdown"]) == (PRESSURE, "total") else r for r in mart(detail)]
    return offenders(NAME, check, rows, {"mart_quality_metrics_detail": detail, "dim_quality_measure": DIMENSIONS["dim_quality_measure"]})


@pytest.mark.parametrize("check", CHECKS[NAME])
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_a_changed_row_is_found():
    total = f"rolling_12m|total|{PRESSURE}"
    assert found("detail_rebuilds_summary", numerator_items=2) == [total]
    assert found("mart_identity_items_nested", excluded_items=2) == [total]
    assert found("mart_identity_details_add_up", population_items=5) == [f"rolling_12m|{PRESSURE}"]
    assert found("mart_identity_rate_null_only_without_items", measure_rate=None) == [total]
    assert found("mart_identity_every_measure", breakdown="other") == [PRESSURE]
    recorded = [{**r, "population_items": 1} if r["measure_id"] == "visit_record_complete" else r for r in mart([])]
    visits = [{"started_at": f"{DAY} 09:00:00", "outcome": "completed", "is_death_certification": False}]
    assert offenders(NAME, "mart_equals_fact", recorded, {"fact_appointment": visits}) == []
    assert offenders(NAME, "mart_equals_fact", recorded, {"fact_appointment": visits * 2}) == [
        "day",
        "month",
        "rolling_12m",
        "rolling_30d",
        "rolling_90d",
    ]
    twice = [*DIMENSIONS["dim_quality_measure"], {"measure_key": 99, "measure_id": PRESSURE}]
    assert offenders(NAME, "mart_identity_registered_once", mart([]), {"dim_quality_measure": twice}) == [PRESSURE]
