"""The checks in the contract of fact_payment: every counting entry once, equal money, signs, the simulator's flag."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

SOURCES: dict[str, list[Row]] = {
    "raw_claims": [
        {"id": "c1", "servicedate": "2025-01-31 10:00:00", "appointmentid": "e1"},
        {"id": "c2", "servicedate": "2025-02-01 10:00:00", "appointmentid": "e1"},
    ],
    "raw_encounters": [{"id": "e1", "organization": "o1"}],
    "dim_location": [{"location_id": "o1", "feed_start_date": "2025-02-01"}],
    "raw_claims_transactions": [
        {"claimid": "c1", "line_ordinal": 1, "type": "CHARGE", "amount": "30", "fromdate": "2025-01-31 10:00:00"},
        {"claimid": "c1", "line_ordinal": 2, "type": "PAYMENT", "payments": "20", "fromdate": "2025-01-31 10:00:00"},
        {"claimid": "c1", "line_ordinal": 3, "type": "ADJUSTMENT", "adjustments": "10", "fromdate": "2025-01-31 10:00:00"},
        {"claimid": "c2", "line_ordinal": 2, "type": "PAYMENT", "payments": "7", "fromdate": "2025-02-01 10:00:00"},
    ],
    "raw_receipts": [
        {"receipt_id": "r1", "claim_id": "c1", "amount": "9", "posted_date": "2025-02-05", "is_simulated": True},
        {"receipt_id": "r2", "claim_id": "c2", "amount": "80", "posted_date": "2025-02-05", "is_simulated": True},
        {"receipt_id": "r3", "claim_id": "c2", "amount": "1", "posted_date": "2027-01-01", "is_simulated": True},
    ],
}


def entry(name: str, day: str, payment: str = "0", adjustment: str = "0", kind: str = "payment", **more: object) -> Row:
    source = "receipt" if name.startswith("r") else "ledger"
    base = {"entry_source": source, "receipt_id": name, "posted_date": day, "partition_date": day, "entry_type": kind}
    return {**base, "payment_amount": payment, "adjustment_amount": adjustment, "is_simulated": source == "receipt", **more}


CLEAN = [
    entry("c1:2", "2025-01-31", "20"),
    entry("c1:3", "2025-01-31", adjustment="-10", kind="contractual"),
    entry("r2", "2025-02-05", "80"),
]


@pytest.mark.parametrize("check", ["rows_out_equals_rows_in", "money_equals_source", "simulated_flag_true", "signs_fit_entry_type"])
def test_clean_rows_pass(check: str):
    assert offenders("fact_payment", check, CLEAN, SOURCES) == []


def test_missing_doubled_and_foreign_entries():
    check = "rows_out_equals_rows_in"
    assert offenders("fact_payment", check, CLEAN[:2], SOURCES) == ["r2"]
    assert offenders("fact_payment", check, CLEAN[1:], SOURCES) == ["c1:2"]
    assert offenders("fact_payment", check, [*CLEAN, CLEAN[0]], SOURCES) == ["c1:2"]
    foreign = [entry("r1", "2025-02-05", "9"), entry("c2:2", "2025-02-01", "7"), entry("r3", "2026-12-31", "1")]
    assert offenders("fact_payment", check, [*CLEAN, *foreign], SOURCES) == ["c2:2", "r1", "r3"]


def test_money_is_compared_by_day():
    moved = [CLEAN[0], CLEAN[1], entry("r2", "2025-02-05", "80.01")]
    assert offenders("fact_payment", "money_equals_source", moved, SOURCES) == ["2025-02-05"]
    assert offenders("fact_payment", "money_equals_source", CLEAN[:2], SOURCES) == ["2025-02-05"]


def test_the_simulators_flag():
    wrong = {**CLEAN[2], "is_simulated": False}
    assert offenders("fact_payment", "simulated_flag_true", [*CLEAN[:2], wrong], SOURCES) == ["r2"]


@pytest.mark.parametrize(
    ("kind", "payment", "adjustment"),
    [("payment", "-1", "0"), ("refund", "1", "0"), ("takeback", "0.01", "0"), ("courtesy", "1", "0"), ("payment", "1", "-1")],
)
def test_signs(kind: str, payment: str, adjustment: str):
    assert offenders("fact_payment", "signs_fit_entry_type", [entry("r2", "2025-02-05", payment, adjustment, kind)]) == ["r2"]
