"""mart_patient_refunds_summary on literal cases and payments: rates, breakdowns, what stands on the day, credits of every period."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import entry, line, mart, of, pick, sk

NAME, DAY = "mart_patient_refunds_summary", "2025-03-31"
REFUNDS = ("refunds", "refund_amount", "payments", "gross_collection_amount", "refund_count_rate", "refund_amount_rate")
KEYS = {"location_key": 10, "provider_key": 20, "patient_type": "established", "source_key": -1}


def case(name: str, refund: str = "0.00", credit: str = "0.00", **more: object) -> Row:
    """A row of mart_patient_refunds: a refund, or a credit when it has one."""
    status = "refunded" if credit == "0.00" else "open_credit"
    own = {"refund_case_id": sk(name), "case_status": status, "refund_amount": refund, "open_credit_amount": credit}
    kind = {"refund_type": "overpayment", "recipient": "patient", "is_overdue": False, "data_basis": "derived", "partition_date": DAY}
    match = {"refund_date": "2025-03-20", "match_status": "stated", "days_payment_to_refund": 10} if status == "refunded" else {}
    return {**own, **KEYS, **kind, **match, **more}


def summary(cases: list[Row], entries: list[Row], dates: list[str] | None = None) -> list[Row]:
    return mart(
        NAME, dates or [DAY], mart_patient_refunds=cases, fact_payment=entries, fact_claim_line=[line("c1", "2025-03-01", "2000.00")]
    )


def payment(day: str, amount: str, party: str = "patient", **more: object) -> Row:
    return entry("c1", "2025-03-01", day, "payment", party, amount, **more)


def worked_example() -> tuple[list[Row], list[Row]]:
    """Ten payments of 1,000.00 in all and one refund of 20.00."""
    return [case("a", "20.00")], [payment("2025-03-05", "100.00", receipt=f"r{n}") for n in range(10)]


def test_worked_example():
    total = pick(summary(*worked_example()), period_grain="month", breakdown="total")
    assert of(total, *REFUNDS) == [1, "20.00", 10, "1000.00", "0.1000", "0.0200"]
    assert of(total, "days_payment_to_refund_p50", "open_credits", "open_credit_amount", "data_basis") == [10.0, 0, "0.00", "derived"]


def test_breakdowns_and_what_they_are_set_against():
    cases = [case("a", "20.00"), case("b", "5.00", refund_type="payer_takeback", recipient="primary")]
    entries = [payment("2025-03-05", "100.00"), payment("2025-03-06", "50.00", "primary"), payment("2025-03-07", "50.00", "secondary")]
    rows = [r for r in summary(cases, entries) if r["period_grain"] == "month"]
    assert of(pick(rows, breakdown="refund_type", refund_type="payer_takeback"), *REFUNDS) == [1, "5.00", 3, "200.00", "0.3333", "0.0250"]
    assert of(pick(rows, breakdown="recipient", recipient="primary"), *REFUNDS) == [1, "5.00", 1, "50.00", "1.0000", "0.1000"]
    assert of(pick(rows, breakdown="recipient", recipient="secondary"), *REFUNDS) == [0, "0.00", 1, "50.00", "0.0000", "0.0000"]
    assert of(pick(rows, breakdown="detail"), *REFUNDS) == [2, "25.00", None, None, None, None]
    assert of(pick(rows, breakdown="provider"), *REFUNDS) == [2, "25.00", 3, "200.00", "0.6667", "0.1250"]
    assert {r["refund_type"] for r in rows if r["breakdown"] == "refund_type"} == {"overpayment", "payer_takeback"}


def test_credits_are_those_of_the_day_in_every_period():
    rows = summary([case("a", credit="30.00"), case("b", credit="12.00", is_overdue=True)], [payment("2025-01-05", "1.00")])
    totals = {
        r["period_grain"]: of(r, "open_credits", "open_credit_amount", "overdue_credit_amount") for r in rows if r["breakdown"] == "total"
    }
    assert totals == dict.fromkeys(("day", "month", "rolling_30d", "rolling_90d", "rolling_12m"), [2, "42.00", "12.00"])


def test_a_payment_that_was_taken_back_is_none():
    entries = [payment("2025-03-05", "100.00"), payment("2025-03-06", "70.00", reversed_date="2025-03-20")]
    rows = summary([], entries, ["2025-03-19", DAY])
    counted = {
        r["partition_date"].day: of(r, "payments", "gross_collection_amount")
        for r in rows
        if (r["period_grain"], r["breakdown"]) == ("month", "total")
    }
    assert counted == {19: [2, "170.00"], 31: [1, "100.00"]}


def test_the_median_takes_refunds_whose_payment_is_known():
    days = (4, 8, 30, 40)
    cases = [case(str(d), "1.00", days_payment_to_refund=d) for d in days]
    cases += [case(f"x{n}", "1.00", days_payment_to_refund=None, match_status="unmatched") for n in range(9)]
    total = pick(summary(cases, [payment("2025-03-05", "100.00")]), period_grain="month", breakdown="total")
    assert of(total, "refunds", "days_payment_to_refund_p50") == [13, 8.0]


def test_refunds_belong_to_the_period_of_their_day():
    rows = summary([case("a", "20.00", refund_date="2025-02-28")], [payment("2025-03-05", "100.00")])
    found = {r["period_grain"]: r["refunds"] for r in rows if r["breakdown"] == "total"}
    assert found == {"day": 0, "month": 0, "rolling_30d": 0, "rolling_90d": 1, "rolling_12m": 1}


def test_without_receipts_only_payments_and_credits_are_known():
    rows = summary([case("a", credit="59.98")], [payment("2025-03-05", "60.00", entry_source="ledger")])
    total = pick(rows, period_grain="month", breakdown="total")
    assert of(total, *REFUNDS, "open_credit_amount") == [None, None, 1, "60.00", None, None, "59.98"]
    assert total["data_basis"] == "derived"


def test_before_the_first_charge_nothing_is_known():
    rows = mart(NAME, [DAY])
    assert [of(r, "payments", "open_credits", "open_credit_amount", "data_basis") for r in rows] == [
        [None, None, None, "not_available"]
    ] * 5


CHANGES = [
    ("mart_equals_fact", {"payments": 11}, ["month"]),
    ("detail_rebuilds_summary", {"refund_amount": "21.00"}, ["month|total"]),
    ("detail_rebuilds_summary", {"open_credit_amount": "1.00"}, ["month|total"]),
    ("mart_identity_refunds_of_performance", {"refund_amount": "21.00"}, ["month"]),
    ("mart_identity_credit_of_every_period", {"open_credit_amount": "1.00"}, ["open_credit_amount"]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    cases, entries = worked_example()
    rows = summary(cases, entries)
    total = {"partition_date": DAY, "period_grain": "month", "breakdown": "total", "refund_amount": "-20.00"}
    neighbours = {"mart_patient_refunds": cases, "fact_payment": entries, "mart_financial_performance": [total]}
    assert offenders(NAME, check, rows, neighbours) == []
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("month", "total") else r for r in rows]
    assert offenders(NAME, check, changed, neighbours) == keys


def test_a_reversal_of_an_earlier_periods_refund_is_no_difference():
    """20.00 given back in February are reversed in March: March's performance has +20.00, and no refund is March's."""
    rows = summary([], [payment("2025-03-05", "100.00")])
    reversed_refund = entry("c1", "2025-01-01", "2025-02-10", "refund", "patient", "-20.00", reversed_date="2025-03-10")
    performance = {"partition_date": DAY, "period_grain": "month", "breakdown": "total", "refund_amount": "20.00"}
    neighbours = {"fact_payment": [reversed_refund], "mart_financial_performance": [performance]}
    assert offenders(NAME, "mart_identity_refunds_of_performance", rows, neighbours) == []
