"""Claims and money on tiny ledgers, every share forced: the steps of a claim, who pays what and when, what is written off.

The claim: served on Wednesday 10 January 2024, one line of 200.00 of which the ledger has the insurer pay 100.00 and the
patient 100.00, 20.00 of it as copay. With a contractual rate of a fifth 16.00 of the patient's 80.00 are written off.
"""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from caremetrix_assets_tests.simulator.lab import changed, feed_of, patient, visit, write_drop

SHARED = {"CLAIMID": "c", "PATIENTID": "p", "FROMDATE": "2024-01-10T12:00:00Z", "PLACEOFSERVICE": "org", "PROCEDURECODE": "162673000"}
SURE: dict[str, Any] = {
    "claims__submitted": {"0": 1.0, "1": 0.0, "2": 0.0, "3": 0.0, "4": 0.0, "6": 0.0},
    "claims__rejected": 0.0,
    "claims__private_days": [6, 6],
    "claims__slow": 0.0,
    "claims__denied": 0.0,
    "claims__posted_after": [1, 1],
    "claims__secondary_after": [2, 2],
    "claims__secondary_days": [10, 10],
    "money__contractual_base": 0.2,
    "money__contractual_span": 0.0,
    "money__copay": 1.0,
    "money__courtesy": 0.0,
    "money__paid_after": [3, 3],
    "money__overpaid": 0.0,
    "money__paid_twice": 0.0,
    "money__reversed": 0.0,
}
WAYS = ("first", "halves", "reminder", "thirds", "final", "collections", "never")


def pays(way) -> dict[str, Any]:
    return {"money__pays": {w: float(w == way) for w in WAYS}}


def charge(amount, place=1, **more):
    return {"CHARGEID": place, "TYPE": "CHARGE", "AMOUNT": amount, "TRANSFERTYPE": "1", **SHARED, **more}


def paid(amount, place, method="ECHECK", **more):
    return {"CHARGEID": place, "TYPE": "PAYMENT", "METHOD": method, "PAYMENTS": amount, **SHARED, **more}


LEDGER = [charge("200.00"), paid("20.00", 2, "COPAY"), paid("100.00", 3), paid("80.00", 4, "CASH")]


@pytest.fixture
def drop(tmp_path):
    def make(ledger, primary="blue", secondary="", **files):
        claim = {"Id": "c", "PATIENTID": "p", "APPOINTMENTID": "e", "SERVICEDATE": "2024-01-10T12:00:00Z", "PROVIDERID": "doc"}
        claims = [{**claim, "PRIMARYPATIENTINSURANCEID": primary, "SECONDARYPATIENTINSURANCEID": secondary, "SUPERVISINGPROVIDERID": "doc"}]
        payers = [
            {"Id": "blue", "NAME": "Blue", "OWNERSHIP": "PRIVATE"},
            {"Id": "none", "NAME": "NO_INSURANCE"},
            {"Id": "gold", "NAME": "Gold"},
        ]
        tables = {"patients": [patient()], "encounters": [visit("e", "2024-01-10")], "claims": claims, "claims_transactions": ledger}
        return write_drop(tmp_path / "drop", payers=payers, **tables | files)

    return make


def told(folder, end="2026-01-01", **parameters):
    return feed_of(folder, end=date.fromisoformat(end), parameters=changed(**SURE | pays("first") | parameters))


def events(feed):
    return [(f"{e['event_at']:%m-%d}", e["event"]) for e in feed.sql("select * from claim_events order by event_seq")]


def entries(feed, where="true"):
    """Receipts as (month-day or year-month-day beyond the year, party, type, amount), in order of posting."""
    rows = feed.sql(f"select * from receipts where {where} order by posted_date, party, amount desc")
    return [(f"{r['posted_date']:%m-%d}", r["party"], r["entry_type"], str(r["amount"])) for r in rows]


def test_a_clean_claim(drop):
    feed = told(drop(LEDGER))
    assert events(feed) == [("01-10", "submitted"), ("01-11", "acknowledged"), ("01-17", "adjudicated"), ("01-18", "closed")]
    decided = feed.sql("select billed_amount, allowed_amount, paid_amount, payer_id, rank from claim_events where event = 'adjudicated'")
    assert [tuple(map(str, row.values())) for row in decided] == [("200.00", "184.00", "100.00", "blue", "primary")]
    assert entries(feed, "posted_date < '2024-01-27'") == [
        ("01-10", "patient", "payment", "20.00"),
        ("01-18", "primary", "payment", "100.00"),
        ("01-18", "primary", "contractual", "-16.00"),
    ]
    (bill,) = feed.sql("select * from statements")
    assert date(2024, 1, 27) <= bill["sent_date"] <= date(2024, 2, 26)
    assert (bill["amount_due"], bill["statement_type"], (bill["due_date"] - bill["sent_date"]).days) == (Decimal("64.00"), "first", 30)
    (last,) = feed.sql("select * from receipts where posted_date > '2024-01-27'")
    assert (last["amount"], (last["posted_date"] - bill["sent_date"]).days, last["party"]) == (Decimal("64.00"), 3, "patient")
    sent = feed.sql(
        "select purpose, channel, cast(sent_at as date) as sent from communications where purpose = 'billing' and direction = 'outbound'"
    )
    assert sent == [{"purpose": "billing", "channel": bill["channel"], "sent": bill["sent_date"]}]


def test_nothing_is_told_before_its_day(drop):
    feed = told(drop(LEDGER), end="2024-01-17")
    assert events(feed) == [("01-10", "submitted"), ("01-11", "acknowledged"), ("01-17", "adjudicated")]
    assert entries(feed) == [("01-10", "patient", "payment", "20.00")]


def test_the_base_day_is_that_of_the_last_charge(drop):
    late = {"FROMDATE": "2024-01-14T09:00:00Z"}
    feed = told(drop([*LEDGER, charge("50.00", 6, **late), paid("50.00", 7, **late)]))
    assert events(feed)[0] == ("01-14", "submitted")
    assert feed.one("select distinct billed_amount from claim_events") == 250


@pytest.mark.parametrize(
    ("stop", "end", "is_billed"),
    [
        ("2024-01-16T00:00:00Z", "2024-01-16", False),  # Synthea ends what is going on at the export's midnight
        ("2024-01-16T05:00:00Z", "2024-01-16", False),  # ... which is another full hour in other time zones
        ("2024-01-16T00:00:00Z", "2024-01-17", False),  # a drop dated a day later
        ("2024-01-16T00:00:00Z", "2024-01-25", True),  # nothing more came in the days in which it could
        ("2024-01-16T09:31:07Z", "2024-01-16", True),
        ("2024-01-10T13:00:00Z", "2024-01-10", True),  # over within the day
        ("2024-01-18T09:31:07Z", "2024-01-16", False),
    ],
)
def test_a_stay_is_billed_when_it_ends(drop, stop, end, is_billed):
    stay = {"encounters": [visit("e", "2024-01-10", "inpatient", STOP=stop)]}
    assert bool(events(told(drop(LEDGER, **stay), end=end))) == is_billed
    alone = told(drop([charge("200.00", TRANSFERTYPE="p"), paid("200.00", 2, "CASH")], "", **stay), end=end, money__self_pay_at_service=1.0)
    assert bool(entries(alone)) == is_billed


def test_a_rejected_claim_is_sent_again(drop):
    feed = told(drop(LEDGER), claims__rejected=1.0, claims__rejected_after=[2, 2], claims__resubmitted_after=[3, 3])
    assert events(feed)[:4] == [("01-10", "submitted"), ("01-12", "rejected"), ("01-15", "resubmitted"), ("01-16", "acknowledged")]
    assert feed.one("select count(*) from claim_events where reason_code is not null") == 1
    assert [e for e in events(feed) if e[1] == "adjudicated"] == [("01-22", "adjudicated")]


def test_an_overturned_denial_is_paid(drop):
    parameters = {
        "claims__denied": 1.0,
        "claims__overturned": 1.0,
        "claims__appealed_after": [5, 5],
        "claims__appeal_decided_after": [10, 10],
    }
    feed = told(drop(LEDGER), **parameters)
    assert events(feed)[2:] == [("01-17", "denied"), ("01-22", "resubmitted"), ("02-01", "adjudicated"), ("02-02", "closed")]
    assert feed.sql("select paid_amount, reason_code is not null as has_reason from claim_events where event = 'denied'") == [
        {"paid_amount": 0, "has_reason": True}
    ]
    assert ("02-02", "primary", "payment", "100.00") in entries(feed)


def test_a_denial_that_stands_leaves_the_patient_their_share(drop):
    feed = told(drop(LEDGER), claims__denied=1.0, claims__overturned=0.0, claims__given_up_after=[20, 20])
    assert events(feed)[2:] == [("01-17", "denied"), ("02-06", "closed")]
    assert entries(feed)[:2] == [("01-10", "patient", "payment", "20.00"), ("02-07", "primary", "contractual", "-100.00")]
    assert feed.one("select amount_due from statements") == 80


def test_the_second_payer_comes_after_the_first(drop):
    transfer = {**SHARED, "TYPE": "TRANSFERIN", "CHARGEID": 4, "TRANSFERTYPE": "2", "AMOUNT": "70.00"}
    ledger = [charge("200.00"), paid("20.00", 2, "COPAY"), paid("100.00", 3), transfer, paid("70.00", 5), paid("10.00", 6, "CC")]
    feed = told(drop(ledger, secondary="gold"))
    rows = feed.sql("select * from claim_events order by event_seq")
    assert [(f"{e['event_at']:%m-%d}", e["rank"], e["event"], e["payer_id"]) for e in rows[2:]] == [
        ("01-17", "primary", "adjudicated", "blue"),
        ("01-18", "primary", "closed", "blue"),
        ("01-19", "secondary", "submitted", "gold"),
        ("01-29", "secondary", "adjudicated", "gold"),
        ("01-30", "secondary", "closed", "gold"),
    ]
    assert [e["paid_amount"] for e in rows if e["event"] in ("adjudicated", "closed")] == [100, 100, 70, 70]
    assert [e["allowed_amount"] for e in rows if e["event"] == "adjudicated"] == [198, 70]  # contractual: a fifth of 10.00
    assert entries(feed, "party = 'secondary'") == [("01-30", "secondary", "payment", "70.00")]
    assert feed.one("select min(sent_date) from statements") >= date(2024, 2, 8)  # 8.00 fell due on 30 January


@pytest.mark.parametrize("primary", ["", "none"])
def test_who_pays_alone_has_no_events(drop, primary):
    ledger = [charge("200.00", TRANSFERTYPE="p"), paid("200.00", 2, "CASH")]
    feed = told(drop(ledger, primary), money__self_pay_at_service=1.0)
    assert (events(feed), entries(feed), feed.sql("select * from statements")) == ([], [("01-10", "patient", "payment", "200.00")], [])
    feed = told(drop(ledger, primary), money__self_pay_at_service=0.0)
    assert feed.one("select amount_due from statements") == 200 and feed.one("select min(sent_date) from statements") >= date(2024, 1, 19)


def test_a_discount_of_the_ledger_goes_with_the_contractual(drop):
    discount = {**SHARED, "TYPE": "ADJUSTMENT", "CHARGEID": 3, "METHOD": "SYSTEM", "ADJUSTMENTS": "30.00"}
    feed = told(drop([charge("200.00"), discount, paid("120.00", 4), paid("50.00", 5, "CC")]))
    assert entries(feed)[:2] == [("01-18", "primary", "payment", "120.00"), ("01-18", "primary", "contractual", "-40.00")]
    assert feed.one("select allowed_amount from claim_events where event = 'adjudicated'") == 160


def test_a_small_rest_is_written_off(drop):
    feed = told(drop([charge("100.00"), paid("97.00", 2), paid("3.00", 3, "CASH")]))
    assert entries(feed) == [
        ("01-18", "primary", "payment", "97.00"),
        ("01-18", "primary", "contractual", "-0.60"),
        ("01-23", "patient", "correction", "-2.40"),
    ]
    assert feed.sql("select * from statements") == []


def test_a_copay_not_paid_at_the_desk_comes_with_the_rest(drop):
    assert told(drop(LEDGER), money__copay=0.0).one("select amount_due from statements") == 84


def test_a_courtesy_is_given_the_day_after(drop):
    feed = told(drop(LEDGER), money__courtesy=1.0)
    assert ("01-19", "patient", "courtesy", "-12.80") in entries(feed)  # a fifth of 80.00 - 16.00
    assert feed.one("select amount_due from statements") == Decimal("51.20")


@pytest.mark.parametrize(
    ("way", "due", "paid_parts"),
    [
        ("first", ["64.00"], ["64.00"]),
        ("halves", ["64.00", "32.00"], ["32.00", "32.00"]),
        ("reminder", ["64.00", "64.00"], ["64.00"]),
        ("thirds", ["64.00", "42.67", "21.34"], ["21.33", "21.33", "21.34"]),
        ("final", ["64.00"] * 3, ["64.00"]),
        ("collections", ["64.00"] * 4, ["64.00"]),
        ("never", ["64.00"] * 4, []),
    ],
)
def test_ways_to_pay(drop, way, due, paid_parts):
    feed = told(drop(LEDGER), money__bad_debt=0.0, **pays(way))
    bills = feed.sql("select * from statements order by sent_date")
    assert [str(b["amount_due"]) for b in bills] == due
    assert [b["statement_type"] for b in bills] == ["first", "reminder", "final", "collections"][: len(due)]
    assert len({b["sent_date"].day for b in bills}) == 1
    assert [e[3] for e in entries(feed, "posted_date > '2024-01-20'")] == paid_parts


def test_who_never_pays_is_written_off(drop):
    feed = told(drop(LEDGER), money__bad_debt=1.0, **pays("never"))
    assert entries(feed)[-1] == ("07-16", "patient", "bad_debt", "-64.00")  # 180 days after 18 January


def test_too_much_is_paid_and_given_back(drop):
    feed = told(drop(LEDGER), money__overpaid=1.0, money__overpaid_share=0.0, money__refunded=1.0, money__refunded_after=[10, 10])
    payment, refund = feed.sql("select * from receipts where posted_date > '2024-01-20' order by posted_date")
    assert (payment["amount"], refund["amount"], refund["entry_type"]) == (65, -1, "refund")
    assert (refund["original_receipt_id"], (refund["posted_date"] - payment["posted_date"]).days) == (payment["receipt_id"], 10)
    feed = told(drop(LEDGER), money__overpaid=1.0, money__overpaid_share=0.0, money__refunded=0.0)
    assert feed.one("select count(*) from receipts where entry_type = 'refund'") == 0


def test_a_payer_pays_twice_and_takes_it_back(drop):
    feed = told(
        drop(LEDGER), money__paid_twice=1.0, money__paid_twice_after=[3, 3], money__taken_back=1.0, money__taken_back_after=[20, 20]
    )
    found = feed.sql("select * from receipts where party = 'primary' and entry_type <> 'contractual' order by posted_date")
    assert [(f"{r['posted_date']:%m-%d}", r["entry_type"], r["amount"]) for r in found] == [
        ("01-18", "payment", 100),
        ("01-22", "payment", 100),  # the 21st is a Sunday
        ("02-11", "takeback", -100),
    ]
    assert found[2]["original_receipt_id"] == found[1]["receipt_id"]


def test_what_is_entered_twice_by_mistake_is_reversed_on_the_day(drop):
    found = told(drop(LEDGER), money__reversed=1.0).sql("select * from receipts where entry_type = 'payment' order by posted_date, status")
    assert [(r["status"], r["reversed_date"] == r["posted_date"]) for r in found] == [("posted", False), ("reversed", True)] * 3


def test_a_copay_above_the_price_stays_a_credit(drop):
    feed = told(drop([charge("5.00"), paid("40.00", 2, "COPAY")]))
    assert entries(feed) == [("01-10", "patient", "payment", "40.00")]


def test_money_of_a_payer_without_a_name_is_the_next_ones(drop):
    transfer = {**SHARED, "TYPE": "TRANSFERIN", "CHARGEID": 3, "TRANSFERTYPE": "2", "AMOUNT": "70.00"}
    ledger = [charge("170.00"), paid("100.00", 2), transfer, paid("70.00", 4)]
    assert ("01-18", "primary", "payment", "170.00") in entries(told(drop(ledger)))
    assert entries(told(drop(ledger, primary=""), money__self_pay_at_service=1.0)) == [("01-10", "patient", "payment", "170.00")]


def test_claims_before_the_start_are_left_to_the_ledger(drop):
    folder = drop(LEDGER)
    feed = feed_of(folder, end=date(2026, 1, 1), start=date(2024, 1, 11), parameters=changed(**SURE))
    assert [feed.one(f"select count(*) from {file}") for file in ("claim_events", "receipts", "statements", "appointments")] == [0] * 4
