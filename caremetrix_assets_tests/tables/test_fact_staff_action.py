"""fact_staff_action on a literal action."""

import hashlib
from datetime import date, datetime

from caremetrix_assets_tests.harness import build

ACTION = {
    "action_id": "x1",
    "user_id": "u1",
    "role": "billing",
    "organization_id": "o1",
    "acted_at": "2025-03-03 23:59:59",
    "module": "claims",
    "action": "create",
    "entity_type": "claim",
    "entity_id": "c1",
    "interface": "batch",
}


def test_an_action_keeps_what_the_file_says_and_gets_its_place():
    (row,) = build(
        "fact_staff_action",
        given={"raw_staff_actions": [ACTION], "dim_location": [{"location_key": 5, "location_id": "o1"}]},
        dates=["2025-12-31"],
    )
    kept = ("action_id", "user_id", "role", "module", "action", "entity_type", "entity_id", "interface")
    assert [row[n] for n in kept] == [ACTION[n] for n in kept]
    assert (row["action_sk"], row["location_key"]) == (hashlib.md5(b"staff_action|x1").hexdigest(), 5)
    assert (row["acted_at"], row["date_key"], row["partition_date"]) == (datetime(2025, 3, 3, 23, 59, 59), 20250303, date(2025, 3, 3))


def test_an_unknown_place_is_minus_one_and_a_later_day_waits():
    rows = build("fact_staff_action", given={"raw_staff_actions": [ACTION]}, dates=["2025-03-03"])
    assert [r["location_key"] for r in rows] == [-1]
    assert build("fact_staff_action", given={"raw_staff_actions": [ACTION]}, dates=["2025-03-02"]) == []
