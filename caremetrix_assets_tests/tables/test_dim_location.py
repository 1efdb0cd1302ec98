"""dim_location on literal drops: the type by the visits seen, regions, newest attributes, rooms and the start of the feed."""

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
    rows = places([], [{"id": o, "state": "MA", "zip": z} for o, z in zips.items()] + [{"id": "e", "zip": "02081"}, {"id": "f"}])
    assert {r["location_id"]: (r["region"], r["zip"]) for r in rows} == {
        "a": ("MA020", "02081"),
        "b": ("MA015", "015456406"),
        "c": ("MA020", "2081"),
        "d": ("MA", None),
        "e": ("020", "02081"),
        "f": (None, None),
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


CAPACITY = ["room_count", "chair_count", "opens_at_minute", "closes_at_minute", "open_weekdays", "capacity_minutes_per_open_day"]


def room(name: str, organization: str = "a", **more: object) -> Row:
    hours = {"opens": "08:00", "closes": "18:00", "weekdays": "12345", "room_type": "exam", "is_active": True}
    return {"room_id": name, "organization_id": organization, **hours, **more}


def test_capacity_is_null_without_the_practices_own_files():
    row = places([], [{"id": "a"}])[0]
    assert {row[c] for c in [*CAPACITY, "feed_start_date"]} == {None}


def with_feed(dates: list[str], drops: list[Row] | None = None, **given: list[Row]) -> list[Row]:
    full = {"raw_organizations": [{"id": "a"}, {"id": "b"}], **{f"raw_{name}": rows for name, rows in given.items()}}
    built = build("dim_location", given=full, dates=dates, drops=drops)
    return sorted((r for r in built if r["location_key"] > 0), key=lambda r: (r["partition_date"], r["location_id"]))


def test_capacity_is_that_of_the_rooms_in_use():
    rooms = [
        room("r1", weekdays="135"),
        room("r2", room_type="chair", opens="07:30", closes="12:00", weekdays="26"),
        room("r3", room_type="chair", opens="06:00", closes="23:00", weekdays="7", is_active=False),
        room("r4", opens="05:00", valid_from="2025-02-01"),
        room("r5", "b", is_active=False),
    ]
    a, b = with_feed(["2025-01-31"], rooms=rooms)
    # 600 and 270 minutes; a closed room counts for nothing
    assert [a[c] for c in CAPACITY] == [2, 1, 450, 1080, "12356", 870]
    assert [b[c] for c in CAPACITY] == [0, 0, None, None, None, 0]


def test_rooms_are_those_of_the_drops_up_to_the_day():
    rooms = [
        room("r1", partition_date="2025-01-10"),
        room("r1", closes="10:00", partition_date="2025-01-20", change_type="update"),
        room("r1", partition_date="2025-01-25", change_type="delete"),
        room("r2", valid_from="2025-01-22", partition_date="2025-01-20"),
    ]
    rows = [r for r in with_feed([f"2025-01-{d}" for d in ("09", "10", "20", "22", "25")], rooms=rooms) if r["location_id"] == "a"]
    assert [(r["room_count"], r["capacity_minutes_per_open_day"]) for r in rows] == [(None, None), (1, 600), (1, 120), (2, 720), (1, 600)]


CLAIMS = [{"id": f"c{n}", "appointmentid": f"e{n}"} for n in (1, 2)]
VISITS = [visit(1, "a", "wellness"), visit(2, "b", "wellness")]


def event(claim: str, seq: int, day: str, **more: object) -> Row:
    return {"claim_id": claim, "event_seq": seq, "event": "submitted", "event_at": f"{day} 23:30:00", **more}


def receipt(name: str, claim: str, day: str, entry_type: str = "payment", **more: object) -> Row:
    return {"receipt_id": name, "claim_id": claim, "posted_date": day, "entry_type": entry_type, **more}


def starts(dates: list[str], drops: list[Row] | None = None, **feed: list[Row]) -> list[tuple[date | None, date | None]]:
    """Per date the feed's start at a and at b; claim c1 is of a, c2 of b."""
    rows = with_feed(dates, drops, claims=CLAIMS, encounters=VISITS, **feed)
    days = sorted({r["partition_date"] for r in rows})
    by_place = {(r["partition_date"], r["location_id"]): r["feed_start_date"] for r in rows}
    return [(by_place[d, "a"], by_place[d, "b"]) for d in days]


def test_feed_starts_with_the_first_event_of_a_claim_else_the_first_payment():
    events = [event("c1", 2, "2024-03-05"), event("c1", 1, "2024-03-02")]
    receipts = [receipt("x1", "c1", "2024-02-01"), receipt("x2", "c2", "2024-04-02"), receipt("x3", "c2", "2024-04-01", "courtesy")]
    assert starts(["2025-01-31"], claim_events=events, receipts=receipts) == [(date(2024, 3, 2), date(2024, 4, 2))]


def test_feed_start_is_what_the_newest_manifest_of_the_feeds_producer_states():
    drops = [
        {"drop_id": "d1", "drop_date": "2025-01-01", "drop_sequence": 0, "producer": "clinic", "practice_start": "2024-05-01"},
        {"drop_id": "d2", "drop_date": "2025-01-10", "drop_sequence": 0, "producer": "clinic"},
        {"drop_id": "d3", "drop_date": "2025-01-20", "drop_sequence": 0, "producer": "clinic", "practice_start": "2024-06-01"},
        {"drop_id": "d4", "drop_date": "2025-01-05", "drop_sequence": 0, "producer": "other", "practice_start": "2020-01-01"},
    ]
    blocks = [{"schedule_id": "s1", "organization_id": "b", "drop_id": "d2", "partition_date": "2025-01-10"}]
    found = starts(
        ["2025-01-09", "2025-01-10", "2025-01-20"], drops, claim_events=[event("c1", 1, "2024-03-02")], provider_schedules=blocks
    )
    assert found == [
        (date(2024, 5, 1), None),
        (date(2024, 5, 1), date(2024, 5, 1)),
        (date(2024, 6, 1), date(2024, 6, 1)),
    ]
    # without a stated start a schedule alone starts nothing
    assert starts(["2025-01-31"], provider_schedules=blocks) == [(None, None)]
    rooms = [room("r1", drop_id="d1")]
    assert starts(["2025-01-31"], drops[:1], rooms=rooms) == [(date(2024, 5, 1), None)]


def test_feed_start_knows_the_drops_up_to_the_day_only():
    events = [
        event("c1", 1, "2025-01-12"),
        event("c1", 2, "2025-01-14", partition_date="2025-01-15"),
        event("c1", 1, "2025-01-11", partition_date="2025-01-20", change_type="update"),
        event("c1", 1, "2025-01-11", partition_date="2025-01-25", change_type="delete"),
    ]
    found = starts([f"2025-01-{d}" for d in ("11", "12", "20", "25")], claim_events=events)
    assert [a for a, _ in found] == [None, date(2025, 1, 12), date(2025, 1, 11), date(2025, 1, 14)]


def test_reserved_members():
    rows = build("dim_location")
    assert [(r["location_key"], r["organization_key"], r["location_type"], r["open_weekdays"]) for r in rows] == [
        (-3, None, "All", "All"),
        (-2, None, "Not applicable", "Not applicable"),
        (-1, None, "Unknown", "Unknown"),
    ]
