"""mart_patient_refunds on literal refunds and credits: why, since when, which payment went back."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import PRIVATE, SECOND, SELF_PAY, entry, line, mart, of, sk

NAME, SERVED = "mart_patient_refunds", "2025-01-02"
CREDIT = ("refund_type", "credit_since_date", "days_in_credit", "is_overdue")
ORIGINAL = ("match_status", "original_payment_sk", "days_payment_to_refund")


def credit(name: str, balance: str, since: str, day: str, party: str = "patient", **more: object) -> Row:
    """A row of mart_ar_aging in credit."""
    own = {"claim_line_sk": sk(name), "claim_id": name, "balance_amount": balance, "responsible_party": party}
    return {**own, "responsible_since_date": since, "data_basis": "derived", "partition_date": day, **more}


def move(day: str, kind: str, party: str, amount: str, **more: object) -> Row:
    return entry("c1", SERVED, day, kind, party, amount, **more)


def refunds(dates: list[str], entries: list[Row], **given: list[Row]) -> list[Row]:
    lines = given.pop("fact_claim_line", [line("c1", SERVED, "100.00", secondary_payer_key=SECOND)])
    return mart(NAME, dates, fact_claim_line=lines, fact_payment=entries, **given)


def worked_example() -> list[Row]:
    """Charge 100.00: the insurer pays 120.00 on 5 January and gets 20.00 back on 4 February."""
    return [
        move("2025-01-05", "payment", "primary", "120.00", receipt="r1"),
        move("2025-02-04", "refund", "primary", "-20.00", receipt="r2"),
    ]


def test_worked_example_of_a_refund():
    [row] = refunds(["2025-02-28"], worked_example())
    assert of(row, "case_status", "refund_amount", "open_credit_amount", "refund_date") == ["refunded", "20.00", "0.00", "2025-02-04"]
    assert of(row, *CREDIT) == ["overpayment", "2025-01-05", 30, False]
    assert of(row, *ORIGINAL) == ["inferred", sk("r1"), 30]
    assert of(row, "recipient", "payer_key", "provider_key", "payment_sk", "data_basis") == ["primary", PRIVATE, 20, sk("r2"), "derived"]


def test_worked_example_of_an_open_credit():
    aging = [credit("c1", "-59.98", "2025-01-02", "2025-03-31")]
    [row] = refunds(["2025-03-31"], [], mart_ar_aging=aging)
    assert of(row, "case_status", "open_credit_amount", "refund_amount", "recipient", "payer_key") == [
        "open_credit",
        "59.98",
        "0.00",
        "patient",
        SELF_PAY,
    ]
    assert of(row, *CREDIT) == ["overpayment", "2025-01-02", 88, True]
    assert of(row, *ORIGINAL, "refund_date", "payment_sk") == [None] * 5


def test_a_case_keeps_its_name_from_day_to_day():
    rows = refunds(["2025-02-04", "2025-02-05"], worked_example())
    assert len({r["refund_case_id"] for r in rows}) == 1
    assert refunds(["2025-02-03"], worked_example()) == []


def test_twelve_months_of_refunds():
    rows = refunds(["2026-02-03", "2026-02-04"], worked_example())
    assert [str(r["partition_date"]) for r in rows] == ["2026-02-03"]


@pytest.mark.parametrize(("second", "reason"), [("2025-01-12", "duplicate_payment"), ("2025-01-13", "overpayment")])
def test_the_same_amount_twice_within_a_week_is_a_duplicate(second: str, reason: str):
    entries = [
        move("2025-01-05", "payment", "patient", "100.00", receipt="r1"),
        move(second, "payment", "patient", "100.00", receipt="r2"),
        move("2025-01-20", "refund", "patient", "-100.00", receipt="r3"),
    ]
    [row] = refunds(["2025-01-31"], entries)
    assert of(row, "refund_type", "original_payment_sk") == [reason, sk("r2")]


def test_what_comes_later_or_from_others_is_no_duplicate():
    paid = move("2025-01-05", "payment", "patient", "60.00", receipt="r1")
    back = move("2025-01-20", "refund", "patient", "-10.00", receipt="r3")
    for other in (
        move("2025-01-06", "payment", "primary", "60.00"),
        move("2025-01-06", "payment", "patient", "60.01"),
        move("2025-01-06", "payment", "patient", "60.00", reversed_date="2025-01-08", receipt="x"),
    ):
        [row] = refunds(["2025-01-31"], [paid, other, back])
        assert row["refund_type"] != "duplicate_payment"
    # the second one comes after the refund
    late = [move("2025-01-19", "payment", "patient", "60.00", receipt="a"), move("2025-01-21", "payment", "patient", "60.00", receipt="b")]
    [row] = refunds(["2025-01-31"], [*late, back])
    assert of(row, "refund_type", "credit_since_date", "is_overdue") == ["other", None, False]


def test_a_takeback_is_the_insurers():
    entries = [move("2025-01-05", "payment", "secondary", "30.00", receipt="r1"), move("2025-01-20", "takeback", "secondary", "-30.00")]
    [row] = refunds(["2025-01-31"], entries)
    assert of(row, "refund_type", "recipient", "payer_key", "credit_since_date", "days_in_credit") == [
        "payer_takeback",
        "secondary",
        SECOND,
        None,
        None,
    ]


def test_since_when_a_refunded_line_was_in_credit():
    """Overpaid on 5 January, owed again on the 10th, overpaid on the 12th; 5.00 of 20.00 go back on the 12th, the rest on the 20th."""
    entries = [
        move("2025-01-05", "payment", "patient", "120.00", receipt="r1"),
        move("2025-01-10", "correction", "patient", "30.00"),
        move("2025-01-12", "payment", "primary", "30.00", receipt="r2"),
        move("2025-01-12", "refund", "patient", "-5.00", receipt="r3"),
        move("2025-01-20", "refund", "patient", "-15.00", receipt="r4"),
    ]
    rows = {r["payment_sk"]: of(r, *CREDIT) for r in refunds(["2025-01-31"], entries)}
    assert rows == {
        sk("r3"): ["overpayment", "2025-01-12", 0, False],
        sk("r4"): ["overpayment", "2025-01-12", 8, False],
    }


def test_the_payment_behind_a_refund():
    entries = [
        move("2025-01-03", "payment", "patient", "50.00", receipt="r1"),
        move("2025-01-04", "payment", "patient", "20.00", receipt="r2"),
        move("2025-01-05", "payment", "primary", "90.00", receipt="r3"),
        move("2025-01-20", "refund", "patient", "-30.00", receipt="r4", original_receipt_id="r2"),
        move("2025-01-21", "refund", "patient", "-30.00", receipt="r5"),
        move("2025-01-22", "refund", "patient", "-60.00", receipt="r6", original_receipt_id="gone"),
    ]
    rows = {r["payment_sk"]: of(r, *ORIGINAL) for r in refunds(["2025-01-31"], entries)}
    assert rows == {
        sk("r4"): ["stated", sk("r2"), 16],
        # the newest one of the party that is large enough
        sk("r5"): ["inferred", sk("r1"), 18],
        sk("r6"): ["unmatched", None, None],
    }


def test_a_reversed_refund_is_no_case_from_then_on():
    entries = [worked_example()[0], move("2025-02-04", "refund", "primary", "-20.00", reversed_date="2025-02-10")]
    rows = refunds(["2025-02-09", "2025-02-10"], entries, mart_ar_aging=[credit("c1", "-20.00", "2025-02-10", "2025-02-10", "primary")])
    assert [of(r, "partition_date", "case_status") for r in rows] == [["2025-02-09", "refunded"], ["2025-02-10", "open_credit"]]


def test_overdue_is_more_than_sixty_days():
    rows = refunds(
        ["2025-03-03", "2025-03-04"],
        [],
        mart_ar_aging=[credit("c1", "-1.00", "2025-01-02", day) for day in ("2025-03-03", "2025-03-04")],
    )
    assert [of(r, "days_in_credit", "is_overdue") for r in rows] == [[60, False], [61, True]]


CHANGES = [
    ("mart_equals_fact", {"refund_amount": "21.00"}, ["refund_amount"]),
    ("mart_equals_fact", {"case_status": "open_credit"}, ["refund_amount"]),
    ("mart_identity_open_credit", {"open_credit_amount": "1.00"}, ["open_credit_amount"]),
    ("mart_identity_within_original", {"match_status": "stated", "refund_amount": "120.01"}, [sk("r1")]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    rows = refunds(["2025-02-28"], worked_example())
    neighbours = {"fact_payment": worked_example()}
    assert offenders(NAME, check, rows, neighbours) == []
    assert offenders(NAME, check, [{**rows[0], **changes}], neighbours) == keys
