"""fact_clinician on literal visits, procedures and orders: the visit of the row says who did it."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
DIMS: dict[str, list[Row]] = {
    "dim_procedure": [{"procedure_key": 11, "code_system": "SNOMED", "procedure_code": "430193006"}],
    "dim_medication": [{"medication_key": 12, "medication_code": "314076"}],
    "dim_reason": [
        {"reason_key": 21, "code_system": "SNOMED", "reason_code": "38341003"},
        {"reason_key": 22, "code_system": "ICD10", "reason_code": "I10"},
        {"reason_key": 90, "code_system": "CAREMETRIX", "reason_code": "NOT_RECORDED"},
    ],
    "dim_encounter": [{"encounter_key": 31, "encounter_id": "e1"}, {"encounter_key": 32, "encounter_id": "e2"}],
    "dim_patient": [{"patient_key": 41, "patient_id": "p1", **ALWAYS}],
    "dim_provider": [
        {"provider_key": 51, "provider_id": "d1", "valid_from": "1900-01-01", "valid_to": "2025-01-06"},
        {"provider_key": 52, "provider_id": "d1", "valid_from": "2025-01-06", "valid_to": "9999-12-31"},
        {"provider_key": 53, "provider_id": "d2", **ALWAYS},
    ],
    "dim_organization": [{"organization_key": 61, "organization_id": "o1", **ALWAYS}],
}


def visit(name: str = "e1", provider: str = "d1", start: str = "2025-01-05 10:00:00", **more: object) -> Row:
    row = {"id": name, "start": start, "stop": "2025-01-05 10:20:00", "patient": "p1", "provider": provider, "organization": "o1"}
    return {**row, **more}


def done(start: str = "2025-01-05 10:00:00", **more: object) -> Row:
    row = {"start": start, "stop": "2025-01-05 10:07:30", "patient": "p1", "encounter": "e1", "code": "430193006"}
    return {**row, "base_cost": "431.40", "system": "SNOMED-CT", **more}


def ordered(start: str = "2025-01-05 10:00:00", **more: object) -> Row:
    row = {"start": start, "stop": None, "patient": "p1", "payer": "y1", "encounter": "e1", "code": "314076", "base_cost": "10.50"}
    return {**row, "payer_coverage": "4.00", "dispenses": 12, "totalcost": "126.00", **more}


def activities(
    visits: list[Row], procedures: list[Row] | None = None, medications: list[Row] | None = None, **given: list[Row]
) -> list[Row]:
    files = {"raw_encounters": visits, "raw_procedures": procedures or [], "raw_medications": medications or []}
    rows = build("fact_clinician", given={**DIMS, **files, **given}, dates=["2026-12-31"], opening="2000-01-01")
    return sorted(rows, key=lambda r: (r["activity_type"], r["date_key"], r["encounter_id"], r["fact_clinician_sk"]))


def test_a_row_per_visit_procedure_and_order():
    """Two orders of one moment and code are two rows."""
    rows = activities([visit(), visit("e2", "d2")], [done()], [ordered(), ordered(source_ordinal=1)])
    counts = ("visit_count", "procedure_count", "medication_count")
    assert [(r["activity_type"], *(r[c] for c in counts)) for r in rows] == [
        ("encounter", 1, 0, 0),
        ("encounter", 1, 0, 0),
        ("medication", 0, 0, 1),
        ("medication", 0, 0, 1),
        ("procedure", 0, 1, 0),
    ]
    assert len({r["fact_clinician_sk"] for r in rows}) == 5


def test_the_clinician_is_that_of_the_rows_own_visit_in_the_version_of_the_day():
    rows = activities([visit(), visit("e2", "d2")], [done(), done("2025-01-06 00:00:00")], [ordered(encounter="e2")])
    keys = ("provider_id", "provider_key", "encounter_key", "date_key")
    assert [[r[k] for k in keys] for r in rows] == [
        ["d1", 51, 31, 20250105],
        ["d2", 53, 32, 20250105],
        ["d2", 53, 32, 20250105],
        ["d1", 51, 31, 20250105],
        ["d1", 52, 31, 20250106],
    ]
    assert {(r["patient_key"], r["organization_key"], r["patient_id"]) for r in rows} == {(41, 61, "p1")}


def test_what_and_why():
    rows = activities(
        [visit(reasoncode="38341003"), visit("e2")],
        [done(reasoncode="I10"), done("2025-01-06 00:00:00", code="5", reasoncode="5")],
        [ordered(), ordered("2025-01-06 00:00:00", code="6")],
    )
    assert [(r["activity_type"], r["procedure_key"], r["medication_key"], r["reason_key"]) for r in rows] == [
        ("encounter", -2, -2, 21),
        ("encounter", -2, -2, 90),
        ("medication", -2, 12, 90),
        ("medication", -2, -1, 90),
        ("procedure", 11, -2, 22),
        ("procedure", -1, -2, -1),
    ]


def test_money_and_minutes():
    held, order, procedure = activities([visit()], [done()], [ordered(stop="2025-03-05 10:00:00")])
    money = ("procedure_cost_amount", "medication_unit_cost_amount", "medication_total_cost_amount", "medication_payer_coverage_amount")
    assert [held[m] for m in money] == [None] * 4
    assert [procedure[m] for m in money] == [Decimal("431.40"), None, None, None]
    assert [order[m] for m in money] == [None, Decimal("10.50"), Decimal("126.00"), Decimal("4.00")]
    assert [r["medication_dispenses"] for r in (held, order, procedure)] == [None, 12, None]
    assert [r["medication_end_at"] for r in (held, order, procedure)] == [None, datetime(2025, 3, 5, 10), None]
    assert [r["duration_minutes"] for r in (held, order, procedure)] == [20.0, None, 7.5]


def test_the_end_of_an_order_is_no_part_of_its_name():
    def names(stop: str | None) -> list[str]:
        return [r["fact_clinician_sk"] for r in activities([visit()], [done(stop=None)], [ordered(stop=stop, source_ordinal=3)])]

    texts = [
        "clinician|encounter|e1",
        "clinician|medication|2025-01-05T10:00:00Z|p1|e1|314076|3",
        "clinician|procedure|2025-01-05T10:00:00Z||p1|e1|430193006",
    ]
    assert names(None) == names("2025-03-05 10:00:00") == [hashlib.md5(t.encode()).hexdigest() for t in texts]


def test_rows_fold_and_wait_by_their_own_day():
    rows = build(
        "fact_clinician",
        given={
            **DIMS,
            "raw_encounters": [visit(start="2024-12-31 23:59:59"), visit("e2")],
            "raw_medications": [ordered("2025-01-02 09:00:00")],
        },
        dates=["2025-01-02"],
    )
    assert sorted((r["activity_type"], r["partition_date"]) for r in rows) == [
        ("encounter", date(2025, 1, 1)),
        ("medication", date(2025, 1, 2)),
    ]
