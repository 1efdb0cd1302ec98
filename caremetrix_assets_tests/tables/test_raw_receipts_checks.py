"""The checks in the contract of raw_receipts: lines, originals, signs, overpaid lines, receipts before the feed."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

CHARGES = [{"claimid": "c1", "line_ordinal": n, "type": "CHARGE", "amount": "100"} for n in (1, 3)]
VISITS: dict[str, list[Row]] = {
    "raw_claims": [
        {"id": "c1", "appointmentid": "e1", "servicedate": "2025-01-10 09:00:00"},
        {"id": "c2", "appointmentid": "e1", "servicedate": "2025-01-20 09:00:00"},
        {"id": "c3", "appointmentid": "e2", "servicedate": "2025-01-01 09:00:00"},
    ],
    "raw_encounters": [{"id": "e1", "organization": "o1"}, {"id": "e2", "organization": "o2"}],
}


def receipt(name: str, amount: str = "80", kind: str = "payment", claim: str = "c1", **more: object) -> Row:
    base = {"receipt_id": name, "claim_id": claim, "line_number": 1, "entry_type": kind, "amount": amount, "status": "posted"}
    return {**base, "change_type": "insert", "partition_date": "2025-02-01", "posted_date": "2025-01-25", "drop_id": "d1", **more}


def found(check: str, rows: list[Row], **neighbours: list[Row]) -> list[str] | str:
    given = {"raw_claims_transactions": CHARGES, **VISITS, **neighbours}
    return offenders("raw_receipts", check, rows, given)


@pytest.mark.parametrize("check", ["receipts_refer", "receipts_within_charge", "receipts_before_start"])
def test_without_receipts_they_do_not_apply(check: str):
    assert found(check, []) == "no receipts in any drop so far"


def test_receipts_refer():
    good = [
        receipt("k1"),
        receipt("k2", "-10", "refund", original_receipt_id="k1"),
        receipt("k3", "-1", "takeback", original_receipt_id="k1", line_number=2),
        receipt("k4", "-5", "contractual"),
        receipt("k5", "5", "correction"),
    ]
    assert found("receipts_refer", good) == []
    bad = [
        receipt("b1", line_number=3),
        receipt("b2", "-10", "refund"),
        receipt("b3", "-10", "takeback", original_receipt_id="b9"),
        receipt("b4", "10", "refund", original_receipt_id="k1"),
        receipt("b5", "-80"),
        receipt("b6", "0"),
        receipt("b7", claim="c2"),
        receipt("b8", "-1", "refund", original_receipt_id="k4"),
    ]
    assert found("receipts_refer", [*good, *bad]) == [f"b{n}" for n in range(1, 9)]


def test_without_a_ledger_nothing_is_said_of_lines():
    assert found("receipts_refer", [receipt("k1", line_number=9)], raw_claims_transactions=[]) == []


def test_receipts_within_charge():
    full = [receipt("k1"), receipt("k2", "20"), receipt("k3", "50", status="reversed"), receipt("k4", "9", "correction")]
    assert found("receipts_within_charge", full) == []
    assert found("receipts_within_charge", [*full, receipt("k5", "0.01")]) == ["c1|1"]
    back = receipt("k6", "-0.01", "refund", original_receipt_id="k5")
    assert found("receipts_within_charge", [*full, receipt("k5", "0.01"), back]) == []


def test_receipts_before_start():
    """The earliest event dates the feed of an organization; without events the earliest payment does."""
    rows = [receipt("k1"), receipt("k2", claim="c2"), receipt("k3", claim="c3")]
    events = [{"claim_id": "c2", "event_at": "2025-01-15 08:00:00", "drop_id": "d1"}]
    assert found("receipts_before_start", rows, raw_claim_events=events) == ["k1", "k3"]
    assert found("receipts_before_start", [receipt("k4", posted_date="2025-01-10", kind="payment")]) == []
