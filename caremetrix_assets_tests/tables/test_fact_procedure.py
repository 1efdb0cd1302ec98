"""fact_procedure on literal procedures: the claim line, shares of time, the usual fee, keys."""

import hashlib
from datetime import date
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
CODES = [
    {"procedure_key": 1, "code_system": "SNOMED", "procedure_code": "430193006"},
    {"procedure_key": 2, "code_system": "SNOMED", "procedure_code": "710824005"},
    {"procedure_key": 3, "code_system": "CDT", "procedure_code": "D1110"},
    {"procedure_key": 4, "code_system": "OTHER", "procedure_code": "X-1"},
]
REASONS = [
    {"reason_key": 70, "code_system": "SNOMED", "reason_code": "38341003"},
    {"reason_key": 71, "code_system": "ICD10", "reason_code": "E11.9"},
    {"reason_key": 90, "code_system": "CAREMETRIX", "reason_code": "NOT_RECORDED"},
]


def done(
    code: str = "430193006", start: str = "2025-01-05 10:00:00", cost: str | None = "100.00", visit: str = "e1", **more: object
) -> Row:
    row = {"start": start, "stop": start, "patient": "p1", "encounter": visit, "code": code, "base_cost": cost}
    return {**row, "system": "SNOMED-CT", **more}


def visit(name: str = "e1", start: str = "2025-01-05 10:00:00", stop: str = "2025-01-05 11:00:00") -> Row:
    return {"id": name, "start": start, "stop": stop, "patient": "p1", "provider": "d1", "organization": "o1", "payer": "y1"}


def procedures(rows: list[Row], newest: str = "2026-12-31", opening: str = "2000-01-01", **given: list[Row]) -> list[Row]:
    base = {"raw_encounters": [visit()], "dim_procedure": CODES, "dim_reason": REASONS}
    found = build("fact_procedure", given={**base, "raw_procedures": rows, **given}, dates=[newest], opening=opening)
    return sorted(found, key=lambda r: (r["started_at"], r["ended_at"] or r["started_at"], r["procedure_key"]))


def line(number: int, key: int = 1, amount: str = "80.00", kind: str = "procedure", visit_id: str = "e1", claim: str = "c1") -> Row:
    row = {"claim_id": claim, "line_number": number, "encounter_id": visit_id, "procedure_key": key, "line_kind": kind}
    return {**row, "charge_amount": amount, "partition_date": "2025-01-05"}


def test_the_nth_procedure_of_a_code_has_the_nth_line_of_the_code():
    """By start, then stop; other codes, other visits and vaccines of the code do not count."""
    rows = procedures(
        [
            done(start="2025-01-05 10:30:00", stop="2025-01-05 10:50:00"),
            done(start="2025-01-05 10:30:00", stop="2025-01-05 10:40:00"),
            done(start="2025-01-05 10:00:00", stop="2025-01-05 11:00:00"),
            done("710824005", "2025-01-05 10:05:00", "7.00"),
            done(start="2025-01-06 10:00:00", visit="e2"),
        ],
        fact_claim_line=[
            line(1, 1, "1.00", "visit"),
            line(2, amount="20.00"),
            line(3, 2, "9.00"),
            line(4, amount="40.00"),
            line(5, 1, "3.00", "immunization"),
        ],
    )
    found = [(f"{r['started_at']:%H:%M}", f"{r['ended_at']:%H:%M}", r["claim_id"], r["line_number"], r["gross_fee_amount"]) for r in rows]
    assert found == [
        ("10:00", "11:00", "c1", 2, Decimal("20.00")),
        ("10:05", "10:05", "c1", 3, Decimal("9.00")),
        ("10:30", "10:40", "c1", 4, Decimal("40.00")),
        ("10:30", "10:50", None, None, Decimal("100.00")),  # no line: the base cost
        ("10:00", "10:00", None, None, Decimal("100.00")),
    ]


def test_minutes_of_the_visit_are_shared_by_cost():
    """60 minutes; 30.00, 60.00 and 0.00 of 90.00."""
    rows = procedures([done(cost="30.00"), done("710824005", cost="60.00"), done("D1110", cost="0.00", system="CDT")])
    assert [(r["procedure_key"], r["allocated_minutes"]) for r in rows] == [(1, 20.0), (2, 40.0), (3, 0.0)]


def test_minutes_are_shared_equally_when_nothing_costs_anything():
    rows = procedures([done(cost="0.00"), done("710824005", cost=None), done("D1110", cost="0.00", system="CDT")])
    assert [r["allocated_minutes"] for r in rows] == [20.0, 20.0, 20.0]


def test_shares_are_exact_to_six_decimals():
    """61 seconds in three equal parts: 20.333333 seconds are 0.338889 minutes."""
    rows = procedures(
        [done(), done("710824005"), done("D1110", system="CDT")],
        raw_encounters=[visit(stop="2025-01-05 10:01:01")],
    )
    assert [r["allocated_minutes"] for r in rows] == [0.338889, 0.338889, 0.338889]


def test_usual_fee_is_the_discrete_median_of_the_year_before():
    year_2024 = [done(start=f"2024-0{m}-01 10:00:00", cost=f"{m}0.00") for m in range(1, 7)]
    rows = procedures([*year_2024, done(start="2023-12-31 23:00:00", cost="999.00"), done(cost="500.00")])
    fees = {r["started_at"].year: r["standard_fee_amount"] for r in rows}
    # of 10 .. 60 the smallest value with half of the rows; 2024 has one row before it, 2023 none
    assert fees == {2023: None, 2024: Decimal("999.00"), 2025: Decimal("30.00")}


def test_usual_fee_of_under_five_rows_takes_all_years_before():
    before = [done(start=f"20{y}-01-01 10:00:00", cost=c) for y, c in ((10, "90.00"), (11, "91.00"), (12, "92.00"))]
    year_2024 = [done(start=f"2024-0{m}-01 10:00:00", cost=f"{m}5.00") for m in range(1, 5)]
    rows = procedures([*before, *year_2024, done(cost="500.00"), done("710824005", cost="8.00")])
    fees = {r["procedure_key"]: r["standard_fee_amount"] for r in rows if r["started_at"].year == 2025}
    # seven rows 15 25 35 45 90 91 92: the fourth, where the year alone would give 25; the other code has no row before
    assert fees == {1: Decimal("45.00"), 2: None}


def test_keys_are_the_visits_in_the_version_of_the_day():
    rows = procedures(
        [
            done(start="2025-01-06 00:30:00", reasoncode="38341003"),
            done("710824005", "2025-01-06 00:31:00", reasoncode="5"),
            done("710824005", "2025-01-06 00:32:00", reasoncode="E11.9"),
            done("999"),
        ],
        dim_encounter=[{"encounter_key": 20, "encounter_id": "e1"}],
        dim_patient=[{"patient_key": 30, "patient_id": "p1", **ALWAYS}],
        dim_provider=[
            {"provider_key": 40, "provider_id": "d1", "valid_from": "1900-01-01", "valid_to": "2025-01-06"},
            {"provider_key": 41, "provider_id": "d1", "valid_from": "2025-01-06", "valid_to": "9999-12-31"},
        ],
        dim_organization=[{"organization_key": 50, "organization_id": "o1", **ALWAYS}],
        dim_location=[{"location_key": 60, "location_id": "o1"}],
        dim_payer=[{"payer_key": 80, "payer_id": "y1", **ALWAYS}],
    )
    names = ("encounter_key", "patient_key", "organization_key", "location_key", "payer_key", "source_key")
    assert [[r[n] for n in names] for r in rows] == [[20, 30, 50, 60, 80, -1]] * 4
    assert [(r["procedure_key"], r["provider_key"], r["reason_key"], r["date_key"]) for r in rows] == [
        (-1, 40, 90, 20250105),
        (1, 41, 70, 20250106),
        (2, 41, -1, 20250106),
        (2, 41, 71, 20250106),
    ]


def test_code_systems():
    """No system is SNOMED; an unknown one is OTHER."""
    rows = procedures(
        [
            done(system=None),
            done("710824005", system="http://snomed.info/sct"),
            done("D1110", system="http://www.ada.org/cdt"),
            done("X-1", system="local"),
        ]
    )
    assert [r["procedure_key"] for r in rows] == [1, 2, 3, 4]


def test_patient_type_is_the_visits_whatever_the_day():
    rows = procedures(
        [done(start="2025-02-01 10:00:00")],
        fact_appointment=[
            {"encounter_id": "e1", "patient_id": "p1", "patient_type": "new", "visit_seq": 1, "date_key": 20250105},
            {"encounter_id": "e2", "patient_id": "p1", "patient_type": "established", "visit_seq": 2, "date_key": 20250120},
        ],
    )
    assert rows[0]["patient_type"] == "new"


def test_before_its_visit_is_dated_a_procedure_has_the_type_of_the_latest_visit():
    def seen(patient: str, day: int, kind: str, seq: int | None) -> Row:
        return {"encounter_id": f"{patient}-{day}", "patient_id": patient, "patient_type": kind, "visit_seq": seq, "date_key": day}

    rows = procedures(
        [done(patient=p, visit=f"future-{p}") for p in ("p1", "p2", "p3", "p4")],
        fact_appointment=[
            seen("p1", 20250104, "new", 1),
            seen("p2", 20250105, "new", 1),
            seen("p3", 20240105, "new", 1),
            seen("p3", 20250103, "reactivated", 2),
            seen("p3", 20250106, "established", 3),
            seen("p4", 20250105, "established", None),
        ],
    )
    assert {r["patient_id"]: r["patient_type"] for r in rows} == {
        "p1": "established",
        "p2": "new",
        "p3": "reactivated",
        "p4": "prospect",
    }


def test_names_constants_and_what_a_procedure_without_a_line_lacks():
    row = procedures([done(stop="2025-01-05 10:07:30"), done("710824005", stop=None)])
    key = "procedure|2025-01-05T10:00:00Z|2025-01-05T10:07:30Z|p1|e1|430193006"
    open_key = "procedure|2025-01-05T10:00:00Z||p1|e1|710824005"
    found = {r["procedure_key"]: r for r in row}
    assert {k: r["procedure_sk"] for k, r in found.items()} == {
        1: hashlib.md5(key.encode()).hexdigest(),
        2: hashlib.md5(open_key.encode()).hexdigest(),
    }
    assert (found[1]["duration_minutes"], found[2]["duration_minutes"]) == (7.5, None)
    assert (found[1]["quantity"], found[1]["is_planned"], found[1]["base_cost_amount"]) == (1, False, Decimal("100.00"))
    waiting = ("payer_paid_amount", "patient_paid_amount", "adjustment_amount")
    assert [found[1][n] for n in waiting] == [None, None, None]


def test_rows_fold_and_wait_by_their_own_day():
    rows = procedures(
        [done(start="2024-12-31 10:00:00"), done(start="2025-01-02 10:00:00"), done(start="2025-01-03 00:00:00")],
        newest="2025-01-02",
        opening="2025-01-01",
    )
    assert [r["partition_date"] for r in rows] == [date(2025, 1, 1), date(2025, 1, 2)]
