"""mart_patient_retention on literal histories: statuses, rhythm, the score and its parts, value, prospects, no feed."""

from datetime import date
from decimal import Decimal

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.patient_rows import booked, charge, mart, missed, person, picked, row_of, touch, visits

NAME = "mart_patient_retention"
CHECKS = sorted(load_catalog().table(NAME).checks)
# 150 days apart, then 300 days of silence up to the last day of 2025
HISTORY = visits("p1", "2024-01-10", "2024-06-08", "2024-11-05", "2025-03-06")


def retention(dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    return mart(NAME, dates, appointments, **given)


def program(late: int | None, patient: str = "p1", day: str = "2025-12-31") -> Row:
    return {"patient_id": patient, "program": "wellness", "days_past_due": late, "partition_date": day}


def statement(sent: str, is_paid: bool, kind: str = "first", **more: object) -> Row:
    row = {"statement_sk": sent + kind, "patient_id": "p1", "sent_date": sent, "statement_type": kind, "is_paid_in_full_30d": is_paid}
    return {**row, "is_simulated": False, **more}


def test_worked_example():
    """300 days since the last visit, 150 expected: half of 40; a fifth of 20; all of 15; nothing of 15; 39 of 90."""
    rhythm = visits("p1", "2023-08-13", "2024-01-10", "2024-06-08", "2024-11-05")
    history = [{**v, "fact_appointment_sk": f"s{n}", "visit_seq": n} for n, v in enumerate([*rhythm, *[rhythm[3]] * 3], start=1)]
    (row,) = retention(["2025-09-01"], [*history, missed("n", "2025-01-05")], mart_hygiene_retention=[program(30, day="2025-09-01")])
    assert picked(row, "days_since_last_visit", "expected_interval_days") == [300, 150]
    assert picked(row, "visits_12m", "no_shows_12m", "no_show_rate_12m") == [4, 1, Decimal("0.2000")]
    assert picked(row, "churn_risk_score", "risk_components", "churn_risk_band") == [43.3, 4, "medium"]


@pytest.mark.parametrize(
    ("day", "status"),
    [
        ("2025-01-31", "active"),
        ("2025-07-30", "active"),
        ("2025-07-31", "slipping"),
        ("2026-01-30", "slipping"),
        ("2026-01-31", "at_risk"),
        ("2026-07-30", "at_risk"),
        ("2026-07-31", "lapsed"),
        ("2028-01-30", "lapsed"),
        ("2028-01-31", "lost"),
    ],
)
def test_status_by_the_age_of_the_last_visit(day: str, status: str):
    (row,) = retention([day], visits("p1", "2025-01-31"))
    assert row["retention_status"] == status
    assert (row["churn_risk_score"] is not None) == (status in ("active", "slipping", "at_risk"))


def test_rhythm_is_the_median_gap_of_visit_days_held_at_30():
    assert retention(["2025-12-31"], visits("p1", "2025-01-01", "2025-03-01"))[0]["expected_interval_days"] == 365
    assert (
        retention(["2025-12-31"], visits("p1", "2025-01-01", "2025-02-10", "2025-02-10", "2025-12-01"))[0]["expected_interval_days"] == 40
    )
    assert retention(["2025-12-31"], visits("p1", "2025-01-01", "2025-01-05", "2025-01-07"))[0]["expected_interval_days"] == 30
    rows = retention(["2025-02-28", "2025-12-31"], visits("p1", "2025-01-01", "2025-01-08", "2025-02-20", "2025-12-01"))
    # 7 and 43 up to February: the smaller one reaches half, and is held at 30
    assert [r["expected_interval_days"] for r in rows] == [30, 43]


def test_visits_of_this_and_last_year():
    (row,) = retention(["2025-12-31"], visits("p1", "2023-12-31", "2024-01-01", "2024-12-31", "2025-01-01", "2025-12-31", "2026-01-01"))
    assert picked(row, "visits", "visits_12m", "visits_prior_12m", "last_visit_date") == [5, 2, 2, date(2025, 12, 31)]


def test_without_a_feed_the_score_stands_on_recency_and_prevention():
    (row,) = retention(["2025-12-31"], HISTORY, mart_hygiene_retention=[program(31)])
    names = ("next_booked_date", "no_shows_12m", "no_show_rate_12m", "statements_due_12m", "statements_paid_on_time_12m", "data_basis")
    assert picked(row, *names) == [None, None, None, None, None, "derived"]
    # the last of the sorted gaps 121, 150, 150 that reaches half is 150; 300 days are twice that: (20 + 15) / 55
    assert picked(row, "expected_interval_days", "is_preventive_overdue", "risk_components", "churn_risk_score", "churn_risk_band") == [
        150,
        True,
        2,
        63.6,
        "high",
    ]


def test_recency_is_held_between_nothing_and_all():
    assert retention(["2025-03-06"], HISTORY)[0]["churn_risk_score"] == 0.0
    rows = retention(["2026-06-01"], HISTORY)
    assert picked(rows[0], "days_since_last_visit", "churn_risk_score", "risk_components") == [452, 100.0, 1]


def test_statements_count_when_their_30_days_ended():
    bills = [
        statement("2024-12-01", True),
        statement("2024-12-02", True),
        statement("2025-05-01", False),
        statement("2025-06-01", True, "reminder"),
        statement("2025-12-01", False),
        statement("2025-12-02", False),
    ]
    (row,) = retention(["2025-12-31"], HISTORY, fact_statement=bills)
    # 1 December 2024 + 30 days is the last day of 2024, outside; 1 December 2025 + 30 days is D
    assert picked(row, "statements_due_12m", "statements_paid_on_time_12m") == [3, 1]
    # (20 + 10 x 2/3) / 50
    assert picked(row, "churn_risk_score", "risk_components") == [53.3, 2]


def test_booked_patients_lose_the_part_for_nothing_booked():
    book = [booked("b1", "2026-01-05", "2025-12-01", "2025-12-31")]
    (row,) = retention(["2025-12-31"], HISTORY, fact_booking=book)
    # 20 / (40 + 20 no-shows 0 of 1 + 15)
    assert picked(row, "next_booked_date", "churn_risk_score", "no_shows_12m", "retention_status") == [
        date(2026, 1, 5),
        26.7,
        0,
        "slipping",
    ]


def test_prospects_have_a_booking_and_no_visit():
    book = [
        booked("b1", "2026-02-01", "2025-12-01", "2025-12-31", "new", location_key=12, provider_key=25),
        booked("b2", "2026-03-01", "2025-12-01", "2025-12-31", "new", location_key=13, provider_key=22, status="cancelled"),
        booked("b3", "2026-03-01", "2025-12-01", "2025-12-31", "dead"),
        booked("b4", "2026-03-01", "2025-12-01", "2025-12-30", "early"),
    ]
    people = [person(), person("new", key=2), person("dead", died="2025-12-31", key=3), person("early", key=4)]
    history = [*HISTORY, missed("n", "2025-12-31", patient="miss"), *visits("early", "2026-01-01")]
    rows = retention(["2025-12-31"], history, fact_booking=book, dim_patient=people, fact_claim_line=[charge("2025-01-01", "9.00", "new")])
    assert [r["patient_id"] for r in rows] == ["miss", "new", "p1"]
    row = row_of(rows, patient_id="new")
    keys = ("location_key", "provider_key", "patient_type", "retention_status", "next_booked_date")
    assert picked(row, *keys) == [13, 20, "prospect", "prospect", date(2026, 2, 1)]
    nothing = (
        "last_visit_date",
        "days_since_last_visit",
        "expected_interval_days",
        "churn_risk_score",
        "churn_risk_band",
        "risk_components",
    )
    assert picked(row, *nothing, "production_quintile") == [None] * 7
    assert picked(row, "visits", "production_lifetime_amount", "value_tier", "patient_key") == [0, Decimal("9.00"), "low", 2]


def test_value_and_fifths():
    amounts = {"a": "0.00", "b": "499.99", "c": "500.00", "d": "2000.00", "e": "5000.00", "f": "5000.00"}
    history = [v for p in amounts for v in visits(p, "2025-01-02")]
    charges = [*[charge("2025-01-02", a, p) for p, a in amounts.items()], charge("2024-12-31", "3000.00", "b")]
    rows = retention(["2025-12-31"], history, fact_claim_line=charges)
    # 0, 1, 2, 3, 4 and 4 patients with less among 6
    assert [r["production_quintile"] for r in rows] == [1, 1, 2, 3, 4, 4]
    assert [r["value_tier"] for r in rows] == ["none", "high", "medium", "high", "top", "top"]
    assert picked(rows[1], "production_12m_amount", "production_lifetime_amount") == [Decimal("499.99"), Decimal("3499.99")]


def test_simulated_inputs_mark_rows():
    assert (
        retention(["2025-12-31"], HISTORY, fact_statement=[statement("2025-01-01", True, is_simulated=True)])[0]["data_basis"]
        == "simulated"
    )
    touched = retention(
        ["2025-12-31"], [*HISTORY, *visits("p2", "2025-01-02")], bridge_patient_source=[touch("2024-01-01", is_simulated=True)]
    )
    assert [r["data_basis"] for r in touched] == ["simulated", "derived"]


def found(check: str, **changes: object) -> list[str] | str:
    rows = retention(["2025-12-31"], HISTORY)
    neighbours = {"fact_appointment": HISTORY, "dim_patient": [person()], "mart_active_patients": [{"patient_id": "p1"}]}
    neighbours["mart_active_patients"][0]["partition_date"] = "2025-12-31"
    rates = {"breakdown": "total", "base_patients": 1, "retained_patients": 1, "partition_date": "2025-12-31"}
    neighbours["mart_patient_retention_rates"] = [{**rates, "window_months": 12}, {**rates, "window_months": 6, "base_patients": 5}]
    return offenders(NAME, check, [{**r, **changes} for r in rows], neighbours)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


def test_checks_find_what_is_wrong():
    assert found("mart_equals_fact", visits=5) == ["p1"]
    assert found("mart_equals_fact", patient_id="p9", visits=0) == ["p1"]
    assert found("mart_identity_scores_are_active_patients", retention_status="lapsed") == ["p1"]
    assert found("mart_identity_scores_are_active_patients", churn_risk_score=None) == ["p1"]
    assert found("mart_identity_band_follows_score", churn_risk_band="low") == ["p1"]
    assert found("mart_identity_paid_within_due", statements_due_12m=1, statements_paid_on_time_12m=2) == ["p1"]
    assert found("mart_identity_paid_within_due", visits_prior_12m=4) == ["p1"]
    assert found("mart_identity_base_of_rates", visits_prior_12m=0) == ["total"]
    assert found("mart_identity_base_of_rates", visits_12m=0) == ["total"]
