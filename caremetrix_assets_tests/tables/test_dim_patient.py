"""dim_patient on literal drops: versions, snapshot columns, facts about the person, age, the insurer of the day."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key

FIRST, OPEN = date(1900, 1, 1), date(9999, 12, 31)


def patient(day: str, **more: object) -> Row:
    """A row of the change log: patient p1 as the drop of ``day`` has them."""
    return {
        "id": "p1",
        "first": "Ann",
        "last": "Lee",
        "city": "Boston",
        "birthdate": "1980-06-15",
        "gender": "F",
        "partition_date": day,
        "change_type": "update",
        "drop_id": f"drop-{day}",
        **more,
    }


def versions(rows: list[Row], dates: list[str], **given: list[Row]) -> list[Row]:
    """Rows of p1, oldest version first."""
    built = build("dim_patient", given={"raw_patients": rows, **given}, dates=dates)
    return sorted((r for r in built if r["patient_id"] == "p1"), key=lambda r: (r["partition_date"], r["valid_from"]))


def test_a_b_a_over_three_dates_is_three_versions():
    log = [patient("2025-01-01"), patient("2025-01-10", city="Lowell"), patient("2025-01-20", city="Boston")]
    rows = versions(log, ["2025-01-31"])
    assert [(r["city"], r["valid_from"], r["valid_to"], r["is_current"]) for r in rows] == [
        ("Boston", FIRST, date(2025, 1, 10), False),
        ("Lowell", date(2025, 1, 10), date(2025, 1, 20), False),
        ("Boston", date(2025, 1, 20), OPEN, True),
    ]
    assert [r["patient_key"] for r in rows] == [
        stable_key("patient", "p1", "1900-01-01"),
        stable_key("patient", "p1", "2025-01-10"),
        stable_key("patient", "p1", "2025-01-20"),
    ]
    assert {r["member_key"] for r in rows} == {stable_key("patient", "p1", "1900-01-01")}


def test_each_snapshot_knows_only_the_drops_up_to_its_day():
    log = [patient("2025-01-01"), patient("2025-01-10", city="Lowell")]
    rows = versions(log, ["2025-01-09", "2025-01-10"])
    assert [(r["partition_date"], r["city"], r["valid_to"]) for r in rows] == [
        (date(2025, 1, 9), "Boston", OPEN),
        (date(2025, 1, 10), "Boston", date(2025, 1, 10)),
        (date(2025, 1, 10), "Lowell", OPEN),
    ]


def test_several_drops_of_one_date_give_the_values_of_the_last():
    log = [
        patient("2025-01-01"),
        patient("2025-01-10", city="Lowell", drop_sequence=1, drop_id="b"),
        patient("2025-01-10", city="Salem", drop_sequence=2, drop_id="a"),
        patient("2025-01-20", city="Lynn", drop_id="x"),
        patient("2025-01-20", city="Salem", drop_id="y"),
    ]
    assert [(r["city"], r["valid_from"]) for r in versions(log, ["2025-01-31"])] == [("Boston", FIRST), ("Salem", date(2025, 1, 10))]


def test_counters_never_make_a_version_and_older_versions_keep_their_last():
    log = [
        patient("2025-01-01", income=10, healthcare_expenses="1.00"),
        patient("2025-01-05", income=20, healthcare_expenses="2.00"),
        patient("2025-01-10", income=30, healthcare_expenses="3.00", city="Lowell"),
        patient("2025-01-15", income=40, healthcare_expenses="4.00", city="Lowell"),
    ]
    assert [(r["city"], r["income"], r["healthcare_expenses"]) for r in versions(log, ["2025-01-31"])] == [
        ("Boston", 20, Decimal("2.00")),
        ("Lowell", 40, Decimal("4.00")),
    ]
    assert [(r["city"], r["income"]) for r in versions(log, ["2025-01-12"])] == [("Boston", 20), ("Lowell", 30)]


def test_a_null_that_no_drop_filled_before_makes_no_version():
    log = [
        patient("2025-01-01"),
        patient("2025-01-05", middle="May"),
        patient("2025-01-10"),
        patient("2025-01-15", middle="May"),
    ]
    assert [(r["middle_name"], r["valid_from"]) for r in versions(log, ["2025-01-31"])] == [
        ("May", FIRST),
        (None, date(2025, 1, 10)),
        ("May", date(2025, 1, 15)),
    ]


def test_drops_before_the_opening_partition_are_dated_by_their_own_day():
    log = [
        patient("2025-01-01", drop_date="2024-12-01", drop_id="a"),
        patient("2025-01-01", drop_date="2024-12-15", drop_id="b", city="Lowell"),
    ]
    assert [(r["city"], r["valid_from"], r["valid_to"]) for r in versions(log, ["2025-01-01"])] == [
        ("Boston", FIRST, date(2024, 12, 15)),
        ("Lowell", date(2024, 12, 15), OPEN),
    ]


def test_a_deleted_member_keeps_its_versions_the_last_one_open():
    log = [
        patient("2025-01-01"),
        patient("2025-01-10", city="Lowell"),
        {"id": "p1", "partition_date": "2025-01-20", "change_type": "delete"},
    ]
    assert [(r["city"], r["valid_to"], r["is_current"]) for r in versions(log, ["2025-01-31"])] == [
        ("Boston", date(2025, 1, 10), False),
        ("Lowell", OPEN, True),
    ]


def test_birth_death_and_gender_stand_on_every_version_and_make_none():
    log = [
        patient("2025-01-01"),
        patient("2025-01-10", city="Lowell"),
        patient("2025-01-20", city="Lowell", birthdate="1980-06-16", gender="M", deathdate="2025-01-18"),
    ]
    newest = versions(log, ["2025-01-20"])
    assert [(r["birth_date"], r["gender"], r["death_date"], r["is_deceased"]) for r in newest] == [
        (date(1980, 6, 16), "M", date(2025, 1, 18), True)
    ] * 2
    before = versions(log, ["2025-01-19"])
    assert [(r["birth_date"], r["gender"], r["death_date"], r["is_deceased"]) for r in before] == [
        (date(1980, 6, 15), "F", None, False)
    ] * 2


def test_a_death_after_the_snapshot_is_not_yet_one():
    rows = versions([patient("2025-01-01", deathdate="2025-01-10")], ["2025-01-09", "2025-01-10"])
    assert [(r["partition_date"].day, r["is_deceased"]) for r in rows] == [(9, False), (10, True)]


def test_age_of_the_29th_of_february_is_completed_on_the_1st_of_march():
    rows = versions([patient("2025-01-01", birthdate="2020-02-29")], ["2025-02-28", "2025-03-01"])
    assert [(r["age_years"], r["age_band"]) for r in rows] == [(4, "0-4"), (5, "5-17")]


def test_age_stops_at_death_and_is_null_before_birth():
    rows = versions([patient("2025-01-01", birthdate="2025-01-05", deathdate=None)], ["2025-01-04", "2025-01-05"])
    assert [(r["age_years"], r["age_band"]) for r in rows] == [(None, None), (0, "0-4")]
    dead = versions([patient("2025-01-01", birthdate="1980-06-15", deathdate="2020-06-14")], ["2025-01-31"])
    assert [(r["age_years"], r["age_band"]) for r in dead] == [(39, "35-49")]


def test_an_older_version_keeps_the_age_of_its_last_day():
    log = [patient("2025-01-01", birthdate="2007-01-10"), patient("2025-01-10", birthdate="2007-01-10", city="Lowell")]
    assert [(r["city"], r["age_years"], r["age_band"]) for r in versions(log, ["2025-01-31"])] == [
        ("Boston", 17, "5-17"),
        ("Lowell", 18, "18-34"),
    ]


def test_names_codes_and_marital_status_are_spelled_out():
    row = versions([patient("2025-01-01", middle="May", marital="W", zip="02081")], ["2025-01-31"])[0]
    assert (row["full_name"], row["marital_status"], row["zip"], row["zip3"]) == ("Ann May Lee", "Widowed", "02081", "020")
    assert row["birth_year"] == 1980
    assert versions([patient("2025-01-01")], ["2025-01-31"])[0]["full_name"] == "Ann Lee"


def span(start: str, end: str | None, payer: str, **more: object) -> Row:
    """A coverage span of p1."""
    return {"patient": "p1", "start_date": f"{start} 21:15:00", "end_date": end and f"{end} 21:15:00", "payer": payer, **more}


def test_current_payer_is_that_of_the_span_holding_the_day():
    given = {
        "raw_payers": [{"id": "aetna"}, {"id": "humana"}],
        "raw_payer_transitions": [span("2024-01-10", "2025-01-10", "aetna"), span("2025-01-10", "2025-01-20", "humana")],
    }
    rows = versions([patient("2025-01-01")], ["2025-01-09", "2025-01-10", "2025-01-20"], **given)
    assert [r["current_payer_key"] for r in rows] == [
        stable_key("payer", "aetna", "1900-01-01"),
        stable_key("payer", "humana", "1900-01-01"),
        -2,
    ]


def test_current_payer_follows_the_change_log_and_spans_without_length_do_not_count():
    given = {
        "raw_payers": [{"id": "aetna"}, {"id": "late", "partition_date": "2025-01-15"}],
        "raw_payer_transitions": [
            span("2024-01-10", None, "aetna"),
            span("2024-01-10", "2025-01-05", "aetna", partition_date="2025-01-06", change_type="update"),
            span("2025-01-08", "2025-01-08", "aetna"),
            span("2025-01-12", None, "late"),
            span("2025-01-12", None, "late", partition_date="2025-01-20", change_type="delete"),
        ],
    }
    rows = versions([patient("2025-01-01")], ["2025-01-05", "2025-01-06", "2025-01-08", "2025-01-14", "2025-01-15", "2025-01-20"], **given)
    aetna, late = stable_key("payer", "aetna", "1900-01-01"), stable_key("payer", "late", "1900-01-01")
    assert [r["current_payer_key"] for r in rows] == [aetna, -2, -2, -1, late, -2]


def test_reserved_members_stand_in_every_snapshot():
    rows = build("dim_patient", dates=["2025-01-01", "2025-01-02"])
    assert [(r["patient_key"], r["last_name"], r["age_band"], r["partition_date"].day) for r in rows] == [
        (-3, "All", "All", 1),
        (-2, "Not applicable", "Not applicable", 1),
        (-1, "Unknown", "Unknown", 1),
        (-3, "All", "All", 2),
        (-2, "Not applicable", "Not applicable", 2),
        (-1, "Unknown", "Unknown", 2),
    ]
    unknown = rows[2]
    assert (unknown["member_key"], unknown["is_current"], unknown["valid_from"], unknown["valid_to"]) == (-1, True, FIRST, OPEN)
    assert {unknown[c] for c in ("birth_date", "is_deceased", "age_years", "income", "current_payer_key", "latitude")} == {None}


def test_nobody_dies_before_birth_or_gets_older_than_120(tmp_path: Path):
    table = load_catalog().table("dim_patient")

    def checked(**row: object) -> tuple[str, str]:
        result = Lab(tmp_path, table).stage([{"patient_key": 1, "patient_id": "p1", **row}]).run().of("birth_le_death")
        return result.status, result.sample_keys or ""

    born = date(1900, 1, 2)
    assert checked(birth_date=born, death_date=born, age_years=120) == ("passed", "")
    assert checked(birth_date=born, death_date=date(1900, 1, 1)) == ("failed", "p1")
    assert checked(birth_date=born, age_years=121) == ("failed", "p1")
