"""dim_patient_source without the practice's own files: the reserved members, in every snapshot."""

from datetime import date

from caremetrix_assets_tests.harness import build


def test_only_the_reserved_members():
    rows = build("dim_patient_source", dates=["2025-01-30", "2025-01-31"])
    assert [tuple(r.values()) for r in rows[:3]] == [
        (-3, "All", "All", None, date(2025, 1, 30)),
        (-2, "Not applicable", "Not applicable", None, date(2025, 1, 30)),
        (-1, "Unknown", "Unknown", None, date(2025, 1, 30)),
    ]
    assert [(r["source_key"], r["partition_date"]) for r in rows[3:]] == [(k, date(2025, 1, 31)) for k in (-3, -2, -1)]
