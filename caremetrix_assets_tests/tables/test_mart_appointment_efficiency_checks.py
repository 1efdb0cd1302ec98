"""The checks in the contract of mart_appointment_efficiency: a built partition passes, one changed figure does not."""

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.test_mart_appointment_efficiency import mart, visit

VISITS = [
    visit("a", "2025-03-01", 1),
    visit("b", "2025-03-20", 2, "emergency", days_since_previous_visit=19, is_return_30d=True, location_key=11, minutes=15.016667),
    visit("c", "2025-03-20", 1, patient="p2", provider_key=25, provider_id="d2", reason_key=51),
    visit("death", "2025-03-20", patient="p3", is_death_certification=True, visit_seq=None),
]
CHECKS = sorted(load_catalog().table("mart_appointment_efficiency").checks)


def found(check: str, breakdown: str = "total", grain: str = "day", opening: str = "2020-01-01", **changes: object) -> list[str] | str:
    """What the check finds when the row of the grain and breakdown is changed."""
    rows = mart(["2025-03-20"], VISITS)
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == (grain, breakdown) else r for r in rows]
    return offenders("mart_appointment_efficiency", check, changed, {"fact_appointment": VISITS}, opening=opening)


@pytest.mark.parametrize("check", CHECKS)
def test_a_built_partition_passes(check: str):
    assert found(check) == []


@pytest.mark.parametrize("changes", [{"visits": 3}, {"procedures": 5}, {"observations": 7}, {"billed_amount": "200.01"}])
def test_mart_equals_fact(changes: Row):
    assert found("mart_equals_fact", **changes) == ["day"]


def test_identities():
    assert found("mart_identity_visits_of_breakdowns", grain="month", breakdown="encounter_class", visits=9) == ["month|encounter_class"]
    assert found("mart_identity_day_is_fact_partition", visits=3) == ["day"]
    assert found("mart_identity_returns_of_fact", grain="rolling_30d", return_visits_30d=2) == ["rolling_30d"]
    assert found("mart_identity_returned_within_index", breakdown="provider", returned_visits_30d=1) == ["day|provider"] * 2
    assert found("mart_identity_coded_within_visits", breakdown="reason", coded_reason_visits=2) == ["day|reason"] * 2
    assert found("mart_identity_share_at_most_one", visit_share="1.5") == ["day|total"]
    assert found("mart_identity_minutes_of_locations", visit_minutes=30.02) == ["day"]
    assert found("mart_identity_minutes_of_locations", visit_minutes=30.0172) == []


def test_the_opening_partition_holds_more_than_its_day():
    assert found("mart_identity_day_is_fact_partition", opening="2025-03-20", visits=3) == []
