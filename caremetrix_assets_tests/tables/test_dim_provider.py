"""dim_provider on literal drops: what is tracked, counters under both names, speciality groups."""

from datetime import date
from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def provider(day: str, **more: object) -> Row:
    """A row of the change log: clinician c1 as the drop of ``day`` has them."""
    return {"id": "c1", "organization": "o1", "name": "Kim", "speciality": "GENERAL PRACTICE", "partition_date": day, **more}


def versions(rows: list[Row], dates: list[str] | None = None) -> list[Row]:
    built = build("dim_provider", given={"raw_providers": rows}, dates=dates or ["2025-01-31"])
    return [r for r in sorted(built, key=lambda r: r["valid_from"]) if r["provider_key"] > 0]


def test_a_move_to_another_organization_is_a_version_a_counter_is_not():
    rows = versions(
        [
            provider("2025-01-01", encounters=5, procedures=0),
            provider("2025-01-03", encounters=9, procedures=0),
            provider("2025-01-10", organization="o2", encounters=11, procedures=2),
        ]
    )
    assert [(r["organization_id"], r["encounter_counter"], r["procedure_counter"], r["valid_from"]) for r in rows] == [
        ("o1", 9, 0, date(1900, 1, 1)),
        ("o2", 11, 2, date(2025, 1, 10)),
    ]
    assert rows[1]["provider_key"] == stable_key("provider", "c1", "2025-01-10")
    assert rows[1]["member_key"] == rows[0]["provider_key"] == stable_key("provider", "c1", "1900-01-01")


def test_gender_and_speciality_are_tracked():
    rows = versions([provider("2025-01-01", gender="F"), provider("2025-01-02", gender="F", speciality="DENTIST")])
    assert [(r["speciality_category"], r["gender"]) for r in rows] == [("general_practice", "F"), ("dental", "F")]


def test_npi_that_arrives_with_a_newer_release_makes_no_version():
    rows = versions([provider("2025-01-01"), provider("2025-01-02", npi="1234567893")])
    assert [(r["npi"], r["valid_from"]) for r in rows] == [("1234567893", date(1900, 1, 1))]


def test_encounter_counter_is_utilization_before_release_3_2():
    assert versions([provider("2025-01-01", utilization=7)])[0]["encounter_counter"] == 7
    assert versions([provider("2025-01-01", utilization=7, encounters=8)])[0]["encounter_counter"] == 8


def test_specialities_are_grouped_whatever_their_case():
    specialities = [
        "Dentist",
        "DENTAL HYGIENIST",
        "CARDIOVASCULAR DISEASE (CARDIOLOGY)",
        "FAMILY PRACTICE",
        "CHIROPRACTIC",
        "WIZARDRY",
        None,
    ]
    rows = versions([provider("2025-01-01", id=f"c{i}", speciality=s) for i, s in enumerate(specialities)])
    assert {r["provider_id"]: r["speciality_category"] for r in rows} == {
        "c0": "dental",
        "c1": "hygiene",
        "c2": "specialist",
        "c3": "general_practice",
        "c4": "other",
        "c5": "other",
        "c6": "other",
    }


def test_reserved_members():
    rows = build("dim_provider")
    assert [(r["provider_key"], r["provider_id"], r["speciality_category"], r["encounter_counter"]) for r in rows] == [
        (-3, "All", "All", None),
        (-2, "Not applicable", "Not applicable", None),
        (-1, "Unknown", "Unknown", None),
    ]


def test_check_digit_of_the_npi(tmp_path: Path):
    table = load_catalog().table("dim_provider")

    def checked(*npis: str | None) -> tuple[str, str]:
        rows = [{"provider_key": i, "provider_id": f"x{i}", "npi": n} for i, n in enumerate(npis, 1)]
        unknown = {"provider_key": -1, "provider_id": "Unknown", "npi": "Unknown"}
        result = Lab(tmp_path, table).stage([*rows, unknown]).run().of("npi_check_digit")
        return result.status, result.sample_keys or ""

    assert checked("1234567893", "1245319599", None) == ("passed", "")
    assert checked("1234567893", "1234567894", "123456789", "12345678931", "123456789X") == ("warned", "x2 x3 x4 x5")
    assert checked(None)[0] == "not_applicable"
