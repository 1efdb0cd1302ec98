"""fact_claim_event on literal events: keys of the day, the insurer of the rank, days before the opening partition."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

CLAIMS = [{"claim_key": 7, "claim_id": "c1", "primary_payer_id": "y1", "secondary_payer_id": "y2"}]
PAYERS = [
    {"payer_key": 11, "payer_id": "y1", "valid_from": "1900-01-01", "valid_to": "2025-03-01"},
    {"payer_key": 12, "payer_id": "y1", "valid_from": "2025-03-01", "valid_to": "9999-12-31"},
    {"payer_key": 21, "payer_id": "y2", "valid_from": "1900-01-01", "valid_to": "9999-12-31"},
]


def event(seq: int, name: str, at: str, **more: object) -> Row:
    return {"claim_id": "c1", "event_seq": seq, "event": name, "event_at": at, "payer_id": "y1", "rank": "primary", **more}


def events(*rows: Row, newest: str = "2025-12-31") -> list[Row]:
    return build(
        "fact_claim_event",
        given={"raw_claim_events": list(rows), "dim_claim": CLAIMS, "dim_payer": PAYERS},
        dates=[newest],
        opening="2025-01-01",
    )


def by_seq(rows: list[Row], *names: str) -> dict[int, object]:
    return {r["event_seq"]: tuple(r[n] for n in names) for r in rows}


def test_an_event_keeps_what_the_file_says_and_gets_its_key():
    (row,) = events(
        event(2, "adjudicated", "2025-02-10 09:00:00", billed_amount="200", allowed_amount="150", paid_amount="80", is_simulated=True)
    )
    assert row["claim_event_sk"] == hashlib.md5(b"claim_event|c1|2").hexdigest()
    assert (row["claim_key"], row["payer_key"], row["payer_rank"], row["event"]) == (7, 11, "primary", "adjudicated")
    assert [row[n] for n in ("billed_amount", "allowed_amount", "paid_amount")] == [Decimal(200), Decimal(150), Decimal(80)]
    assert (row["event_at"], row["partition_date"], row["is_simulated"]) == (datetime(2025, 2, 10, 9), date(2025, 2, 10), True)


def test_the_insurer_is_the_version_of_the_day_and_without_one_that_of_the_claim():
    rows = events(
        event(1, "submitted", "2025-02-28 23:59:59"),
        event(2, "adjudicated", "2025-03-01 00:00:00"),
        event(3, "submitted", "2025-03-02 08:00:00", payer_id=None, rank="secondary"),
        event(4, "denied", "2025-03-05 08:00:00", payer_id="y9", reason_code="CO-16"),
    )
    assert by_seq(rows, "payer_key", "reason_code") == {1: (11, None), 2: (12, None), 3: (21, None), 4: (-1, "CO-16")}


def test_days_outside_the_lake():
    """An event before the opening partition stands in it, one after the newest day is held back."""
    rows = events(event(1, "submitted", "2024-12-30 08:00:00"), event(2, "denied", "2025-02-01 08:00:00"), newest="2025-01-31")
    assert by_seq(rows, "partition_date") == {1: (date(2025, 1, 1),)}
