"""dim_patient_source on literal touches: one member per channel and source; without touches the reserved members."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def touch(seq: int, channel: str, name: str | None, cost: str | None = None, **more: object) -> Row:
    return {"patient_id": "p1", "touch_seq": seq, "channel": channel, "source_name": name, "cost": cost, **more}


def sources(touches: list[Row], dates: list[str] | None = None) -> list[Row]:
    built = build("dim_patient_source", given={"raw_patient_sources": touches}, dates=dates or ["2025-01-31"])
    return [r for r in built if r["source_key"] > 0]


def test_a_source_is_channel_and_name():
    rows = sources(
        [
            touch(1, "online", "maps"),
            touch(2, "online", "maps", "3.00"),
            touch(3, "online", "web", "0.00"),
            touch(4, "campaign", "maps"),
            touch(5, "walk_in", None),
        ]
    )
    assert {(r["channel"], r["source_name"]): r["is_paid"] for r in rows} == {
        ("online", "maps"): True,
        ("online", "web"): False,
        ("campaign", "maps"): False,
        ("walk_in", None): False,
    }
    by_name = {(r["channel"], r["source_name"]): r["source_key"] for r in rows}
    assert by_name["online", "maps"] == stable_key("patient_source", "online", "maps")
    assert by_name["walk_in", None] == stable_key("patient_source", "walk_in", "")


def test_the_change_log_up_to_the_day_counts_and_a_source_stays():
    touches = [
        touch(1, "online", "maps", "3.00", partition_date="2025-01-10"),
        touch(1, "online", "maps", None, partition_date="2025-01-20", change_type="update"),
        touch(1, "online", "maps", None, partition_date="2025-01-25", change_type="delete"),
    ]
    rows = sources(touches, ["2025-01-09", "2025-01-10", "2025-01-20", "2025-01-25"])
    assert [(r["partition_date"].day, r["is_paid"]) for r in rows] == [(10, True), (20, False), (25, False)]


def test_without_touches_only_the_reserved_members():
    rows = build("dim_patient_source", dates=["2025-01-30", "2025-01-31"])
    assert [tuple(r.values()) for r in rows[:3]] == [
        (-3, "All", "All", None, date(2025, 1, 30)),
        (-2, "Not applicable", "Not applicable", None, date(2025, 1, 30)),
        (-1, "Unknown", "Unknown", None, date(2025, 1, 30)),
    ]
    assert [(r["source_key"], r["partition_date"]) for r in rows[3:]] == [(k, date(2025, 1, 31)) for k in (-3, -2, -1)]
