"""mart_ar_aging on literal lines, entries and events: balance, bucket, who owes since when, credits, what is dated later."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import GOVERNMENT, PRIVATE, SECOND, SELF_PAY, UNINSURED, entry, event, line, mart, of

PARTY = ("responsible_party", "responsible_payer_key", "responsible_since_date")
FACTS = ("fact_claim_line", "fact_payment", "fact_claim_event")


def aging(dates: list[str], **given: list[Row]) -> list[Row]:
    return mart("mart_ar_aging", dates, **given)


def worked_example() -> dict[str, list[Row]]:
    """200.00 on 1 March: 80 by the insurer, 20 by the patient, 50 written off by 20 March; decided on the 18th."""
    return {
        "fact_claim_line": [line("c1", "2025-03-01", "200.00")],
        "fact_payment": [
            entry("c1", "2025-03-01", "2025-03-20", "payment", "primary", "80.00"),
            entry("c1", "2025-03-01", "2025-03-01", "payment", "patient", "20.00"),
            entry("c1", "2025-03-01", "2025-03-20", "contractual", "primary", "-50.00"),
        ],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "adjudicated", "2025-03-18", allowed_amount="150.00", paid_amount="80.00"),
        ],
    }


def test_worked_example():
    [row] = aging(["2025-04-10"], **worked_example())
    assert of(row, "balance_amount", "days_from_service", "aging_bucket") == ["50.00", 40, "31-60"]
    assert of(row, *PARTY, "days_in_party") == ["patient", SELF_PAY, "2025-03-20", 21]
    assert of(row, "charge_amount", "primary_paid_amount", "secondary_paid_amount", "patient_paid_amount", "adjustment_amount") == [
        "200.00",
        "80.00",
        "0.00",
        "20.00",
        "-50.00",
    ]
    assert of(row, "claim_state", "payer_class", "provider_key", "patient_key", "data_basis") == [
        "partially_paid",
        "private",
        20,
        101,
        "derived",
    ]


def test_what_is_dated_later_is_unknown():
    dates = ["2025-02-28", "2025-03-01", "2025-03-17", "2025-03-19", "2025-03-20"]
    rows = aging(dates, **worked_example())
    assert [str(r["partition_date"]) for r in rows] == dates[1:]
    assert [of(r, "balance_amount", "responsible_party", "claim_state") for r in rows] == [
        ["180.00", "primary", None],
        ["180.00", "primary", "pending"],
        # decided, but its money has not come
        ["180.00", "primary", "partially_paid"],
        ["50.00", "patient", "partially_paid"],
    ]
    assert aging(["2025-03-19"], **worked_example()) == [r for r in rows if str(r["partition_date"]) == "2025-03-19"]


@pytest.mark.parametrize(
    ("age", "bucket"),
    [(0, "0-30"), (30, "0-30"), (31, "31-60"), (60, "31-60"), (61, "61-90"), (90, "61-90"), (91, "91-120"), (120, "91-120"), (121, "121+")],
)
def test_buckets_are_by_days_from_service(age: int, bucket: str):
    from datetime import date, timedelta

    day = date(2025, 1, 1) + timedelta(days=age)
    [row] = aging([day.isoformat()], fact_claim_line=[line("c1", "2025-01-01", "1.00")])
    assert row["aging_bucket"] == bucket


def test_after_the_first_insurer_the_second_owes_then_the_patient():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00", secondary_payer_key=SECOND)],
        "fact_payment": [
            entry("c1", "2025-03-01", "2025-03-10", "payment", "primary", "60.00"),
            entry("c1", "2025-03-01", "2025-03-25", "payment", "secondary", "30.00"),
        ],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "adjudicated", "2025-03-08", allowed_amount="60.00", paid_amount="60.00"),
            event("c1", 3, "submitted", "2025-03-11", payer_rank="secondary"),
            event("c1", 4, "adjudicated", "2025-03-24", payer_rank="secondary", allowed_amount="30.00", paid_amount="30.00"),
            event("c1", 5, "closed", "2025-03-26", payer_rank="secondary"),
        ],
    }
    rows = aging(["2025-03-09", "2025-03-10", "2025-03-24", "2025-03-25", "2025-03-26"], **given)
    assert [of(r, *PARTY) for r in rows] == [
        ["primary", PRIVATE, "2025-03-01"],
        ["secondary", SECOND, "2025-03-10"],
        ["secondary", SECOND, "2025-03-10"],
        ["patient", SELF_PAY, "2025-03-25"],
        ["patient", SELF_PAY, "2025-03-26"],
    ]
    assert [r["claim_state"] for r in rows] == ["paid"] * 5


def test_a_closed_denial_leaves_the_line_to_the_patient():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00")],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "denied", "2025-03-10"),
            event("c1", 3, "closed", "2025-04-02"),
        ],
    }
    rows = aging(["2025-04-01", "2025-04-02"], **given)
    assert [of(r, *PARTY, "claim_state") for r in rows] == [
        ["primary", PRIVATE, "2025-03-01", "denied"],
        ["patient", SELF_PAY, "2025-04-02", "denied"],
    ]


def test_a_claim_submitted_again_is_pending_again_and_closed_without_a_decision_is_void():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00")],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "rejected", "2025-03-03"),
            event("c1", 3, "resubmitted", "2025-03-06"),
            event("c1", 4, "acknowledged", "2025-03-07"),
            event("c1", 5, "closed", "2025-03-08"),
        ],
    }
    rows = aging([f"2025-03-0{d}" for d in range(2, 9)], **given)
    assert [r["claim_state"] for r in rows] == ["pending", "rejected", "rejected", "rejected", "pending", "pending", "void"]


def test_a_denial_overturned_three_weeks_later_is_pending_denied_and_paid_as_days_go_by():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00")],
        "fact_claim_event": [
            event("c1", 1, "submitted", "2025-03-02"),
            event("c1", 2, "denied", "2025-03-10", paid_amount="0.00"),
            event("c1", 3, "adjudicated", "2025-03-31", allowed_amount="100.00", paid_amount="100.00"),
        ],
    }
    rows = aging(["2025-03-09", "2025-03-10", "2025-03-30", "2025-03-31"], **given)
    assert [r["claim_state"] for r in rows] == ["pending", "denied", "denied", "paid"]


def test_uninsured_lines_are_the_patients_from_the_day_of_service():
    [row] = aging(
        ["2025-03-31"],
        fact_claim_line=[line("c1", "2025-03-01", "9.00", primary_payer_key=UNINSURED, is_billed_to_insurance=False)],
    )
    assert of(row, *PARTY, "payer_class", "claim_state") == ["patient", SELF_PAY, "2025-03-01", "none", None]


def test_payments_without_events_settle_an_insurer():
    [row] = aging(
        ["2025-03-31"],
        fact_claim_line=[line("c1", "2025-03-01", "100.00", primary_payer_key=GOVERNMENT)],
        fact_payment=[entry("c1", "2025-03-01", "2025-03-12", "payment", "primary", "70.00")],
    )
    assert of(row, *PARTY, "balance_amount") == ["patient", SELF_PAY, "2025-03-12", "30.00"]


def test_a_reversed_payment_counts_as_long_as_it_stood():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00")],
        "fact_payment": [entry("c1", "2025-03-01", "2025-03-12", "payment", "primary", "70.00", reversed_date="2025-03-20")],
    }
    rows = aging(["2025-03-19", "2025-03-20"], **given)
    assert [of(r, "balance_amount", "primary_paid_amount", "responsible_party") for r in rows] == [
        ["30.00", "70.00", "patient"],
        ["100.00", "0.00", "primary"],
    ]


def test_money_taken_before_the_service_counts_from_the_service():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-10", "100.00")],
        "fact_payment": [entry("c1", "2025-03-10", "2025-03-01", "payment", "patient", "20.00")],
    }
    rows = aging(["2025-03-09", "2025-03-10"], **given)
    assert [of(r, "partition_date", "balance_amount") for r in rows] == [["2025-03-10", "80.00"]]


def test_a_credit_is_owed_to_who_paid_last_since_the_balance_fell_below_zero():
    """100.00: 90 by the insurer, 20 by the patient on 5 March (-10), refund on the 8th (0), 30 again on the 9th (-30)."""
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00")],
        "fact_payment": [
            entry("c1", "2025-03-01", "2025-03-03", "payment", "primary", "90.00"),
            entry("c1", "2025-03-01", "2025-03-05", "payment", "patient", "20.00"),
            entry("c1", "2025-03-01", "2025-03-08", "refund", "patient", "-10.00"),
            entry("c1", "2025-03-01", "2025-03-09", "payment", "primary", "30.00"),
            entry("c1", "2025-03-01", "2025-03-10", "correction", "primary", "-1.00"),
        ],
    }
    rows = aging(["2025-03-07", "2025-03-08", "2025-03-09", "2025-03-12"], **given)
    assert [of(r, "balance_amount", "aging_bucket", *PARTY, "days_in_party") for r in rows] == [
        ["-10.00", "credit", "patient", SELF_PAY, "2025-03-05", 2],
        ["-30.00", "credit", "primary", PRIVATE, "2025-03-09", 0],
        ["-31.00", "credit", "primary", PRIVATE, "2025-03-09", 3],
    ]


def test_without_the_practices_records_only_overpaid_lines_are_left():
    given: dict[str, list[Row]] = {
        "fact_claim_line": [line("c1", "2025-03-01", "0.02"), line("c2", "2025-03-01", "50.00")],
        "fact_payment": [
            entry("c1", "2025-03-01", "2025-03-01", "payment", "patient", "60.00", entry_source="ledger"),
            entry("c2", "2025-03-01", "2025-03-01", "payment", "primary", "50.00", entry_source="ledger"),
        ],
    }
    [row] = aging(["2025-03-31"], **given)
    assert of(row, "balance_amount", "aging_bucket", "responsible_party", "data_basis") == ["-59.98", "credit", "patient", "derived"]


def test_simulated_money_makes_the_row_simulated():
    given = worked_example()
    given["fact_payment"][0]["is_simulated"] = True
    rows = aging(["2025-03-10", "2025-04-10"], **given)
    assert [r["data_basis"] for r in rows] == ["derived", "simulated"]


CHANGES = [
    ("mart_equals_fact", {"balance_amount": "51.00"}, "balance_amount"),
    ("mart_identity_balance", {"patient_paid_amount": "21.00"}, "c1"),
    ("mart_identity_balance", {"balance_amount": "0.00", "adjustment_amount": "-100.00"}, "c1"),
    ("mart_identity_bucket", {"aging_bucket": "61-90"}, "c1"),
    ("mart_identity_bucket", {"aging_bucket": "credit"}, "c1"),
    ("mart_identity_since", {"responsible_since_date": "2025-02-28"}, "c1"),
    ("mart_identity_since", {"days_in_party": 20}, "c1"),
]


@pytest.mark.parametrize(("check", "changes", "key"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, key: str):
    given = worked_example()
    [row] = aging(["2025-04-10"], **given)
    facts = {name: given[name] for name in FACTS}
    assert offenders("mart_ar_aging", check, [row], facts) == []
    assert offenders("mart_ar_aging", check, [{**row, **changes}], facts) == [key if key != "c1" else row["claim_line_sk"]]
