"""dim_observation on literal results: one row per kind, the text most used, plausible bounds."""

from pathlib import Path

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.audit.support import Lab
from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key


def result(code: str = "8302-2", **more: object) -> Row:
    given = {"date": "2025-01-01 10:00:00", "patient": "p1", "encounter": "e1", "category": "vital-signs", "code": code, "value": "170"}
    return {**given, "units": "cm", "type": "numeric", "description": "Body Height", **more}


def kinds(rows: list[Row], dates: list[str] | None = None) -> list[Row]:
    built = build("dim_observation", given={"raw_observations": rows}, dates=dates or ["2025-01-31"])
    return [r for r in built if r["observation_key"] > 0]


def test_a_kind_is_category_code_unit_and_value_type():
    rows = kinds(
        [
            result(),
            result(value="171", patient="p2"),
            result(units="[in_i]"),
            result(type="text"),
            result(category="exam"),
            result("QOLS", category=None, units="{score}", description="QOLS", encounter=None),
        ]
    )
    assert {(r["category"], r["observation_code"], r["unit"], r["value_type"]) for r in rows} == {
        ("vital-signs", "8302-2", "cm", "numeric"),
        ("vital-signs", "8302-2", "[in_i]", "numeric"),
        ("vital-signs", "8302-2", "cm", "text"),
        ("exam", "8302-2", "cm", "numeric"),
        (None, "QOLS", "{score}", "numeric"),
    }
    keys = {(r["category"], r["unit"], r["value_type"]): r["observation_key"] for r in rows}
    assert keys["vital-signs", "cm", "numeric"] == stable_key("observation", "vital-signs", "8302-2", "cm", "numeric")
    assert keys[None, "{score}", "numeric"] == stable_key("observation", "", "QOLS", "{score}", "numeric")


def test_code_systems():
    rows = kinds([result(), result("DALY", units="a"), result("160303001", units=None, type="text")])
    assert {r["observation_code"]: r["code_system"] for r in rows} == {"8302-2": "LOINC", "DALY": "GBD", "160303001": "SNOMED"}


def test_plausible_bounds_are_of_code_and_unit_and_for_numbers_only():
    rows = kinds([result(), result(units="[in_i]"), result(type="text"), result("99999-9")])
    assert {(r["observation_code"], r["unit"], r["value_type"]): (r["plausible_low"], r["plausible_high"]) for r in rows} == {
        ("8302-2", "cm", "numeric"): (20.0, 260.0),
        ("8302-2", "[in_i]", "numeric"): (None, None),
        ("8302-2", "cm", "text"): (None, None),
        ("99999-9", "cm", "numeric"): (None, None),
    }


def test_the_most_frequent_text_names_the_kind_then_the_latest_then_the_alphabet():
    two = [result(value=str(i), description="Height") for i in range(2)]
    assert kinds([*two, result(value="9")])[0]["description"] == "Height"
    later = result(value="8", description="Tallness", partition_date="2025-01-02", drop_id="d2")
    assert kinds([two[0], later])[0]["description"] == "Tallness"
    assert kinds([two[0], result(value="7", description="Body Height")])[0]["description"] == "Body Height"


def test_rows_that_were_replaced_or_deleted_no_longer_vote():
    rows = [
        result(value="1", description="Old"),
        result(value="2", description="Old"),
        result(value="3", description="New"),
        result(value="1", description="New", partition_date="2025-01-10", change_type="update"),
        result(value="2", description="Old", partition_date="2025-01-20", change_type="delete"),
    ]
    assert [r["description"] for r in kinds(rows, ["2025-01-09", "2025-01-10", "2025-01-20"])] == ["Old", "New", "New"]
    gone = [result(description="Old"), result(description="Old", partition_date="2025-01-10", change_type="delete")]
    assert [r["description"] for r in kinds(gone)] == ["Old"]


def test_equal_rows_are_counted_by_their_ordinal():
    rows = [result(description="A"), result(description="A", source_ordinal=1), result(value="9", description="B", drop_id="d9")]
    assert kinds(rows)[0]["description"] == "A"


def test_reserved_members():
    rows = build("dim_observation")
    assert [(r["observation_key"], r["category"], r["unit"], r["plausible_low"]) for r in rows] == [
        (-3, "All", "All", None),
        (-2, "Not applicable", "Not applicable", None),
        (-1, "Unknown", "Unknown", None),
    ]


def test_a_kind_without_a_text_is_found(tmp_path: Path):
    table = load_catalog().table("dim_observation")
    rows = [
        {"observation_key": 1, "observation_code": "8302-2", "description": "Body Height"},
        {"observation_key": 2, "observation_code": "8462-4"},
    ]
    assert Lab(tmp_path, table).stage(rows[:1]).run().of("code_known").status == "passed"
    found = Lab(tmp_path, table).stage(rows).run().of("code_known")
    assert (found.status, found.rows_failed, found.sample_keys) == ("failed", 1, "8462-4")
