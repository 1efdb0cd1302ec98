"""mart_insurance_performance_denials on literal denials: shares of the reasons, which can be turned round, what came back."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import PRIVATE, entry, event, line, mart, of
from caremetrix_assets_tests.tables.test_mart_insurance_performance import DAY, claim, year

DENIALS = "mart_insurance_performance_denials"


def denials(claims: list[Row], events: list[Row], dates: list[str] | None = None, **given: list[Row]) -> list[Row]:
    return mart(DENIALS, dates or [DAY], fact_claim=claims, fact_claim_event=events, **given)


def denial_example() -> tuple[list[Row], list[Row], list[Row]]:
    """A: denied CO-16 over 100.00, then adjudicated, 80.00 paid. B: denied CO-50 over 300.00."""
    a = [
        event("a", 1, "submitted", "2025-03-01"),
        event("a", 2, "denied", "2025-03-05", reason_code="CO-16", billed_amount="100.00"),
        event("a", 3, "resubmitted", "2025-03-08"),
        event("a", 4, "adjudicated", "2025-03-20", allowed_amount="80.00", paid_amount="80.00"),
    ]
    b = [event("b", 1, "denied", "2025-03-06", reason_code="CO-50", billed_amount="300.00")]
    return [claim("a"), claim("b")], [*a, *b], [entry("a", "2025-03-01", "2025-03-22", "payment", "primary", "80.00")]


COLUMNS = ("denials", "denial_share", "denied_amount", "latest_denials", "overturned_denials", "overturn_rate", "recovered_amount")


def test_worked_example_of_denials():
    claims, events, paid = denial_example()
    rows = denials(claims, events, fact_payment=paid)
    assert of(year(rows, denial_reason_code="CO-16"), *COLUMNS) == [1, "0.5000", "100.00", 1, 1, "1.0000", "80.00"]
    assert of(year(rows, denial_reason_code="CO-50"), *COLUMNS) == [1, "0.5000", "300.00", 1, 0, "0.0000", "0.00"]
    assert year(rows, "payer", payer_key=PRIVATE, denial_reason_code="CO-50")["frame_denials"] == 2
    # no denial on the day itself, and no row for it
    assert {r["period_grain"] for r in rows} == {"month", "rolling_30d", "rolling_90d", "rolling_12m"}


def test_of_two_denials_of_a_claim_the_last_one_is_turned_round():
    """Denied on 5 and 12 March without a stated reason or amount; 30.00 paid between, 40.00 after, 50.00 taken back."""
    events = [
        event("a", 1, "denied", "2025-03-05"),
        event("a", 2, "resubmitted", "2025-03-06"),
        event("a", 3, "denied", "2025-03-12", reason_code="CO-18"),
        event("a", 4, "adjudicated", "2025-03-20", allowed_amount="40.00", paid_amount="40.00"),
    ]
    paid = [
        entry("a", "2025-03-01", "2025-03-10", "payment", "primary", "30.00"),
        entry("a", "2025-03-01", "2025-03-22", "payment", "primary", "40.00"),
        entry("a", "2025-03-01", "2025-03-22", "payment", "patient", "9.00"),
        entry("a", "2025-03-01", "2025-03-30", "takeback", "primary", "-50.00"),
    ]
    lines = [line("a", "2025-03-01", "70.00"), line("a:2", "2025-03-10", "20.00")]
    rows = denials([claim("a")], events, ["2025-03-10", "2025-03-25", "2025-03-31"], fact_payment=paid, fact_claim_line=lines)
    month = {
        (r["partition_date"].day, r["denial_reason_code"]): of(r, *COLUMNS)
        for r in rows
        if r["breakdown"] == "total" and r["period_grain"] == "month"
    }
    assert month == {
        (10, "not_stated"): [1, "1.0000", "70.00", 1, 0, "0.0000", "30.00"],
        (25, "not_stated"): [1, "0.5000", "70.00", 0, 0, None, "0.00"],
        (25, "CO-18"): [1, "0.5000", "90.00", 1, 1, "1.0000", "40.00"],
        (31, "not_stated"): [1, "0.5000", "70.00", 0, 0, None, "0.00"],
        (31, "CO-18"): [1, "0.5000", "90.00", 1, 1, "1.0000", "0.00"],
    }


def test_without_events_there_are_no_denials():
    assert denials([claim("a")], []) == []


CHANGES = [
    ("mart_equals_fact", {"denials": 2}, ["rolling_12m"]),
    ("mart_equals_fact", {"latest_denials": 0}, ["rolling_12m"]),
    ("mart_identity_subsets", {"overturned_denials": 2}, ["rolling_12m|total|CO-16"]),
    ("mart_identity_shares", {"denial_share": "0.6000"}, ["rolling_12m|total|-3|-3|-3"]),
    ("mart_identity_own_breakdowns", {"denied_amount": "101.00"}, ["rolling_12m|CO-16"]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_of_the_denials(check: str, changes: Row, keys: list[str]):
    claims, events, paid = denial_example()
    rows = denials(claims, events, fact_payment=paid)
    assert offenders(DENIALS, check, rows, {"fact_claim_event": events}) == []
    wanted = ("rolling_12m", "total", "CO-16")
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"], r["denial_reason_code"]) == wanted else r for r in rows]
    assert offenders(DENIALS, check, changed, {"fact_claim_event": events}) == keys
    assert offenders(DENIALS, check, rows) == "no claim event in any drop so far"
