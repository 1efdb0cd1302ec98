"""mart_appointment_efficiency on literal visits: returns, gaps, percentiles, distinct counts, ranks, what is dated later."""

from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build, picked, row_of

PROVIDERS = [
    {"provider_key": 21, "member_key": 20, "provider_id": "d1"},
    {"provider_key": 22, "member_key": 20, "provider_id": "d1"},
    {"provider_key": 25, "member_key": 25, "provider_id": "d2"},
]


def visit(name: str, day: str, seq: int = 1, kind: str = "ambulatory", patient: str = "p1", minutes: float = 15.0, **more: object) -> Row:
    """A completed visit; what the fact derives from the history is given, not computed."""
    row = {"fact_appointment_sk": name, "encounter_id": name, "patient_id": patient, "started_at": f"{day} 09:00:00", "visit_seq": seq}
    facts = {
        "outcome": "completed",
        "is_death_certification": False,
        "duration_minutes": minutes,
        "procedure_count": 2,
        "observation_count": 3,
    }
    flags = {"is_return_30d": False, "is_readmission_30d": False, "length_of_stay_days": 0, "reason_source": "reason_code"}
    keys = {"location_key": 10, "provider_key": 21, "provider_id": "d1", "patient_type": "new", "source_key": -1, "reason_key": 50}
    return {**row, **facts, **flags, **keys, "billed_amount": "100.00", "encounter_class": kind, "partition_date": day, **more}


def mart(dates: list[str], visits: list[Row], **given: list[Row]) -> list[Row]:
    return build("mart_appointment_efficiency", given={"fact_appointment": visits, "dim_provider": PROVIDERS, **given}, dates=dates)


def worked_example() -> list[Row]:
    return [
        visit("a", "2025-03-01", 1, "wellness"),
        visit("b", "2025-03-20", 2, "emergency", days_since_previous_visit=19, is_return_30d=True),
        visit("c", "2026-03-05", 3, "wellness", days_since_previous_visit=350),
    ]


def test_worked_example_of_april():
    row = row_of(mart(["2025-04-30"], worked_example()), "rolling_90d")
    assert picked(row, "visits", "return_visit_rate_30d", "index_visits", "returned_rate_30d", "gap_days_p50") == [
        2,
        Decimal("0.5000"),
        2,
        Decimal("0.5000"),
        19.0,
    ]


def test_worked_example_a_year_later():
    row = row_of(mart(["2026-03-31"], worked_example()), "rolling_12m")
    names = ("visits", "gap_days_p50", "wellness_gap_days_p50", "index_visits", "returned_visits_30d", "returned_rate_30d")
    assert picked(row, *names) == [1, 350.0, 369.0, 1, 0, Decimal("0.0000")]
    assert picked(row, "wellness_repeat_visits", "repeat_visits") == [1, 1]


def test_dates_of_one_run_are_what_they_are_alone():
    together = mart(["2025-04-30", "2025-03-31", "2026-03-31"], worked_example())
    for day in ("2025-03-31", "2025-04-30", "2026-03-31"):
        alone = mart([day], [v for v in worked_example() if str(v["started_at"])[:10] <= day])
        assert alone == [r for r in together if r["partition_date"] == date.fromisoformat(day)]


def test_index_visits_are_those_whose_30_days_ended_in_the_period():
    """Returning on day 30 counts, on the same day or on day 31 not."""
    visits = [
        visit("a", "2025-01-01", patient="a"),
        visit("a2", "2025-01-31", 2, patient="a"),
        visit("b", "2025-01-01", patient="b"),
        visit("b2", "2025-02-01", 2, patient="b"),
        visit("c", "2025-01-01", patient="c"),
        visit("c2", "2025-01-01", 2, patient="c"),
    ]
    rows = mart(["2025-01-30", "2025-01-31", "2025-02-01"], visits)
    found = {
        d: picked(row_of(rows, "day", day=d), "index_visits", "returned_visits_30d") for d in ("2025-01-30", "2025-01-31", "2025-02-01")
    }
    assert found == {"2025-01-30": [0, 0], "2025-01-31": [4, 1], "2025-02-01": [0, 0]}


def test_a_key_with_an_index_visit_only_has_a_row():
    rows = mart(["2025-01-31"], [visit("a", "2025-01-01", location_key=11), visit("b", "2025-01-31", patient="p2")])
    row = row_of(rows, "day", "location", location_key=11)
    assert picked(row, "visits", "index_visits", "patients", "visit_minutes", "returned_rate_30d") == [0, 1, 0, 0.0, Decimal("0.0000")]
    assert picked(row, "return_visit_rate_30d", "duration_minutes_p50", "visits_per_clinician_day") == [None, None, None]


def test_percentiles_are_values_that_occurred():
    """Of 10 20 30 40: half is reached at 20, nine tenths at 40. Minutes are whole seconds / 60."""
    visits = [visit(f"v{m}", "2025-01-05", patient=f"p{m}", minutes=m) for m in (40.0, 10.0, 30.0, 20.016667)]
    row = row_of(mart(["2025-01-05"], visits), "day")
    assert picked(row, "duration_minutes_p50", "duration_minutes_p90", "visit_minutes") == [20.016667, 40.0, 100.016667]


def test_ninetieth_percentile_of_ten_is_the_ninth():
    visits = [visit(f"v{m}", "2025-01-05", patient=f"p{m}", minutes=float(m)) for m in range(1, 11)]
    assert picked(row_of(mart(["2025-01-05"], visits), "day"), "duration_minutes_p50", "duration_minutes_p90") == [5.0, 9.0]


def test_seconds_add_up_exactly():
    """Three visits of 61 seconds are 3.05 minutes, though each is 1.016667 rounded."""
    visits = [visit(f"v{n}", "2025-01-05", patient=f"p{n}", minutes=1.016667) for n in range(3)]
    assert row_of(mart(["2025-01-05"], visits), "day")["visit_minutes"] == 3.05


def test_patients_clinicians_and_their_days_are_distinct():
    """d1 in two versions on two days, d2 on one; p1 comes three times."""
    visits = [
        visit("a", "2025-01-05", 1),
        visit("b", "2025-01-05", 2),
        visit("c", "2025-01-06", 3, provider_key=22, minutes=45.0),
        visit("d", "2025-01-06", 1, patient="p2", provider_key=25, provider_id="d2", location_key=11, minutes=90.0, kind="snf"),
    ]
    rows = mart(["2025-01-31"], visits)
    names = ("visits", "patients", "clinicians", "clinician_days", "visits_per_clinician_day", "minutes_per_clinician_day")
    # 75 minutes outside the ward on three days of clinicians
    assert picked(row_of(rows, "month"), *names) == [4, 2, 2, 3, 1.333333, 25.0]
    assert picked(row_of(rows, "month", "provider", provider_key=20), *names) == [3, 1, 1, 2, 1.5, 37.5]
    assert picked(row_of(rows, "month", "location", location_key=11), *names) == [1, 1, 1, 1, 1.0, 0.0]


def test_a_patient_counts_once_per_period_and_place():
    visits = [visit("a", "2025-01-01", 1), visit("b", "2025-01-20", 2, location_key=11), visit("c", "2025-02-01", 3)]
    rows = mart(["2025-01-31", "2025-02-01"], visits)
    assert [row_of(rows, g, day="2025-02-01")["patients"] for g in ("day", "month", "rolling_30d", "rolling_90d")] == [1, 1, 1, 1]
    by_place = {k: row_of(rows, "rolling_90d", "location", day="2025-02-01", location_key=k)["patients"] for k in (10, 11)}
    assert by_place == {10: 1, 11: 1}
    assert row_of(rows, "month", day="2025-01-31")["patients"] == 1


def test_inpatient_visits_and_readmissions():
    visits = [
        visit("a", "2025-01-05", 1, "inpatient", length_of_stay_days=3),
        visit("b", "2025-01-20", 2, "inpatient", length_of_stay_days=1, is_readmission_30d=True),
        visit("c", "2025-01-21", 3, "hospice", length_of_stay_days=9),
    ]
    row = row_of(mart(["2025-01-31"], visits), "month")
    assert picked(row, "inpatient_visits", "inpatient_days", "readmissions_30d", "readmission_rate_30d") == [2, 4, 1, Decimal("0.5000")]


def test_reasons_are_ranked_by_visits_then_by_code():
    reasons = [
        {"reason_key": 50, "code_system": "SNOMED", "reason_code": "38341003"},
        {"reason_key": 51, "code_system": "SNOMED", "reason_code": "15777000"},
        {"reason_key": 52, "code_system": "CAREMETRIX", "reason_code": "NOT_RECORDED"},
    ]
    visits = [
        visit("a", "2025-01-05"),
        visit("b", "2025-01-06", patient="p2", reason_key=51, reason_source="first_condition"),
        visit("c", "2025-01-07", patient="p3", reason_key=52, reason_source="not_recorded"),
        visit("d", "2025-01-08", patient="p4", reason_key=52, reason_source="not_recorded"),
    ]
    rows = mart(["2025-01-31"], visits, dim_reason=reasons)
    ranks = {r["reason_key"]: r["reason_rank"] for r in rows if r["breakdown"] == "reason" and r["period_grain"] == "month"}
    assert ranks == {52: 1, 51: 2, 50: 3}
    assert {r["reason_rank"] for r in rows if r["breakdown"] != "reason"} == {None}
    assert picked(row_of(rows, "month"), "coded_reason_visits", "coded_reason_rate") == [1, Decimal("0.2500")]
    assert picked(row_of(rows, "month", "reason", reason_key=52), "visit_share", "period_visits") == [Decimal("0.5000"), 4]


def test_every_breakdown_has_its_keys_and_all_elsewhere():
    rows = [r for r in mart(["2025-01-05"], [visit("a", "2025-01-05", kind="wellness")]) if r["period_grain"] == "day"]
    keys = ("location_key", "provider_key", "patient_type", "source_key", "encounter_class", "reason_key")
    none = [-3, -3, "all", -3, "all", -3]
    assert {r["breakdown"]: picked(r, *keys) for r in rows} == {
        "total": none,
        "location": [10, *none[1:]],
        "provider": [-3, 20, *none[2:]],
        "patient_type": [-3, -3, "new", *none[3:]],
        "acquisition_source": [-3, -3, "all", -1, "all", -3],
        "detail": [10, 20, "new", -1, "all", -3],
        "encounter_class": [*none[:4], "wellness", -3],
        "location_class": [10, *none[1:4], "wellness", -3],
        "reason": [*none[:5], 50],
    }


def test_what_is_no_visit_does_not_count():
    visits = [
        visit("a", "2025-01-05"),
        visit("death", "2025-01-05", patient="p2", is_death_certification=True, visit_seq=None),
        visit("missed", "2025-01-05", patient="p3", outcome="no_show", encounter_id=None, visit_seq=None),
    ]
    row = row_of(mart(["2025-01-05"], visits), "day")
    assert picked(row, "visits", "patients", "procedures", "observations", "billed_amount") == [1, 1, 2, 3, Decimal("100.00")]


def test_visits_after_d_are_not_there():
    rows = mart(["2025-01-05"], [visit("a", "2025-01-05"), visit("b", "2025-01-06", 2)])
    assert {r["visits"] for r in rows} == {1}


def test_a_day_without_visits_has_its_total_row_only():
    rows = [r for r in mart(["2025-06-01"], [visit("a", "2025-01-05")]) if r["period_grain"] == "day"]
    assert [picked(r, "breakdown", "visits", "patients", "clinicians", "period_visits", "visit_minutes") for r in rows] == [
        ["total", 0, 0, 0, 0, 0.0]
    ]
    assert picked(rows[0], "visit_share", "coded_reason_rate", "gap_days_p50", "data_basis") == [None, None, None, "derived"]


def test_a_simulated_visit_marks_the_rows_it_counts_in():
    rows = mart(["2025-01-06"], [visit("a", "2025-01-05", is_simulated=True), visit("b", "2025-01-06", patient="p2", location_key=11)])
    basis = {r["location_key"]: r["data_basis"] for r in rows if r["breakdown"] == "location" and r["period_grain"] == "month"}
    assert basis == {10: "simulated", 11: "derived"}
    assert row_of(rows, "day")["data_basis"] == "derived"


def test_header_of_the_periods():
    calendar = [{"date_key": 1, "date_day": "2024-02-29", "is_before_history": True}]
    rows = mart(["2025-02-28"], [visit("a", "2024-02-29"), visit("b", "2024-02-28", patient="p2")], dim_date=calendar)
    year = row_of(rows, "rolling_12m")
    assert picked(year, "period_start", "period_end", "is_warmup", "visits") == [date(2024, 2, 29), date(2025, 2, 28), True, 1]
    assert row_of(rows, "month")["is_period_complete"] is True
    assert datetime.fromisoformat("2025-01-30").date() == row_of(rows, "rolling_30d")["period_start"]
