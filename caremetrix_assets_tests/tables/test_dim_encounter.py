"""dim_encounter on literal visits: groups of classes, nights, minutes, partitions by UTC day."""

from datetime import date

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def visits(*rows: Row, **more: object) -> list[Row]:
    full = [{"id": f"e{i}", "start": "2025-01-05 10:00:00", "stop": "2025-01-05 10:15:00", **row} for i, row in enumerate(rows)]
    built = build("dim_encounter", given={"raw_encounters": full}, dates=["2025-01-31"], **more)  # type: ignore[arg-type]
    return [r for r in sorted(built, key=lambda r: r["encounter_id"]) if r["encounter_key"] > 0]


def test_classes_are_grouped():
    classes = [
        "ambulatory",
        "outpatient",
        "wellness",
        "urgentcare",
        "inpatient",
        "snf",
        "hospice",
        "emergency",
        "home",
        "virtual",
        "mystery",
    ]
    rows = {r["encounter_class"]: r["class_group"] for r in visits(*({"encounterclass": c, "id": c} for c in classes))}
    assert rows == {
        "ambulatory": "ambulatory",
        "outpatient": "ambulatory",
        "wellness": "ambulatory",
        "urgentcare": "ambulatory",
        "inpatient": "inpatient",
        "snf": "inpatient",
        "hospice": "inpatient",
        "emergency": "emergency",
        "home": "home",
        "virtual": "virtual",
        "mystery": "other",
    }


def test_nights_count_for_inpatient_visits_only():
    times = {"start": "2025-01-05 23:50:00", "stop": "2025-01-07 00:10:00"}
    rows = visits({"encounterclass": "inpatient", **times}, {"encounterclass": "emergency", **times}, {"encounterclass": "inpatient"})
    assert [r["length_of_stay_days"] for r in rows] == [2, 0, 0]


def test_minutes_are_whole_seconds_over_sixty():
    rows = visits({"stop": "2025-01-05 10:15:30"}, {"stop": None}, {"stop": "2025-01-05 10:00:01"})
    assert [r["duration_minutes"] for r in rows] == [15.5, None, 0.016667]


def test_partition_is_the_utc_day_of_the_start_folded_into_the_opening_one_and_held_back():
    rows = visits(
        {"start": "2025-01-05 23:59:59"},
        {"start": "1999-03-01 08:00:00"},
        {"start": "2025-02-01 00:00:00"},
    )
    assert [(r["encounter_id"], r["partition_date"]) for r in rows] == [("e0", date(2025, 1, 5)), ("e1", date(2025, 1, 1))]


def test_key_and_natural_ids():
    row = visits({"patient": "p1", "provider": "c1", "organization": "o1", "payer": "y1", "code": "308646001", "reasoncode": "1"})[0]
    assert row["encounter_key"] == stable_key("encounter", "e0")
    assert (row["patient_id"], row["provider_id"], row["organization_id"], row["payer_id"]) == ("p1", "c1", "o1", "y1")
    assert (row["reason_code"], row["is_death_certification"]) == ("1", True)
    assert visits({"code": "185349003"})[0]["is_death_certification"] is False


def test_reserved_members_stand_once_in_the_opening_partition():
    rows = build("dim_encounter", dates=["2025-01-30", "2025-01-31"])
    assert [(r["encounter_key"], r["encounter_id"], r["started_at"], r["partition_date"]) for r in rows] == [
        (-3, "All", None, date(2025, 1, 1)),
        (-2, "Not applicable", None, date(2025, 1, 1)),
        (-1, "Unknown", None, date(2025, 1, 1)),
    ]
