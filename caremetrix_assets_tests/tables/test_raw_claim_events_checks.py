"""The check in the contract of raw_claim_events: numbers follow the time, decisions the submission, new tries a refusal."""

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders


def events(*steps: tuple[str, str], claim: str = "c1", rank: str = "primary") -> list[Row]:
    base = {"claim_id": claim, "rank": rank, "change_type": "insert", "partition_date": "2025-02-01"}
    return [{**base, "event_seq": n, "event": event, "event_at": f"{day} 09:00:00"} for n, (event, day) in enumerate(steps, start=1)]


def found(rows: list[Row]) -> list[str] | str:
    return offenders("raw_claim_events", "claim_event_order", rows)


def test_a_usual_life():
    steps = [("submitted", "2025-01-02"), ("rejected", "2025-01-03"), ("resubmitted", "2025-01-05"), ("denied", "2025-01-09")]
    assert found(events(*steps, ("resubmitted", "2025-01-12"), ("adjudicated", "2025-01-20"), ("closed", "2025-01-20"))) == []
    assert found(events(("adjudicated", "2025-01-20"))) == []  # the feed began in the middle


def test_without_events_it_does_not_apply():
    assert found([]) == "no claim events in any drop so far"


def test_numbers_against_time():
    assert found(events(("submitted", "2025-01-05"), ("acknowledged", "2025-01-04"))) == ["c1|2"]


def test_a_decision_before_its_submission():
    assert found(events(("adjudicated", "2025-01-04"), ("submitted", "2025-01-05"))) == ["c1|1"]
    second = events(("submitted", "2025-01-09"), claim="c2", rank="secondary")
    assert found(events(("adjudicated", "2025-01-04"), claim="c2") + [{**second[0], "event_seq": 2}]) == []


def test_a_new_try_without_a_refusal():
    assert found(events(("submitted", "2025-01-02"), ("resubmitted", "2025-01-05"))) == ["c1|2"]
    assert found(events(("submitted", "2025-01-02"), ("resubmitted", "2025-01-05"), ("denied", "2025-01-09"))) == ["c1|2"]
