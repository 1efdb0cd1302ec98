"""mart_ar_aging_summary on literal lines and entries: shares, what was cured and what rolled in 30 days, the movement of the day."""

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import PRIVATE, SELF_PAY, entry, event, line, mart, of, pick

NAME = "mart_ar_aging_summary"
MOVEMENT = ("previous_day_balance_amount", "day_charge_amount", "day_payment_amount", "day_adjustment_amount", "balance_amount")
# what makes the practice's own records known, on a line that is settled at once
RECEIPT = [line("r", "2024-01-01", "1.00", location_key=11)], [entry("r", "2024-01-01", "2024-01-01", "payment", "patient", "1.00")]


def built(dates: list[str], lines: list[Row], entries: list[Row], **more: list[Row]) -> tuple[list[Row], list[Row]]:
    """The lines of mart_ar_aging, and the summary over them."""
    given = {"fact_claim_line": lines, "fact_payment": entries, **more}
    aging = mart("mart_ar_aging", dates, **given)
    return aging, mart(NAME, dates, mart_ar_aging=aging, **given)


def summary(dates: list[str], lines: list[Row], entries: list[Row] | None = None, **more: list[Row]) -> list[Row]:
    return built(dates, [*lines, *RECEIPT[0]], [*(entries or []), *RECEIPT[1]], **more)[1]


def test_shares_of_the_buckets():
    rows = summary(["2025-04-30"], [line("c1", "2025-04-20", "100.00"), line("c2", "2025-01-20", "100.00", patient_id="p2")])
    total = {r["aging_bucket"]: of(r, "lines", "open_amount", "bucket_share", "over_90_share") for r in rows if r["breakdown"] == "total"}
    assert total == {
        "0-30": [1, "100.00", "0.5000", "0.0000"],
        "31-60": [0, "0.00", "0.0000", "0.0000"],
        "61-90": [0, "0.00", "0.0000", "0.0000"],
        "91-120": [1, "100.00", "0.5000", "0.5000"],
        "121+": [0, "0.00", "0.0000", "0.0000"],
        "credit": [0, "0.00", None, None],
        "all": [2, "200.00", "1.0000", "0.5000"],
    }
    assert pick(rows, breakdown="total", aging_bucket="all")["patients"] == 2


def test_what_was_open_thirty_days_ago_is_cured_or_rolled():
    """100.00 aged 20 days on 1 March; on the 31st 60.00 are left, aged 50."""
    given = [line("c1", "2025-02-09", "100.00")], [entry("c1", "2025-02-09", "2025-03-10", "payment", "primary", "40.00")]
    rows = summary(["2025-03-31"], *given)
    names = ("opening_30d_amount", "cured_30d_amount", "cure_30d_rate", "rolled_30d_amount", "roll_30d_rate")
    assert of(pick(rows, breakdown="total", aging_bucket="0-30"), *names) == ["100.00", "40.00", "0.4000", "60.00", "0.6000"]
    assert of(pick(rows, breakdown="total", aging_bucket="31-60"), *names) == ["0.00", "0.00", None, "0.00", None]
    # then the insurer owed it, now the patient does
    owed_then = pick(rows, breakdown="responsible_party", responsible_party="primary", aging_bucket="all")
    assert of(owed_then, *names, "open_amount") == ["100.00", "40.00", "0.4000", "60.00", "0.6000", "0.00"]
    assert of(pick(rows, breakdown="payer", responsible_payer_key=SELF_PAY, aging_bucket="31-60"), "open_amount", "lines") == ["60.00", 1]


def test_a_balance_that_grew_or_became_a_credit():
    """Raised from 100 to 130 by a correction: nothing cured. 50.00 overpaid since: all cured, none rolled."""
    lines = [line("c1", "2025-01-01", "100.00"), line("c2", "2025-02-20", "50.00", location_key=12)]
    entries = [
        entry("c1", "2025-01-01", "2025-03-10", "correction", "primary", "30.00"),
        entry("c2", "2025-02-20", "2025-03-10", "payment", "patient", "60.00"),
    ]
    rows = summary(["2025-03-31"], lines, entries)
    names = ("opening_30d_amount", "cured_30d_amount", "rolled_30d_amount", "open_amount")
    assert of(pick(rows, breakdown="location", location_key=10, aging_bucket="31-60"), *names) == ["100.00", "0.00", "100.00", "0.00"]
    assert of(pick(rows, breakdown="location", location_key=12, aging_bucket="all"), *names) == ["50.00", "50.00", "0.00", "0.00"]
    credit = pick(rows, breakdown="location", location_key=12, aging_bucket="credit")
    assert of(credit, *names, "lines", "frame_open_amount", "over_90_amount") == ["0.00", "0.00", "0.00", "-10.00", 1, "0.00", "0.00"]
    # the oldest bucket never rolls
    old = summary(["2025-12-31"], [line("c1", "2025-01-01", "100.00")])
    assert of(pick(old, breakdown="total", aging_bucket="121+"), *names) == ["100.00", "0.00", "0.00", "100.00"]


def test_the_movement_of_the_day():
    lines = [line("c1", "2025-03-01", "100.00"), line("c2", "2025-03-10", "70.00", location_key=12)]
    entries = [
        entry("c1", "2025-03-01", "2025-03-10", "payment", "primary", "30.00"),
        entry("c1", "2025-03-01", "2025-03-10", "contractual", "primary", "-5.00"),
    ]
    rows = summary(["2025-03-10"], lines, entries)
    assert of(pick(rows, breakdown="total", aging_bucket="all"), *MOVEMENT) == ["100.00", "70.00", "30.00", "-5.00", "135.00"]
    assert of(pick(rows, breakdown="location", location_key=12, aging_bucket="all"), *MOVEMENT) == [
        "0.00",
        "70.00",
        "0.00",
        "0.00",
        "70.00",
    ]
    # 165.00 of net production in 90 days
    total = pick(rows, breakdown="total", aging_bucket="all")
    assert of(total, "net_production_90d_amount", "ar_days") == ["165.00", 73.636364]
    assert [r for r in rows if r["balance_amount"] is not None and (r["aging_bucket"] != "all" or r["breakdown"] == "payer")] == []


def test_keys_with_a_balance_now_then_or_a_movement_have_all_buckets():
    """Settled since: place 12. Moved today: place 13. Neither: place 11, settled in January 2024."""
    lines = [line("c2", "2025-02-20", "50.00", location_key=12), line("c3", "2025-03-31", "5.00", location_key=13)]
    entries = [
        entry("c2", "2025-02-20", "2025-03-10", "payment", "patient", "50.00"),
        entry("c3", "2025-03-31", "2025-03-31", "payment", "patient", "5.00"),
    ]
    rows = summary(["2025-03-31"], lines, entries)
    places = [r["location_key"] for r in rows if r["breakdown"] == "location"]
    assert {place: places.count(place) for place in places} == {12: 7, 13: 7}
    parties = {r["responsible_party"] for r in rows if r["breakdown"] == "responsible_party"}
    assert parties == {"primary"}
    assert len([r for r in rows if r["breakdown"] == "total"]) == 7


def test_nothing_moved_where_all_was_settled_within_thirty_days():
    """Charged in November, paid on 10 March: no charge of 90 days, no balance, and the row says 0, not unknown."""
    entries = [entry("c1", "2024-11-01", "2025-03-10", "payment", "patient", "50.00")]
    rows = summary(["2025-03-31"], [line("c1", "2024-11-01", "50.00", location_key=12)], entries)
    settled = pick(rows, breakdown="location", location_key=12, aging_bucket="all")
    assert of(settled, "opening_30d_amount", *MOVEMENT, "net_production_90d_amount") == ["50.00", *["0.00"] * 6]


def test_thirty_days_ago_is_seen_with_the_events_of_then():
    """Denied and closed on 20 March: on the 1st the insurer still owed it."""
    events = [event("c1", 1, "submitted", "2025-02-20"), event("c1", 2, "denied", "2025-03-10"), event("c1", 3, "closed", "2025-03-20")]
    rows = summary(["2025-03-31"], [line("c1", "2025-02-10", "100.00")], fact_claim_event=events)
    assert pick(rows, breakdown="payer", responsible_payer_key=PRIVATE, aging_bucket="all")["opening_30d_amount"] == 100
    assert pick(rows, breakdown="payer", responsible_payer_key=SELF_PAY, aging_bucket="all")["open_amount"] == 100


def test_without_receipts_credits_and_movements_are_known():
    lines = [line("c1", "2025-03-31", "0.02"), line("c2", "2025-03-31", "50.00")]
    ledger = [
        entry("c1", "2025-03-31", "2025-03-31", "payment", "patient", "60.00", entry_source="ledger"),
        entry("c2", "2025-03-31", "2025-03-31", "payment", "primary", "50.00", entry_source="ledger"),
    ]
    _, rows = built(["2025-03-31"], lines, ledger)
    names = ("lines", "open_amount", "opening_30d_amount", "data_basis")
    assert of(pick(rows, breakdown="total", aging_bucket="0-30"), *names) == [None, None, None, "not_available"]
    assert of(pick(rows, breakdown="total", aging_bucket="credit"), *names) == [1, "-59.98", None, "derived"]
    total = pick(rows, breakdown="total", aging_bucket="all")
    assert of(total, *names, *MOVEMENT, "ar_days") == [None, None, None, "derived", "0.00", "50.02", "110.00", "0.00", "-59.98", None]


def test_before_the_first_charge_nothing_is_known():
    rows = mart(NAME, ["2025-03-31"])
    assert {(r["breakdown"], r["data_basis"]) for r in rows} == {("total", "not_available")} and len(rows) == 7
    assert [of(r, "lines", "open_amount", *MOVEMENT) for r in rows] == [[None] * 7] * 7


def checked() -> tuple[list[Row], dict[str, list[Row]]]:
    """An open line of the insurer, a credit of the patient, moved on the day itself."""
    lines = [line("c1", "2025-02-09", "100.00"), line("c2", "2025-03-31", "50.00"), *RECEIPT[0]]
    entries = [
        entry("c1", "2025-02-09", "2025-03-10", "payment", "primary", "40.00"),
        entry("c2", "2025-03-31", "2025-03-31", "payment", "patient", "60.00"),
        *RECEIPT[1],
    ]
    aging, rows = built(["2025-03-31"], lines, entries)
    return rows, {"fact_claim_line": lines, "fact_payment": entries, "mart_ar_aging": aging}


NO_KEYS = "-3|-3|all|-3"
CHANGES = [
    ("mart_equals_fact", "all", {"day_payment_amount": "61.00"}, ["total"]),
    ("detail_rebuilds_summary", "31-60", {"patients": 2}, ["31-60"]),
    ("mart_identity_buckets", "0-30", {"open_amount": "1.00"}, [f"total|{NO_KEYS}|-3|all"]),
    ("mart_identity_balance", "credit", {"open_amount": "-11.00"}, [f"total|{NO_KEYS}"]),
    ("mart_identity_movement", "all", {"day_charge_amount": "51.00"}, [f"total|{NO_KEYS}"]),
    ("mart_identity_cured_and_rolled", "0-30", {"cured_30d_amount": "41.00"}, ["total|0-30"]),
]


@pytest.mark.parametrize(("check", "bucket", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, bucket: str, changes: Row, keys: list[str]):
    rows, neighbours = checked()
    assert offenders(NAME, check, rows, neighbours) == []
    changed = [{**r, **changes} if (r["breakdown"], r["aging_bucket"]) == ("total", bucket) else r for r in rows]
    assert offenders(NAME, check, changed, neighbours) == keys


def test_a_breakdown_that_misses_something_is_found():
    rows, neighbours = checked()
    changed = [{**r, "lines": 0} if (r["breakdown"], r["aging_bucket"]) == ("patient_type", "credit") else r for r in rows]
    assert offenders(NAME, "mart_identity_breakdowns", rows, neighbours) == []
    assert offenders(NAME, "mart_identity_breakdowns", changed, neighbours) == ["patient_type|credit"]


def test_open_balances_of_the_performance_are_compared():
    aging = [r for r in checked()[0] if r["breakdown"] == "total"]
    day = {"partition_date": "2025-03-31", "period_grain": "day", "breakdown": "total"}
    neighbours = {NAME: aging, "fact_payment": RECEIPT[1]}
    check = "mart_identity_ar_open"
    assert offenders("mart_financial_performance", check, [{**day, "ar_open_amount": "60.00"}], neighbours) == []
    assert offenders("mart_financial_performance", check, [{**day, "ar_open_amount": "61.00"}], neighbours) == ["day"]
