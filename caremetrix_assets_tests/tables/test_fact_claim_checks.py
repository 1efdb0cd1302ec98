"""The checks in the contract of fact_claim on clean rows and planted mistakes."""

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders


def row(claim: str = "c1", **more: object) -> Row:
    zero = dict.fromkeys(
        ("primary_paid_amount", "secondary_paid_amount", "patient_paid_amount", "contractual_amount", "other_adjustment_amount"), "0"
    )
    base = {"claim_id": claim, "partition_date": "2025-03-01", "service_date": "2025-03-01", "billed_amount": "200", "line_count": 1}
    return {**base, **zero, "open_amount": "200", **more}


LINES = {"fact_claim_line": [{"claim_id": "c1", "charge_amount": "150"}, {"claim_id": "c1", "charge_amount": "50"}]}
PAID = {"primary_paid_amount": "80", "patient_paid_amount": "20", "contractual_amount": "-50", "open_amount": "50"}


def test_claim_identity():
    assert offenders("fact_claim", "claim_identity", [row(**PAID), row("c2", billed_amount="0", open_amount="0")], LINES) == []
    assert offenders("fact_claim", "claim_identity", [row(**{**PAID, "open_amount": "150"})], LINES) == ["c1"]
    assert offenders("fact_claim", "claim_identity", [row(billed_amount="199", open_amount="199")], LINES) == ["c1"]
    assert offenders("fact_claim", "claim_identity", [row()]) == "no ledger in any drop so far"


def test_claim_dates_ordered():
    clean = row(submitted_at="2025-03-01 00:00:00", first_adjudicated_at="2025-03-09 00:00:00")
    assert offenders("fact_claim", "claim_dates_ordered", [clean, row("c2")]) == []
    assert offenders("fact_claim", "claim_dates_ordered", [row(submitted_at="2025-02-28 23:59:59")]) == ["c1"]
    swapped = row(submitted_at="2025-03-09 00:00:01", first_adjudicated_at="2025-03-09 00:00:00")
    assert offenders("fact_claim", "claim_dates_ordered", [swapped]) == ["c1"]


def test_claim_closes_at_zero():
    clean = [row(open_amount="0", closed_date="2025-03-04"), row("c2"), row("c3", open_amount="0", line_count=0)]
    assert offenders("fact_claim", "claim_closes_at_zero", clean) == []
    bad = [row(closed_date="2025-03-04"), row("c2", open_amount="0")]
    assert offenders("fact_claim", "claim_closes_at_zero", bad) == ["c1", "c2"]


def test_money_of_a_claim_is_that_of_its_entries():
    def entry(party: str, kind: str = "payment", paid: str = "0", adjusted: str = "0", **more: object) -> Row:
        base = {"claim_id": "c1", "party": party, "entry_type": kind, "payment_amount": paid, "adjustment_amount": adjusted}
        return {**base, "posted_date": "2025-03-05", "service_date": "2025-03-01", **more}

    def found(**amounts: str) -> list[str] | str:
        claims = [row(**{**money, **amounts}), row("c2", refund_amount="0")]
        return offenders("fact_claim", "money_equals_source", claims, {"fact_payment": entries}, newest="2025-03-31")

    entries = [
        entry("primary", paid="80"),
        entry("primary", "takeback", paid="-10"),
        entry("secondary", paid="7"),
        entry("patient", paid="20"),
        entry("patient", paid="30", reversed_date="2025-03-31"),
        entry("patient", paid="4", reversed_date="2025-04-01"),
        entry("primary", "contractual", adjusted="-50"),
        entry("patient", "courtesy", adjusted="-3"),
        entry("patient", paid="99", posted_date="2025-04-01"),
    ]
    money = {"primary_paid_amount": "70", "secondary_paid_amount": "7", "patient_paid_amount": "24", "refund_amount": "-10"}
    money |= {"contractual_amount": "-50", "other_adjustment_amount": "-3"}
    assert found() == []
    for column, amount in money.items():
        assert found(**{column: str(int(amount) + 1)}) == ["c1"], column
