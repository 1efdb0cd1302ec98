"""fact_claim on literal lines, entries and events: amounts, what is open since when, states and their dates."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
NEWEST = "2025-12-31"


def line(amount: str, day: str = "2025-03-01", claim: str = "c1") -> Row:
    return {"claim_id": claim, "charge_amount": amount, "service_date": day}


def entry(amount: str, day: str, kind: str = "payment", party: str = "patient", served: str = "2025-03-01", **more: object) -> Row:
    money = kind in ("payment", "refund", "takeback")
    base = {"claim_id": "c1", "entry_type": kind, "party": party, "posted_date": day, "service_date": served, "is_reversed": False}
    return {**base, "payment_amount": amount if money else "0", "adjustment_amount": "0" if money else amount, **more}


def event(seq: int, name: str, day: str, rank: str = "primary", **more: object) -> Row:
    return {"claim_id": "c1", "event_seq": seq, "event": name, "event_at": f"{day} 09:00:00", "payer_rank": rank, **more}


def claims(
    lines: list[Row] | None = None, entries: list[Row] | None = None, events: list[Row] | None = None, newest: str = NEWEST
) -> list[Row]:
    given = {
        "raw_claims": [{"id": "c1", "patientid": "p1", "providerid": "d1", "appointmentid": "e1", "servicedate": "2025-03-01 10:00:00"}],
        "fact_claim_line": lines or [],
        "fact_payment": entries or [],
        "fact_claim_event": events or [],
    }
    return build("fact_claim", given=given, dates=[newest], opening="2025-01-01")


def one(
    lines: list[Row], entries: list[Row] | None = None, events: list[Row] | None = None, *, names: str, newest: str = NEWEST
) -> tuple[object, ...]:
    (row,) = claims(lines, entries, events, newest)
    return tuple(row[n] for n in names.split())


MONEY = "billed_amount primary_paid_amount secondary_paid_amount patient_paid_amount contractual_amount other_adjustment_amount"
PAID_PART = [
    entry("20.00", "2025-03-01"),
    entry("80.00", "2025-03-20", party="primary"),
    entry("-50.00", "2025-03-20", "contractual", "primary"),
]


def test_a_claim_that_is_partly_paid():
    """200 charged; patient 20, insurer 80, contractual -50: 50 are open."""
    found = one([line("200.00")], PAID_PART, names=f"{MONEY} open_amount closed_date first_payer_payment_date")
    assert found == (200, 80, 0, 20, -50, 0, 50, None, date(2025, 3, 20))


def test_only_what_is_dated_up_to_the_newest_day_counts():
    found = one([line("200.00")], PAID_PART, names=f"{MONEY} open_amount first_payer_payment_date", newest="2025-03-19")
    assert found == (200, 0, 0, 20, 0, 0, 180, None)
    early = [entry("20.00", "2025-02-27", served="2025-03-20")]
    assert one([line("100.00")], early, names="patient_paid_amount open_amount", newest="2025-03-19") == (0, 100)


def test_an_overpayment_is_refunded():
    """100 charged, the insurer pays 120 on 5 March and gets 20 back on 4 April: open -20 in between, settled on 4 April."""
    entries = [entry("120.00", "2025-03-05", party="primary"), entry("-20.00", "2025-04-04", "refund", "primary")]
    found = one([line("100.00")], entries, names="primary_paid_amount refund_amount open_amount closed_date days_to_close status")
    assert found == (100, -20, 0, date(2025, 4, 4), 34, "paid")
    found = one([line("100.00")], entries[:1], names="primary_paid_amount refund_amount open_amount closed_date days_to_close status")
    assert found == (120, 0, -20, None, None, "paid")


def test_adjustments_by_kind():
    entries = [entry(f"-{n}.00", "2025-03-05", kind) for n, kind in ((1, "contractual"), (2, "courtesy"), (4, "bad_debt"))]
    entries.append(entry("8.00", "2025-03-05", "correction"))
    found = one([line("10.00")], entries, names="contractual_amount other_adjustment_amount open_amount")
    assert found == (-1, 2, 11)


def test_a_reversed_entry_counts_until_it_is_taken_back():
    entries = [entry("100.00", "2025-03-10", "payment", "primary", is_reversed=True, reversed_date="2025-03-20")]
    names = "primary_paid_amount open_amount closed_date first_payer_payment_date status"
    assert one([line("100.00")], entries, names=names, newest="2025-03-19") == (100, 0, date(2025, 3, 10), date(2025, 3, 10), "paid")
    assert one([line("100.00")], entries, names=names, newest="2025-03-20") == (0, 100, None, None, "pending")


@pytest.mark.parametrize(
    ("movements", "closed"),
    [
        ([], None),
        ([("100.00", "2025-03-01")], date(2025, 3, 1)),
        ([("60.00", "2025-03-01"), ("40.00", "2025-05-02")], date(2025, 5, 2)),
        # settled, overpaid, given back: it is the last day that counts
        ([("100.00", "2025-03-04"), ("10.00", "2025-04-01"), ("-10.00", "2025-04-09")], date(2025, 4, 9)),
        # in and out on one day leaves it closed
        ([("100.00", "2025-03-04"), ("10.00", "2025-04-01"), ("-10.00", "2025-04-01")], date(2025, 3, 4)),
    ],
)
def test_closed_since(movements: list[tuple[str, str]], closed: date | None):
    entries = [entry(amount, day, "payment" if Decimal(amount) > 0 else "refund") for amount, day in movements]
    assert one([line("100.00")], entries, names="closed_date") == (closed,)


def test_a_later_line_opens_the_claim_again():
    lines = [line("100.00"), line("30.00", "2025-06-01")]
    entries = [entry("100.00", "2025-03-01"), entry("30.00", "2025-06-15", served="2025-06-01")]
    assert one(lines, entries, names="line_count billed_amount closed_date days_to_close") == (2, 130, date(2025, 6, 15), 106)
    assert one(lines, entries[:1], names="open_amount closed_date status") == (30, None, "pending")


def test_money_taken_before_the_service_counts_from_the_service_on():
    entries = [entry("100.00", "2025-02-20", party="primary")]
    assert one([line("100.00")], entries, names="closed_date first_payer_payment_date days_to_first_payment") == (
        date(2025, 3, 1),
        date(2025, 3, 1),
        0,
    )


def test_without_events_a_claim_was_sent_on_its_day():
    names = "submitted_at days_to_submit submission_count status first_adjudicated_at allowed_amount"
    assert one([line("10.00")], [], names=names) == (datetime(2025, 3, 1), 0, 1, "pending", None, None)
    secondary = [event(1, "denied", "2025-03-20", "secondary", reason_code="CO-16")]
    assert one([line("10.00")], [entry("10.00", "2025-03-01")], secondary, names=names) == (datetime(2025, 3, 1), 0, 1, "paid", None, None)


def decided(day: str, paid: str | None, allowed: str | None = "150.00", seq: int = 9) -> Row:
    return event(seq, "adjudicated", day, billed_amount="200.00", allowed_amount=allowed, paid_amount=paid)


@pytest.mark.parametrize(
    ("steps", "status"),
    [
        ([event(1, "submitted", "2025-03-02")], "pending"),
        ([event(1, "submitted", "2025-03-02"), event(2, "acknowledged", "2025-03-03")], "pending"),
        ([event(1, "submitted", "2025-03-02"), event(2, "rejected", "2025-03-03")], "rejected"),
        ([event(1, "submitted", "2025-03-02"), event(2, "rejected", "2025-03-03"), event(3, "resubmitted", "2025-03-05")], "pending"),
        ([event(1, "submitted", "2025-03-02"), event(2, "denied", "2025-03-20"), event(3, "closed", "2025-04-20")], "denied"),
        ([event(1, "submitted", "2025-03-02"), event(2, "closed", "2025-04-20")], "void"),
        ([event(1, "closed", "2025-04-20")], "void"),
        ([event(1, "submitted", "2025-03-02"), decided("2025-03-18", "80.00")], "partially_paid"),
        ([event(1, "submitted", "2025-03-02"), decided("2025-03-18", "150.00")], "paid"),
        ([event(1, "submitted", "2025-03-02"), decided("2025-03-18", "150.00", None)], "partially_paid"),
        ([event(1, "submitted", "2025-03-02"), decided("2025-03-18", "200.00", None), event(10, "closed", "2025-03-21")], "paid"),
        ([event(1, "submitted", "2025-03-02"), decided("2025-03-18", None)], "partially_paid"),
        ([decided("2025-03-18", "150.00"), event(10, "denied", "2025-03-19")], "denied"),
        # by time, then by number
        ([event(3, "submitted", "2025-03-02"), event(4, "denied", "2025-03-02"), event(1, "resubmitted", "2025-03-03")], "pending"),
    ],
)
def test_states(steps: list[Row], status: str):
    assert one([line("200.00")], [], steps, names="status") == (status,)


def test_a_denial_that_is_overturned():
    steps = [
        event(1, "submitted", "2025-03-04"),
        event(2, "acknowledged", "2025-03-05"),
        event(3, "denied", "2025-03-20", reason_code="CO-16"),
        event(4, "resubmitted", "2025-03-25"),
        event(5, "denied", "2025-04-02", reason_code="CO-50"),
        event(6, "resubmitted", "2025-04-05"),
        decided("2025-04-20", "80.00", seq=7),
        event(8, "submitted", "2025-04-22", "secondary"),
        event(9, "adjudicated", "2025-05-02", "secondary", allowed_amount="7.00"),
    ]
    names = "submitted_at denied_at denial_reason_code first_adjudicated_at resubmitted_at overturned_at submission_count allowed_amount"
    assert one([line("200.00")], [], steps, names=names) == (
        datetime(2025, 3, 4, 9),
        datetime(2025, 3, 20, 9),
        "CO-16",
        datetime(2025, 3, 20, 9),
        datetime(2025, 3, 25, 9),
        datetime(2025, 4, 20, 9),
        3,
        150,
    )
    assert one([line("200.00")], [], steps[:5], names="overturned_at status") == (None, "denied")
    rejected = [event(1, "submitted", "2025-03-02"), event(2, "rejected", "2025-03-03"), decided("2025-03-18", "150.00")]
    assert one([line("200.00")], [], rejected, names="rejected_at overturned_at") == (datetime(2025, 3, 3, 9), datetime(2025, 3, 18, 9))
    again = [decided("2025-03-18", "150.00", seq=1), event(2, "denied", "2025-03-19")]
    assert one([line("200.00")], [], again, names="overturned_at") == (None,)


def test_days_from_service_to_money():
    steps = [event(1, "submitted", "2025-03-04"), decided("2025-03-18", "80.00")]
    found = one([line("200.00")], PAID_PART, steps, names="days_to_submit days_to_first_payment days_to_close")
    assert found == (3, 16, None)


def test_keys():
    claim = {"id": "c1", "patientid": "p1", "providerid": "d1", "appointmentid": "e1", "servicedate": "2025-03-01 23:00:00"}
    given: dict[str, list[Row]] = dict(
        raw_claims=[{**claim, "secondarypatientinsuranceid": "y2", "is_simulated": True, "drop_id": "d7"}],
        dim_claim=[{"claim_key": 1, "claim_id": "c1", "claim_kind": "encounter", "claim_type": "professional"}],
        dim_encounter=[{"encounter_key": 2, "encounter_id": "e1", "payer_id": "y0"}],
        dim_patient=[{"patient_key": 3, "patient_id": "p1", **ALWAYS}],
        dim_provider=[{"provider_key": 4, "provider_id": "d1", **ALWAYS}],
        dim_organization=[{"organization_key": 5, "organization_id": "o1", **ALWAYS}],
        dim_payer=[{"payer_key": 6, "payer_id": "y0", **ALWAYS}, {"payer_key": 7, "payer_id": "y2", **ALWAYS}],
        fact_appointment=[
            {
                "encounter_id": "e1",
                "organization_id": "o1",
                "location_key": 8,
                "insurance_key": 9,
                "source_key": 10,
                "patient_type": "new",
            }
        ],
    )
    (row,) = build("fact_claim", given=given, dates=[NEWEST], opening="2025-01-01")
    names = "claim_key encounter_key patient_key provider_key organization_key primary_payer_key secondary_payer_key location_key"
    assert [row[n] for n in names.split()] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (row["insurance_key"], row["source_key"], row["patient_type"]) == (9, 10, "new")
    assert (row["claim_sk"], row["date_key"]) == (hashlib.md5(b"claim|c1").hexdigest(), 20250301)
    assert (row["claim_kind"], row["claim_type"], row["is_simulated"], row["drop_id"]) == ("encounter", "professional", True, "d7")
    assert row["partition_date"] == date(2025, 3, 1)


def test_a_bare_claim_is_still_a_row():
    (row,) = claims()
    assert (row["secondary_payer_key"], row["primary_payer_key"], row["line_count"], row["open_amount"]) == (-2, -1, 0, 0)
    assert (row["status"], row["closed_date"], row["patient_type"]) == ("paid", None, "prospect")
