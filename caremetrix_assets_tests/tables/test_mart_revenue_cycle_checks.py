"""The checks in the contract of mart_revenue_cycle: a built partition passes, one changed amount does not."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.test_mart_revenue_cycle import mart, worked_example

CHECKS = ["mart_equals_fact", "mart_identity_charge_settled", "mart_identity_charge_of_lines", "mart_identity_gap_not_negative"] + [
    "mart_identity_open_is_overpaid",
    "mart_identity_own_breakdowns",
]
FACTS = ("fact_appointment", "fact_transaction", "fact_claim_line")


def neighbours() -> dict[str, list[Row]]:
    given = {name: rows for name, rows in worked_example().items() if name in FACTS}
    lines = [{**row, "service_date": "2025-03-10", "charge_amount": "100.00"} for row in given["fact_claim_line"]]
    return {**given, "fact_claim_line": lines}


def found(check: str, breakdown: str = "total", **changes: object) -> list[str] | str:
    """What the check finds when the day's row of the breakdown is changed."""
    rows = mart(["2025-03-10"], **worked_example())
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("day", breakdown) else r for r in rows]
    return offenders("mart_revenue_cycle", check, changed, neighbours())


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"primary_paid_amount": "61.00"},
        {"adjustment_amount": "-1.00"},
        {"open_amount": "1.00"},
        {"encounters": 2},
        {"encounter_total_amount": "131.00"},
        {"payer_coverage_amount": "61.00"},
    ],
)
def test_mart_equals_fact(changes: Row):
    assert found("mart_equals_fact", **changes) == ["day"]


def test_identities():
    assert found("mart_identity_charge_settled", "payer", charge_amount="101.00") == ["day|payer"]
    assert found("mart_identity_charge_of_lines", charge_amount="101.00") == ["day"]
    assert found("mart_identity_gap_not_negative", "location", encounter_gap_amount="-0.01") == ["day|location"]
    assert found("mart_identity_open_is_overpaid", "location", open_amount="1.00") == ["day|location"]
    assert found("mart_identity_open_is_overpaid", "location", open_amount="-5.00") == ["day|location"]
    assert found("mart_identity_open_is_overpaid", "location", open_amount="-5.00", overpaid_amount="5.00") == []
    assert found("mart_identity_own_breakdowns", "claim_type", encounter_total_amount="131.00") == ["day|claim_type"]


@pytest.mark.parametrize("check", [c for c in CHECKS if c not in ("mart_equals_fact", "mart_identity_own_breakdowns")])
def test_without_a_ledger_its_identities_do_not_apply(check: str):
    rows = mart(["2025-03-10"], fact_appointment=worked_example()["fact_appointment"])
    assert offenders("mart_revenue_cycle", check, rows) == "no ledger in any drop so far"
