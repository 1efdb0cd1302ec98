"""mart_ar_summary on literal aging lines: sums per patient, the score, what can be expected, statements and coverage."""

from typing import Any

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import GOVERNMENT, PRIVATE, entry, line, mart, of, sk

NAME, DAY = "mart_ar_summary", "2025-06-30"
RECEIPT = entry("r", "2024-01-01", "2024-01-01", "payment", "primary", "1.00")


def aged(name: str, balance: str, bucket: str, party: str = "patient", **more: object) -> Row:
    """A row of mart_ar_aging."""
    keys = {"patient_key": 101, "location_key": 10, "provider_key": 20, "patient_type": "new", "source_key": -1}
    own = {"claim_line_sk": sk(name), "patient_id": "p1", "balance_amount": balance, "aging_bucket": bucket, "responsible_party": party}
    return {**keys, **own, "service_date": "2025-03-01", "data_basis": "derived", "partition_date": DAY, **more}


def summary(lines: list[Row], date: str = DAY, **given: list[Row]) -> list[Row]:
    return mart(NAME, [date], **{"mart_ar_aging": lines, "fact_payment": [RECEIPT], **given})


def covered(patient: str = "p1", payer: int = PRIVATE, start: str = "2020-01-01", end: str = "9999-12-31") -> Row:
    return {"patient_id": patient, "payer_key": payer, "coverage_start_date": start, "coverage_end_date": end}


def worked_example() -> dict[str, Any]:
    """The patient owes 1,000.00, 400.00 of it over 90 days, is insured and last paid 120 days ago."""
    return {
        "lines": [aged("c1", "600.00", "31-60"), aged("c2", "400.00", "121+")],
        "bridge_patient_coverage": [covered()],
        "fact_claim_line": [line("old", "2025-03-01", "5.00"), line("r", "2024-01-01", "1.00")],
        "fact_payment": [RECEIPT, entry("old", "2025-03-01", "2025-03-02", "payment", "patient", "5.00")],
        "fact_statement": [
            {"statement_id": "s1", "patient_id": "p1", "sent_date": "2025-06-10", "due_date": DAY, "partition_date": "2025-06-10"}
        ],
    }


def test_worked_example():
    [row] = summary(**worked_example())
    assert of(row, "days_since_patient_payment", "is_statement_overdue", "coverage_class") == [120, False, "private"]
    # 30 x 0.5 + 30 x 0.4 + 20
    assert of(row, "priority_score", "aging_risk_band", "over_90_share", "patient_over_90_amount") == [47, "medium", "0.4000", "400.00"]
    # 600 x 0.85 + 400 x 0.25, as no line was open 90 days before
    assert of(row, "expected_collection_amount", "open_amount", "open_31_60_amount", "open_121_plus_amount") == [
        "610.00",
        "1000.00",
        "600.00",
        "400.00",
    ]


def test_parts_of_a_balance_and_the_keys_of_its_largest_line():
    lines = [
        aged("a", "50.00", "0-30", location_key=11),
        aged("b", "-70.00", "credit", location_key=12),
        aged("c", "60.00", "61-90", "primary", location_key=13, service_date="2025-04-15"),
        aged("d", "10.00", "91-120", "secondary", location_key=14),
    ]
    [row] = summary(lines)
    assert of(row, "balance_amount", "open_amount", "credit_amount", "patient_open_amount", "payer_open_amount") == [
        "50.00",
        "120.00",
        "-70.00",
        "50.00",
        "70.00",
    ]
    assert of(row, "location_key", "oldest_open_date", "over_90_share", "patient_over_90_amount") == [12, "2025-03-01", "0.0833", "0.00"]
    assert of(row, "coverage_class", "days_since_patient_payment", "is_statement_overdue") == ["none", None, None]
    # 50 x 0.015 + 20 (never paid) + 10 (no coverage) = 30.75
    assert of(row, "priority_score", "aging_risk_band") == [31, "low"]


def test_who_owes_nothing_has_no_score():
    [row] = summary([aged("a", "50.00", "121+", "primary")])
    assert of(row, "priority_score", "aging_risk_band") == [0, "no_patient_balance"]


@pytest.mark.parametrize(("old", "band"), [("24.99", "low"), ("25.00", "medium"), ("49.99", "medium"), ("50.00", "high")])
def test_bands(old: str, band: str):
    rest = str(100 - float(old))
    [row] = summary([aged("a", old, "91-120"), aged("b", rest, "0-30")])
    assert row["aging_risk_band"] == band


def test_the_score_is_at_most_a_hundred():
    late = {"statement_id": "s1", "patient_id": "p1", "sent_date": "2025-05-01", "due_date": "2025-06-29", "partition_date": "2025-05-01"}
    [row] = summary([aged("a", "5000.00", "121+")], fact_statement=[late])
    assert of(row, "priority_score", "is_statement_overdue", "aging_risk_band") == [100, True, "high"]


def test_only_the_latest_statement_up_to_the_day_says_whether_it_is_overdue():
    sent = [("s1", "2025-05-01", "2025-05-20"), ("s2", "2025-06-20", "2025-07-10"), ("s3", "2025-07-01", "2025-06-01")]
    statements = [
        {"statement_id": name, "patient_id": "p1", "sent_date": day, "due_date": due, "partition_date": day} for name, day, due in sent
    ]
    [row] = summary([aged("a", "50.00", "0-30")], fact_statement=statements)
    assert row["is_statement_overdue"] is False


def test_coverage_is_that_of_the_day():
    spans = [covered(payer=PRIVATE, end=DAY), covered(payer=GOVERNMENT, start=DAY, end="2025-07-01"), covered(start="2025-07-01")]
    [row] = summary([aged("a", "50.00", "0-30")], bridge_patient_coverage=spans)
    assert row["coverage_class"] == "government"


def test_a_payment_taken_back_is_no_last_payment():
    paid = [
        RECEIPT,
        entry("c", "2025-05-01", "2025-05-01", "payment", "patient", "5.00"),
        entry("c", "2025-05-01", "2025-06-20", "payment", "patient", "6.00", reversed_date="2025-06-25"),
        entry("c", "2025-05-01", "2025-06-26", "payment", "primary", "6.00"),
    ]
    [row] = summary([aged("a", "50.00", "0-30")], fact_payment=paid, fact_claim_line=[line("c", "2025-05-01", "11.00")])
    assert row["days_since_patient_payment"] == 60


def test_what_comes_in_is_learnt_from_twenty_lines():
    """20 lines of 10.00 were open and 20 days old on 1 April; 12 are paid in full by 30 June, one more is overpaid, one taken back."""
    lines = [line(f"x{n}", "2025-03-12", "10.00") for n in range(20)]
    paid = [entry(f"x{n}", "2025-03-12", "2025-06-01", "payment", "patient", "10.00") for n in range(12)]
    paid.append(entry("x12", "2025-03-12", "2025-06-01", "payment", "primary", "90.00"))
    paid.append(entry("x13", "2025-03-12", "2025-06-01", "payment", "primary", "10.00", reversed_date="2025-06-02"))
    paid.append(entry("x14", "2025-03-12", "2025-07-01", "payment", "primary", "10.00"))
    worklist = [aged("a", "100.00", "0-30"), aged("b", "100.00", "31-60")]
    [row] = summary(worklist, fact_claim_line=lines, fact_payment=[RECEIPT, *paid])
    # 100 x 130 / 200, and 100 x 0.85 of the next group, of which nothing was open then
    assert str(row["expected_collection_amount"]) == "150.00"
    [row] = summary(worklist, fact_claim_line=lines[1:], fact_payment=[RECEIPT, *paid])
    assert str(row["expected_collection_amount"]) == "180.00"


def test_without_receipts_only_credits_are_known():
    [row] = summary([aged("a", "-59.98", "credit")], fact_payment=[])
    assert of(row, "balance_amount", "credit_amount", "data_basis") == ["-59.98", "-59.98", "derived"]
    unknown = ("open_amount", "patient_open_amount", "open_0_30_amount", "over_90_share", "aging_risk_band", "priority_score")
    assert of(row, *unknown, "expected_collection_amount", "is_statement_overdue") == [None] * 8


CHANGES = [
    ("mart_equals_fact", {"balance_amount": "1001.00"}, ["p1"]),
    ("mart_equals_fact", {"patient_id": "p2"}, ["p1", "p2"]),
    ("detail_rebuilds_summary", {"open_amount": "1001.00"}, ["all"]),
    ("mart_identity_open", {"open_0_30_amount": "1.00"}, ["p1"]),
    ("mart_identity_open", {"payer_open_amount": "1.00"}, ["p1"]),
    ("mart_identity_score", {"expected_collection_amount": "1000.01"}, ["p1"]),
    ("mart_identity_over_90", {"over_90_share": "0.4001"}, ["p1"]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    given = worked_example()
    [row] = summary(**given)
    total = {"partition_date": DAY, "breakdown": "total", "aging_bucket": "all", "open_amount": "1000.00"}
    neighbours = {"mart_ar_aging": given["lines"], "mart_ar_aging_summary": [total]}
    assert offenders(NAME, check, [row], neighbours) == []
    assert offenders(NAME, check, [{**row, **changes}], neighbours) == keys
