"""fact_statement on literal statements and payments: what the patient paid within 30 days, and where the patient belongs."""

import hashlib
from datetime import date
from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build


def statement(name: str = "n1", amount: str = "100.00", sent: str = "2025-03-01", **more: object) -> Row:
    base = {"statement_id": name, "patient_id": "p1", "sent_date": sent, "due_date": "2025-03-22", "amount_due": amount}
    return {**base, "channel": "letter", "statement_type": "first", **more}


def entry(amount: str, day: str, party: str = "patient", patient: str = "p1", **more: object) -> Row:
    return {"patient_id": patient, "party": party, "posted_date": day, "payment_amount": amount, **more}


def statements(*rows: Row, newest: str = "2025-12-31", **given: list[Row]) -> list[Row]:
    return build("fact_statement", given={"raw_statements": list(rows), **given}, dates=[newest])


def paid(*entries: Row, newest: str = "2025-12-31") -> tuple[object, object]:
    (row,) = statements(statement(), newest=newest, fact_payment=list(entries))
    return row["paid_within_30d_amount"], row["is_paid_in_full_30d"]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], (0, False)),
        ([entry("40.00", "2025-03-01"), entry("60.00", "2025-03-31")], (100, True)),
        ([entry("40.00", "2025-02-28"), entry("60.00", "2025-04-01")], (0, False)),
        ([entry("99.99", "2025-03-10")], (Decimal("99.99"), False)),
        ([entry("150.00", "2025-03-10")], (100, True)),
        ([entry("50.00", "2025-03-10", "primary"), entry("50.00", "2025-03-10", patient="p2")], (0, False)),
        ([entry("100.00", "2025-03-10"), entry("-30.00", "2025-03-20")], (70, False)),
        ([entry("-30.00", "2025-03-20")], (0, False)),
    ],
)
def test_what_the_patient_paid_within_30_days(entries: list[Row], expected: tuple[object, object]):
    assert paid(*entries) == expected


def test_a_reversed_payment_is_taken_back_on_its_day():
    assert paid(entry("100.00", "2025-03-10", reversed_date="2025-03-31")) == (0, False)
    assert paid(entry("100.00", "2025-03-10", reversed_date="2025-04-01")) == (100, True)
    assert paid(entry("100.00", "2025-03-10", reversed_date="2025-03-12"), newest="2025-03-11") == (100, True)


def test_only_entries_up_to_the_newest_day_count():
    assert paid(entry("40.00", "2025-03-10"), entry("60.00", "2025-03-20"), newest="2025-03-19") == (40, False)


def test_a_statement_of_nothing_is_paid():
    (row,) = statements(statement(amount="0.00"))
    assert (row["paid_within_30d_amount"], row["is_paid_in_full_30d"]) == (0, True)


def test_the_place_is_that_of_the_latest_visit():
    visits = [
        {"patient_id": "p1", "location_key": 5, "started_at": "2025-02-01 09:00:00", "visit_seq": 1},
        {"patient_id": "p1", "location_key": 6, "started_at": "2025-03-01 09:00:00", "visit_seq": 2},
        {"patient_id": "p1", "location_key": 7, "started_at": "2025-03-02 09:00:00", "visit_seq": 3},
        {"patient_id": "p1", "location_key": 8, "started_at": "2025-03-01 10:00:00"},
    ]
    rows = statements(statement(), statement("n2", sent="2025-01-31"), fact_appointment=visits)
    assert {r["statement_id"]: r["location_key"] for r in rows} == {"n1": 6, "n2": -1}


def test_a_statement_keeps_what_the_file_says():
    (row,) = statements(
        statement(is_simulated=True),
        dim_patient=[{"patient_key": 3, "patient_id": "p1", "valid_from": "1900-01-01", "valid_to": "9999-12-31"}],
    )
    assert (row["statement_sk"], row["patient_key"]) == (hashlib.md5(b"statement|n1").hexdigest(), 3)
    assert (row["amount_due_amount"], row["due_date"], row["channel"], row["statement_type"]) == (100, date(2025, 3, 22), "letter", "first")
    assert (row["date_key"], row["partition_date"], row["is_simulated"]) == (20250301, date(2025, 3, 1), True)
