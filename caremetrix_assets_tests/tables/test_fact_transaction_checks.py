"""The check in the contract of fact_transaction: claims end at 0, or below it where copays overpay."""

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders

VISIT = {"encounter_id": "e1", "payer_id": "y1"}


def effects(*amounts: str, claim: str = "c1") -> list[Row]:
    base = {"claim_id": claim, "encounter_id": "e1", "partition_date": "2025-03-01"}
    return [{**base, "line_ordinal": i, "balance_effect_amount": a} for i, a in enumerate(amounts, start=1)]


def found(rows: list[Row], ownership: str | None) -> list[str] | str:
    payer = {"payer_id": "y1", "ownership": ownership, "is_current": True}
    return offenders("fact_transaction", "balance_effect_zero", rows, {"dim_encounter": [VISIT], "dim_payer": [payer]})


def test_claims_that_end_at_zero_pass():
    assert found([*effects("100.00", "-60.00", "-40.00"), *effects("5.00", "-5.00", claim="c2")], "PRIVATE") == []


def test_underpaid_claims_offend_in_every_release():
    rows = [*effects("100.00", "-60.00"), *effects("5.00", "-5.00", claim="c2")]
    assert found(rows, "PRIVATE") == ["c1"]
    assert found(rows, None) == ["c1"]


def test_overpaid_claims_offend_since_release_3_2_only():
    assert found(effects("0.35", "-40.00"), "PRIVATE") == ["c1"]
    assert found(effects("0.35", "-40.00"), None) == []


def test_without_a_ledger_it_does_not_apply():
    assert found([], None) == "no ledger in any drop so far"
