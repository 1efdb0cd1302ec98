"""Exports whose ids are drawn anew are rejected; growth, loss and another population are not."""

import pytest

from caremetrix_assets_tests.sources.drops import minimal
from caremetrix_assets_tests.sources.releases import R33, ROWS, csv_text


def visits(prefix, count, day="2025-01-02", patient="p1"):
    row = ROWS["encounters"][0]
    return [
        {**row, "Id": f"{prefix}{k}", "START": f"{day}T10:00:00Z", "STOP": f"{day}T11:00:00Z", "PATIENT": patient} for k in range(count)
    ]


def encounters(*rows):
    return minimal(encounters=csv_text(R33["encounters"], *rows))


@pytest.mark.parametrize(
    ("rows", "kind", "rejected"),
    [
        (visits("b", 10), "full", True),
        (visits("a", 4) + visits("b", 6), "full", True),
        (visits("a", 5) + visits("b", 5), "full", False),
        (visits("a", 4) + visits("b", 5), "full", False),
        (visits("a", 4), "full", False),
        (visits("b", 10, patient="p2"), "full", False),
        (visits("b", 10, "2023-01-02"), "full", False),
        (visits("a", 10) + visits("b", 90), "full", False),
        (visits("b", 10), "delta", False),
    ],
    ids=[
        "all drawn anew",
        "over half",
        "just half",
        "fewer came than went",
        "most are gone",
        "other patients",
        "old ones",
        "growth",
        "a delta",
    ],
)
def test_ids_drawn_anew(lab, rows, kind, rejected):
    assert lab.take(encounters(*visits("a", 10)), "one", "2025-01-31").entry.status == "accepted"
    taken = lab.take(encounters(*rows), "two", "2025-02-01", kind=kind)
    assert (taken.entry.status == "rejected") == rejected, taken.entry.reason
    if rejected:
        assert "ids are not stable between exports: Synthea 3.0/3.1, or another seed." in (taken.entry.reason or "")


def test_ids_of_claims_are_watched_too(lab):
    def claims(prefix):
        return csv_text(R33["claims"], *({**ROWS["claims"][0], "Id": f"{prefix}{k}"} for k in range(10)))

    assert lab.take(minimal(claims=claims("a")), "one").entry.status == "accepted"
    assert "claims: 10 of 10 ids" in (lab.take(minimal(claims=claims("b")), "two", "2025-02-01").entry.reason or "")


def test_only_drops_before_it_and_of_its_producer_count(lab):
    assert lab.take(encounters(*visits("a", 10)), "one", "2025-01-31").entry.status == "accepted"
    assert lab.take(encounters(*visits("b", 10)), "earlier", "2025-01-30").entry.status == "accepted"
    assert lab.take(encounters(*visits("c", 10)), "other", "2025-02-01", producer="north").entry.status == "accepted"


def test_ids_that_went_a_year_ago_are_not_missed(lab):
    assert lab.take(encounters(*visits("a", 10)), "one", "2025-01-31").entry.status == "accepted"
    assert lab.take(encounters(*visits("b", 10, "2026-01-20")), "two", "2026-01-25").entry.status == "accepted"
