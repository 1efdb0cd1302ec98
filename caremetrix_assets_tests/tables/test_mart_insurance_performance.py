"""mart_insurance_performance on literal claims and events: states, rates, first decisions, money, days to the first payment."""

from typing import Any

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import GOVERNMENT, PRIVATE, UNINSURED, entry, event, line, mart, of, pick, sk

NAME, DAY = "mart_insurance_performance", "2025-03-31"
STATES = ("paid_claims", "partially_paid_claims", "denied_claims", "rejected_claims", "pending_claims", "void_claims")
PLACE = {"location_key": 10, "feed_start_date": "2025-01-01"}


def claim(name: str, day: str = "2025-03-01", **more: object) -> Row:
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "established", "source_key": -1, "primary_payer_key": PRIVATE}
    return {"claim_sk": sk(name), "claim_id": name, "service_date": day, **keys, "partition_date": day, **more}


def life(name: str, *steps: tuple[str, str], **paid: object) -> list[Row]:
    """Events of a claim; adjudicated ones carry the amounts."""
    return [event(name, n, kind, day, **(paid if kind == "adjudicated" else {})) for n, (kind, day) in enumerate(steps, start=1)]


def performance(claims: list[Row], events: list[Row], dates: list[str] | None = None, **given: list[Row]) -> list[Row]:
    kinds = [{"claim_id": c["claim_id"], "claim_type": "professional"} for c in claims]
    return mart(
        NAME, dates or [DAY], **{"fact_claim": claims, "fact_claim_event": events, "dim_claim": kinds, "dim_location": [PLACE], **given}
    )


def year(rows: list[Row], breakdown: str = "total", **keys: object) -> Row:
    return pick(rows, period_grain="rolling_12m", breakdown=breakdown, **keys)


def worked_example() -> tuple[list[Row], list[Row]]:
    """Ten claims: six paid in full, two denied, two submitted only."""
    claims = [claim(f"c{n}") for n in range(10)]
    events = [e for n in range(10) for e in life(f"c{n}", ("submitted", "2025-03-02"))]
    events += [event(f"c{n}", 2, "adjudicated", "2025-03-10", allowed_amount="80.00", paid_amount="80.00") for n in range(6)]
    return claims, events + [event(f"c{n}", 2, "denied", "2025-03-10") for n in (6, 7)]


def test_worked_example():
    total = year(performance(*worked_example()))
    assert of(total, "claims", "tracked_claims", "adjudicated_claims", "approval_rate", "denial_rate") == [10, 10, 8, "0.7500", "0.2500"]
    assert of(total, *STATES, "adjudicated_share") == [6, 0, 2, 0, 2, 0, "0.8000"]
    assert of(total, "first_decided_claims", "first_denied_claims", "initial_denial_rate", "first_pass_rate") == [8, 2, "0.2500", "0.7500"]


def test_a_claim_follows_its_events_up_to_the_day():
    steps: tuple[tuple[str, str], ...] = (
        ("submitted", "2025-03-02"),
        ("rejected", "2025-03-03"),
        ("resubmitted", "2025-03-05"),
        ("acknowledged", "2025-03-06"),
    )
    steps += (("denied", "2025-03-10"), ("resubmitted", "2025-03-12"), ("adjudicated", "2025-03-20"), ("closed", "2025-03-24"))
    days = [f"2025-03-{d:02}" for d in (1, 2, 3, 5, 10, 12, 20, 24)]
    rows = performance([claim("c1")], life("c1", *steps, allowed_amount="80.00", paid_amount="50.00"), days)
    found = {r["partition_date"].day: of(r, *STATES) for r in rows if r["breakdown"] == "total" and r["period_grain"] == "month"}
    assert found == {
        1: [None] * 6,
        2: [0, 0, 0, 0, 1, 0],
        3: [0, 0, 0, 1, 0, 0],
        5: [0, 0, 0, 0, 1, 0],
        10: [0, 0, 1, 0, 0, 0],
        12: [0, 0, 0, 0, 1, 0],
        20: [0, 1, 0, 0, 0, 0],
        24: [0, 1, 0, 0, 0, 0],
    }
    end = pick(rows, period_grain="month", breakdown="total", partition_date="2025-03-24")
    assert of(end, "ever_rejected_claims", "ever_denied_claims", "overturned_claims", "overturn_rate") == [1, 1, 1, "1.0000"]
    assert of(end, "first_decided_claims", "first_denied_claims", "first_pass_paid_claims", "first_pass_rate") == [1, 1, 0, "0.0000"]


def test_a_claim_is_there_from_its_first_submission():
    """Served on 28 February, submitted on 2 March: in March only, and nowhere on the 1st."""
    rows = performance([claim("c1", "2025-02-28")], life("c1", ("submitted", "2025-03-02")), ["2025-02-28", "2025-03-01", "2025-03-02"])
    counts = {str(r["partition_date"]): r["claims"] for r in rows if r["breakdown"] == "total" and r["period_grain"] == "month"}
    assert counts == {"2025-02-28": 0, "2025-03-01": 0, "2025-03-02": 1}
    assert of(rows[0], "claims", "tracked_claims", "data_basis") == [0, None, "derived"]


def test_before_the_practices_records_a_claim_counts_on_its_service():
    early = performance([claim("c1", "2024-12-31")], life("c1", ("submitted", "2025-01-03")), ["2024-12-31", "2025-01-31"])
    assert pick(early, period_grain="day", breakdown="total", partition_date="2024-12-31")["claims"] == 1
    assert of(pick(early, period_grain="month", breakdown="total", partition_date="2025-01-31"), "claims", "tracked_claims") == [0, 0]
    nowhere = performance([claim("c1", submitted_at="2025-04-05 00:00:00")], [], dim_location=[])
    assert of(year(nowhere), "claims", "tracked_claims", "approval_rate", "first_paid_claims") == [1, None, None, None]


def test_before_the_first_claim_nothing_is_known():
    assert [of(r, "breakdown", "claims", "billed_amount", "data_basis") for r in performance([], [])] == [
        ["total", None, None, "not_available"]
    ] * 5


def test_only_public_and_private_insurers_count():
    claims = [
        claim("c1"),
        claim("c2", primary_payer_key=GOVERNMENT),
        claim("c3", primary_payer_key=UNINSURED),
        claim("c4", primary_payer_key=-1),
    ]
    rows = performance(claims, [], dim_location=[])
    assert year(rows)["claims"] == 2
    payers = {r["payer_key"] for r in rows if r["breakdown"] == "payer"}
    assert payers == {PRIVATE, GOVERNMENT}


def money_example() -> dict[str, Any]:
    """Billed 100 and 50; the first is paid 60 on day 9, 10 of it taken back, 20 by the second insurer; the second is open."""
    return {
        "fact_claim_line": [line("c1", "2025-03-01", "100.00"), line("c2", "2025-03-01", "50.00"), line("c2:2", "2025-04-01", "5.00")],
        "fact_payment": [
            entry("c1", "2025-03-01", "2025-03-11", "payment", "primary", "60.00"),
            entry("c1", "2025-03-01", "2025-03-15", "takeback", "primary", "-10.00"),
            entry("c1", "2025-03-01", "2025-03-20", "payment", "secondary", "20.00"),
            entry("c1", "2025-03-01", "2025-03-02", "payment", "patient", "5.00"),
        ],
    }


def money_claims() -> tuple[list[Row], list[Row]]:
    paid = life("c1", ("submitted", "2025-03-02"), ("adjudicated", "2025-03-08"), allowed_amount="60.00", paid_amount="60.00")
    return [claim("c1"), claim("c2")], [*paid, *life("c2", ("submitted", "2025-03-03"))]


def test_money_of_the_claims():
    total = year(performance(*money_claims(), **money_example()))
    assert of(total, "billed_amount", "primary_paid_amount", "secondary_paid_amount", "payer_paid_share") == [
        "150.00",
        "50.00",
        "20.00",
        "0.4667",
    ]
    assert of(total, "adjudicated_billed_amount", "adjudicated_paid_amount", "reimbursement_rate") == ["100.00", "70.00", "0.7000"]
    # the patient's copay is no payment of an insurer
    assert of(total, "first_paid_claims", "days_to_first_payment_p50", "data_basis") == [1, 9.0, "derived"]


def test_days_to_the_first_payment_are_discrete_percentiles():
    days = (5, 6, 7, 8, 20)
    claims = [claim(f"c{d}") for d in days]
    events = [e for d in days for e in life(f"c{d}", ("submitted", "2025-03-01"))]
    paid = [entry(f"c{d}", "2025-03-01", f"2025-03-{1 + d:02}", "payment", "primary", "1.00") for d in days]
    # taken back on the day before the end: the next payment is the first one then
    paid += [entry("c5", "2025-03-01", "2025-03-25", "payment", "secondary", "1.00")]
    paid[0] = {**paid[0], "is_reversed": True, "reversed_date": "2025-03-30"}
    rows = performance(claims, events, ["2025-03-29", "2025-03-31"], fact_payment=paid)
    names = ("first_paid_claims", "days_to_first_payment_p50", "days_to_first_payment_p90")
    assert of(year(rows, partition_date="2025-03-29"), *names) == [5, 7.0, 20.0]
    assert of(year(rows, partition_date="2025-03-31"), *names) == [5, 8.0, 24.0]


CHANGES = [
    ("mart_equals_fact", {"claims": 11}, ["rolling_12m"]),
    ("mart_identity_states", {"pending_claims": 1}, ["rolling_12m|total"]),
    ("mart_identity_rates", {"denial_rate": "0.3000"}, ["rolling_12m|total"]),
    ("mart_identity_rates", {"approval_rate": "0.7000", "denial_rate": "0.3000"}, ["rolling_12m|total"]),
    ("mart_identity_subsets", {"overturned_claims": 3}, ["rolling_12m|total"]),
    ("mart_identity_own_breakdowns", {"denied_claims": 3}, ["rolling_12m|claim_type", "rolling_12m|payer"]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    claims, events = worked_example()
    rows = performance(claims, events)
    payers = [{"payer_key": PRIVATE, "member_key": PRIVATE, "payer_class": "private", "valid_from": "1900-01-01", "valid_to": "9999-12-31"}]
    facts = {"fact_claim": claims, "fact_claim_event": events, "dim_location": [PLACE], "dim_payer": payers}
    assert offenders(NAME, check, rows, facts) == []
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("rolling_12m", "total") else r for r in rows]
    assert offenders(NAME, check, changed, facts) == keys
    if check not in ("mart_equals_fact", "mart_identity_own_breakdowns"):
        assert offenders(NAME, check, rows) == "no claim event in any drop so far"
