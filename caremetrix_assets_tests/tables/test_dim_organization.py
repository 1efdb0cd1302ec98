"""dim_organization on literal drops: two numbers in one telephone field, ZIP as text, counters."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def organization(day: str, **more: object) -> Row:
    """A row of the change log: organization o1 as the drop of ``day`` has it."""
    return {"id": "o1", "name": "Clinic", "zip": "02081", "revenue": "0.00", "partition_date": day, **more}


def versions(rows: list[Row], dates: list[str] | None = None) -> list[Row]:
    built = build("dim_organization", given={"raw_organizations": rows}, dates=dates or ["2025-01-31"])
    return [r for r in sorted(built, key=lambda r: (r["partition_date"], r["valid_from"])) if r["organization_key"] > 0]


def test_a_telephone_field_with_two_numbers_is_split():
    phones = ["978-342-9781 Or 978-342-9782", "5088451232", None]
    rows = versions([organization("2025-01-01", id=f"o{i}", phone=p) for i, p in enumerate(phones)])
    assert {r["organization_id"]: (r["phone_primary"], r["phone_alternate"]) for r in rows} == {
        "o0": ("978-342-9781", "978-342-9782"),
        "o1": ("5088451232", None),
        "o2": (None, None),
    }


def test_zip_keeps_its_leading_zero():
    assert versions([organization("2025-01-01")])[0]["zip"] == "02081"


def test_utilization_is_overwritten_a_new_name_is_a_version():
    rows = versions(
        [
            organization("2025-01-01", utilization=1),
            organization("2025-01-02", utilization=2),
            organization("2025-01-03", utilization=3, name="Clinic North"),
            organization("2025-01-04", utilization=4, name="Clinic North"),
        ]
    )
    assert [(r["organization_name"], r["utilization_counter"], r["valid_from"], r["is_current"]) for r in rows] == [
        ("Clinic", 2, date(1900, 1, 1), False),
        ("Clinic North", 4, date(2025, 1, 3), True),
    ]
    assert rows[1]["organization_key"] == stable_key("organization", "o1", "2025-01-03")
    assert rows[0]["revenue"] == Decimal("0.00")


def test_the_same_number_in_two_spellings_of_one_field_is_no_version():
    rows = versions([organization("2025-01-01", phone="1 Or 2"), organization("2025-01-02", phone="1 Or 2 ")])
    assert len(rows) == 1


def test_late_drops_give_the_same_versions_as_drops_in_order():
    log = [organization("2025-01-01"), organization("2025-01-05", city="Lowell"), organization("2025-01-09", city="Salem")]
    assert versions(log) == versions(log[::-1])


def test_reserved_members():
    rows = build("dim_organization")
    assert [(r["organization_key"], r["member_key"], r["phone_primary"], r["latitude"]) for r in rows] == [
        (-3, -3, "All", None),
        (-2, -2, "Not applicable", None),
        (-1, -1, "Unknown", None),
    ]


def test_check_digit_of_the_npi(tmp_path: Path):
    table = load_catalog().table("dim_organization")

    def checked(*npis: str | None) -> tuple[str, str]:
        rows = [{"organization_key": i, "organization_id": f"x{i}", "npi": n} for i, n in enumerate(npis, 1)]
        unknown = {"organization_key": -1, "organization_id": "Unknown", "npi": "Unknown"}
        result = Lab(tmp_path, table).stage([*rows, unknown]).run().of("npi_check_digit")
        return result.status, result.sample_keys or ""

    assert checked("1234567893", "1245319599", None) == ("passed", "")
    assert checked("1234567893", "1234567894", "123456789", "12345678931", "123456789X") == ("warned", "x2 x3 x4 x5")
    assert checked(None)[0] == "not_applicable"
