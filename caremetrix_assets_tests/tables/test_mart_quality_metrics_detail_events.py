"""mart_quality_metrics_detail, measures of visits, procedures and claims: on which day an event counts, and what became of it."""

from typing import Any

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.quality import claim, claim_event, detail, items, of, person, picked, procedure, visit


def stay(name: str, start: str, end: str, **more: Any) -> Row:
    return visit(name, start, "inpatient", end=end, **more)


def test_readmission_counts_30_days_after_the_end():
    """Ended on 1 May: counted on 31 May. A stay on 31 May is a readmission, on 1 June not."""
    back = detail(
        ["2025-05-30", "2025-05-31"], fact_appointment=[stay("a", "2025-04-28", "2025-05-01"), stay("b", "2025-05-31", "2025-05-31")]
    )
    assert of(back, "readmission_30d", "month", "2025-05-30") == []
    assert items(back, "readmission_30d", "day", "2025-05-31") == [1, 0, 1, 1]
    (row,) = of(back, "readmission_30d", "day", "2025-05-31")
    assert picked(row, "open_item_id", "patient_key") == ["a", 5]
    late = detail(["2025-05-31"], fact_appointment=[stay("a", "2025-04-28", "2025-05-01"), stay("b", "2025-06-01", "2025-06-02")])
    assert items(late, "readmission_30d", "day", "2025-05-31") == [1, 0, 1, 0]


def test_moved_and_dead_patients_are_no_readmission():
    moved = [stay("a", "2025-04-28", "2025-05-01"), stay("b", "2025-05-01", "2025-05-03", started_at="2025-05-01 10:00:00")]
    assert items(detail(["2025-05-31"], fact_appointment=moved), "readmission_30d", "day", "2025-05-31") == [1, 1, 0, 0]
    dead = [person(death_date="2025-05-31")]
    alone = detail(["2025-05-31"], dead, fact_appointment=moved[:1])
    assert items(alone, "readmission_30d", "day", "2025-05-31") == [1, 1, 0, 0]
    returned = detail(["2025-05-31"], dead, fact_appointment=[*moved[:1], stay("c", "2025-05-20", "2025-05-21")])
    assert items(returned, "readmission_30d", "day", "2025-05-31") == [1, 0, 1, 1]


def test_followup_within_7_days():
    base = [visit("a", "2025-05-01", "emergency")]
    for day, kind, expected in (
        ("2025-05-08", "ambulatory", [1, 0, 1, 1]),
        ("2025-05-09", "ambulatory", [1, 0, 1, 0]),
        ("2025-05-01", "ambulatory", [1, 0, 1, 0]),
        ("2025-05-08", "inpatient", [1, 1, 0, 0]),
        ("2025-05-08", "urgentcare", [1, 0, 1, 0]),
    ):
        rows = detail(["2025-05-08"], fact_appointment=[*base, visit("b", day, kind)])
        assert items(rows, "followup_7d_after_hospital", "day", "2025-05-08") == expected, (day, kind)
    dead = detail(["2025-05-08"], [person(death_date="2025-05-08")], fact_appointment=base)
    assert items(dead, "followup_7d_after_hospital", "day", "2025-05-08") == [1, 1, 0, 0]


def test_repeated_restorations():
    """Done on 1 March: counted on 30 May, 90 days later; the same code again on that day is a repeat."""
    dental = procedure("34043003", "2025-01-01", "x")
    for day, expected in (("2025-05-30", [1, 0, 1, 1]), ("2025-05-31", [1, 0, 1, 0]), ("2025-03-01", [2, 0, 2, 0])):
        done = [procedure("1256042007", "2025-03-01", "e1"), procedure("1256042007", day, "e2"), procedure("64544008", "2025-04-01", "e3")]
        rows = detail(["2025-05-30"], fact_procedure=[dental, *done])
        assert items(rows, "repeat_restoration_90d", "day", "2025-05-30") == expected, day
    assert of(detail(["2025-05-30"], fact_procedure=done), "repeat_restoration_90d", "day", "2025-05-30") == []


def test_worked_example_of_visit_records():
    visits = [visit("a", "2025-06-02"), visit("b", "2025-06-03", reason_source="visit_type"), visit("c", "2025-06-04")]
    rows = detail(fact_appointment=visits)
    assert items(rows, "visit_record_complete", "month") == [3, 0, 3, 2]
    (row,) = of(rows, "visit_record_complete", "month")
    assert picked(row, "required_fields", "filled_fields", "missing_fields", "open_item_id") == [15, 14, "reason", "b"]
    empty = visit("a", "2025-06-02", ended_at=None, provider_key=-1, payer_key=-1, location_key=-1, reason_source="not_recorded")
    (bare,) = of(detail(fact_appointment=[empty]), "visit_record_complete", "month")
    assert picked(bare, "filled_fields", "missing_fields") == [0, "ended_at,location_key,payer_key,provider_key,reason"]


def test_procedure_records_grow_with_what_is_known():
    """The second procedure of the stay comes a day later and lacks its reason."""
    first = procedure(None, "2025-06-02", "a")
    second = procedure(None, "2025-06-03", "a", reason_key=900)
    rows = detail(["2025-06-02", "2025-06-03"], fact_appointment=[visit("a", "2025-06-02")], fact_procedure=[first, second])
    names = ("required_fields", "filled_fields", "missing_fields", "numerator_items")
    found = [picked(of(rows, "procedure_record_complete", "month", d)[0], *names) for d in ("2025-06-02", "2025-06-03")]
    assert found == [[3, 3, None, 1], [6, 5, "reason", 0]]
    bare = procedure(None, "2025-06-02", "a", ended_at=None, base_cost_amount=None, reason_key=-1)
    (row,) = of(detail(fact_appointment=[visit("a", "2025-06-02")], fact_procedure=[bare]), "procedure_record_complete", "month")
    assert picked(row, "filled_fields", "missing_fields") == [0, "base_cost_amount,ended_at,reason"]


def test_drugs_are_gone_through_up_to_the_day():
    rows = detail(
        ["2025-06-02", "2025-06-03"],
        fact_appointment=[visit("a", "2025-06-02", "wellness"), visit("b", "2025-06-02")],
        fact_procedure=[procedure("430193006", "2025-06-03", "a"), procedure("430193006", "2025-06-02", "b")],
    )
    measure = "medication_reconciliation_wellness"
    assert [items(rows, measure, "month", d) for d in ("2025-06-02", "2025-06-03")] == [[1, 0, 1, 0], [1, 0, 1, 1]]


def test_insurer_of_the_visit_and_of_the_span():
    spans = [{"patient_id": "p1", "payer_key": 72, "coverage_start_date": "2025-06-02", "coverage_end_date": "2025-06-05"}]
    days = ("2025-06-01", "2025-06-02", "2025-06-03", "2025-06-05")
    visits = [*(visit(d, d) for d in days), visit("right", "2025-06-04", payer_key=72)]
    rows = detail(fact_appointment=visits, bridge_patient_coverage=spans)
    assert items(rows, "coverage_mismatch", "month") == [3, 1, 2, 1]
    assert of(rows, "coverage_mismatch", "month")[0]["open_item_id"] == "2025-06-03"


def test_visits_recorded_twice():
    codes = [{"encounter_id": n, "encounter_code": "c" if n != "d" else "e"} for n in "abcd"]
    visits = [visit("a", "2025-06-02"), visit("b", "2025-06-02"), visit("c", "2025-06-02", provider_id="d2"), visit("d", "2025-06-02")]
    rows = detail(fact_appointment=visits, dim_encounter=codes)
    assert items(rows, "duplicate_visit", "month") == [4, 0, 4, 2]
    assert of(rows, "duplicate_visit", "month")[0]["open_item_id"] == "a"


def test_claim_records():
    """A diagnosis that only repeats the visit's own code is none."""
    dimensions: dict[str, Any] = {
        "dim_claim": [{"claim_id": "x", "diagnosis_code_1": "kind"}, {"claim_id": "y", "diagnosis_code_1": "disease"}, {"claim_id": "z"}],
        "dim_encounter": [{"encounter_id": "a", "encounter_code": "kind"}],
    }
    lacking = {"provider_key": -1, "encounter_key": -2, "primary_payer_key": -1}
    claims = [claim("x", "2025-06-02"), claim("y", "2025-06-02"), claim("z", "2025-06-03", patient_id="p2", **lacking)]
    rows = {r["patient_id"]: r for r in of(detail(fact_claim=claims, **dimensions), "claim_record_complete", "month")}
    names = ("denominator_items", "numerator_items", "required_fields", "filled_fields", "missing_fields", "open_item_id")
    assert picked(rows["p1"], *names) == [2, 1, 8, 7, "diagnosis", "x"]
    assert picked(rows["p2"], *names) == [1, 0, 4, 0, "diagnosis,encounter_key,primary_payer_key,provider_key", "z"]


def test_denials_and_rejections():
    """A denial counts when it is the first decision; a rejection 14 days after the claim went out."""
    events = [claim_event(n, "submitted", "2025-06-01") for n in ("a", "b", "c")]
    claims = [
        claim("a", "2025-05-30", denied_at="2025-06-10 12:00:00", first_adjudicated_at="2025-06-10 12:00:00"),
        claim(
            "b",
            "2025-05-30",
            denied_at="2025-06-12 12:00:00",
            first_adjudicated_at="2025-06-11 12:00:00",
            rejected_at="2025-06-15 08:00:00",
        ),
        claim("c", "2025-05-30", rejected_at="2025-06-16 08:00:00"),
    ]
    rows = detail(["2025-06-14", "2025-06-15"], fact_claim=claims, fact_claim_event=events)
    assert items(rows, "claim_denial", "month", "2025-06-15") == [2, 0, 2, 1]
    assert items(rows, "claim_rejection", "month", "2025-06-15") == [3, 0, 3, 1]
    assert of(rows, "claim_rejection", "month", "2025-06-14") == []
    assert {r["data_basis"] for r in of(rows, "claim_denial", "month", "2025-06-15")} == {"simulated"}


def test_claims_sent_within_90_days():
    """Served on 1 March, counted on 30 May; only claims of insurers, served since the place's feed began."""
    places: dict[str, Any] = {"dim_location": [{"location_key": 10, "feed_start_date": "2025-03-01"}, {"location_key": 11}]}
    claims = [
        claim("a", "2025-03-01"),
        claim("b", "2025-03-01"),
        claim("c", "2025-03-01", primary_payer_key=72),
        claim("d", "2025-03-01", location_key=11),
        claim("e", "2025-02-28"),
    ]
    events = [claim_event("a", "submitted", "2025-05-30"), claim_event("b", "submitted", "2025-05-31")]
    rows = detail(["2025-05-30"], fact_claim=claims, fact_claim_event=events, **places)
    assert items(rows, "claim_submitted_90d", "day", "2025-05-30") == [2, 0, 2, 1]
    assert of(detail(["2025-05-30"], fact_claim=claims, **places), "claim_submitted_90d", "day", "2025-05-30") == []
