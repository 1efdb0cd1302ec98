"""dim_location on literal drops: the type by the visits seen, regions, newest attributes of type 1."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def visit(number: int, organization: str, encounter_class: str, **more: object) -> Row:
    return {"id": f"e{number}", "organization": organization, "encounterclass": encounter_class, "start": "2024-06-01 10:00:00", **more}


def places(visits: list[Row], organizations: list[Row], dates: list[str] | None = None) -> list[Row]:
    given = {"raw_encounters": visits, "raw_organizations": organizations}
    return [r for r in build("dim_location", given=given, dates=dates or ["2025-01-31"]) if r["location_key"] > 0]


def test_type_is_the_first_that_fits_the_classes_seen():
    seen = {
        "a": ["wellness", "urgentcare", "inpatient"],
        "b": ["emergency"],
        "c": ["wellness", "urgentcare"],
        "d": ["home", "outpatient"],
        "e": ["home"],
        "f": ["snf", "virtual"],
        "g": [],
    }
    visits = [visit(10 * i + j, o, c) for i, (o, classes) in enumerate(seen.items()) for j, c in enumerate(classes)]
    rows = places(visits, [{"id": o, "name": o} for o in seen])
    assert {r["location_id"]: r["location_type"] for r in rows} == {
        "a": "hospital",
        "b": "hospital",
        "c": "urgent_care",
        "d": "clinic",
        "e": "home",
        "f": "other",
        "g": "other",
    }


def test_classes_count_from_the_day_they_are_known_until_they_are_corrected():
    visits = [
        visit(1, "a", "wellness"),
        visit(2, "a", "inpatient", partition_date="2025-01-10"),
        visit(2, "a", "ambulatory", partition_date="2025-01-20", change_type="update"),
        visit(3, "a", "urgentcare", start="2025-01-25 08:00:00", partition_date="2025-01-20"),
        visit(4, "a", "emergency", partition_date="2025-01-27"),
        visit(4, "a", "emergency", partition_date="2025-01-28", change_type="delete"),
    ]
    dates = ["2025-01-09", "2025-01-10", "2025-01-20", "2025-01-25", "2025-01-27", "2025-01-28"]
    rows = places(visits, [{"id": "a"}], dates)
    assert [r["location_type"] for r in sorted(rows, key=lambda r: r["partition_date"])] == [
        "clinic",
        "hospital",
        "clinic",
        "urgent_care",
        "hospital",
        "urgent_care",
    ]


def test_region_is_state_and_three_digits():
    zips = {"a": "02081", "b": "015456406", "c": "2081", "d": None}
    rows = places([], [{"id": o, "state": "MA", "zip": z} for o, z in zips.items()] + [{"id": "e", "zip": "02081"}])
    assert {r["location_id"]: (r["region"], r["zip"]) for r in rows} == {
        "a": ("MA-020", "02081"),
        "b": ("MA-015", "015456406"),
        "c": ("MA-020", "2081"),
        "d": ("MA", None),
        "e": ("020", "02081"),
    }


def test_attributes_are_the_newest_and_a_deleted_place_stays():
    organizations = [
        {"id": "a", "name": "Old", "city": "Lowell"},
        {"id": "a", "name": "New", "city": "Lowell", "partition_date": "2025-01-10", "change_type": "update"},
        {"id": "a", "name": "New", "partition_date": "2025-01-20", "change_type": "delete"},
    ]
    rows = places([], organizations, ["2025-01-09", "2025-01-31"])
    assert [(r["partition_date"], r["location_name"], r["city"]) for r in rows] == [
        (date(2025, 1, 9), "Old", "Lowell"),
        (date(2025, 1, 31), "New", "Lowell"),
    ]
    assert rows[0]["location_key"] == stable_key("location", "a")
    assert rows[0]["organization_key"] == stable_key("organization", "a", "1900-01-01")


def test_capacity_is_null_without_the_practices_own_files():
    row = places([], [{"id": "a"}])[0]
    columns = ["room_count", "chair_count", "opens_at_minute", "closes_at_minute", "open_weekdays", "capacity_minutes_per_open_day"]
    assert {row[c] for c in [*columns, "feed_start_date"]} == {None}


def test_reserved_members():
    rows = build("dim_location")
    assert [(r["location_key"], r["organization_key"], r["location_type"], r["open_weekdays"]) for r in rows] == [
        (-3, None, "All", "All"),
        (-2, None, "Not applicable", "Not applicable"),
        (-1, None, "Unknown", "Unknown"),
    ]
