"""fact_procedure's money and plans: what was paid on its claim line up to the newest day, and which procedures were planned."""

from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

CODE, OTHER = "430193006", "710824005"
CODES = [{"procedure_key": n, "code_system": "SNOMED", "procedure_code": c} for n, c in ((1, CODE), (2, OTHER))]


def done(code: str = CODE, hour: int = 10, visit: str = "e1") -> Row:
    start = f"2025-03-01 {hour}:00:00"
    return {"start": start, "stop": start, "patient": "p1", "encounter": visit, "code": code, "system": "SNOMED-CT", "base_cost": "100.00"}


def line(number: int, key: int = 1) -> Row:
    return {"claim_id": "c1", "line_number": number, "encounter_id": "e1", "procedure_key": key, "line_kind": "procedure"}


def entry(number: int, amount: str, day: str, kind: str = "payment", party: str = "patient", **more: object) -> Row:
    money = kind in ("payment", "refund", "takeback")
    base = {"claim_id": "c1", "line_number": number, "party": party, "entry_type": kind, "posted_date": day, "service_date": "2025-03-01"}
    return {**base, "payment_amount": amount if money else "0", "adjustment_amount": "0" if money else amount, **more}


def procedures(rows: list[Row], newest: str = "2025-12-31", **given: list[Row]) -> list[Row]:
    base = {"raw_procedures": rows, "dim_procedure": CODES, "fact_claim_line": [line(2), line(3, 2)]}
    found = build("fact_procedure", given={**base, **given}, dates=[newest], opening="2025-01-01")
    return sorted(found, key=lambda r: r["started_at"])


def paid(row: Row) -> tuple[object, ...]:
    return row["payer_paid_amount"], row["patient_paid_amount"], row["adjustment_amount"]


ENTRIES = [
    entry(2, "60.00", "2025-03-20", party="primary"),
    entry(2, "15.00", "2025-03-25", party="secondary"),
    entry(2, "-5.00", "2025-04-01", "takeback", "primary"),
    entry(2, "20.00", "2025-03-01"),
    entry(2, "-10.00", "2025-03-20", "contractual", "primary"),
    entry(2, "-1.00", "2025-03-21", "courtesy"),
    entry(1, "99.00", "2025-03-20", party="primary"),
]


def test_entries_on_the_line_by_party():
    first, second, third = procedures([done(), done(OTHER, 11), done(OTHER, 12)], fact_payment=ENTRIES)
    assert paid(first) == (Decimal(70), Decimal(20), Decimal(-11))
    assert paid(second) == (Decimal(0), Decimal(0), Decimal(0))  # a line nobody has paid
    assert paid(third) == (None, None, None)  # no line


def test_only_what_is_dated_up_to_the_newest_day():
    (row,) = procedures([done()], fact_payment=ENTRIES, newest="2025-03-20")
    assert paid(row) == (Decimal(60), Decimal(20), Decimal(-10))


def test_a_reversed_entry_counts_until_it_is_taken_back():
    entries = [entry(2, "60.00", "2025-03-20", party="primary", is_reversed=True, reversed_date="2025-03-22")]
    (row,) = procedures([done()], fact_payment=entries, newest="2025-03-21")
    assert paid(row)[0] == Decimal(60)
    (row,) = procedures([done()], fact_payment=entries, newest="2025-03-22")
    assert paid(row)[0] == Decimal(0)


def test_a_completed_plan_item_stands_for_one_procedure_of_its_code_and_visit():
    plans = [
        {"plan_item_id": "i1", "procedure_code": CODE, "status": "completed", "procedure_encounter_id": "e1"},
        {"plan_item_id": "i2", "procedure_code": OTHER, "status": "scheduled"},
        {"plan_item_id": "i3", "procedure_code": OTHER, "status": "completed", "procedure_encounter_id": "e2"},
    ]
    rows = procedures([done(), done(hour=11), done(OTHER, 12)], raw_treatment_plan_items=plans)
    assert [r["is_planned"] for r in rows] == [True, False, False]


def test_the_source_is_that_of_the_visit():
    (row,) = procedures([done()], fact_appointment=[{"encounter_id": "e1", "source_key": 44, "patient_type": "new"}])
    assert row["source_key"] == 44
