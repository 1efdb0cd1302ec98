"""mart_procedure_analytics on literal procedures and lines: shares and their frames, money up to the day, days, clinic time."""

from typing import Any

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.checked import offenders
from caremetrix_assets_tests.tables.money import entry, line, mart, of, pick, sk

NAME, DAY = "mart_procedure_analytics", "2025-03-10"
CODES = [
    {"procedure_key": 70, "procedure_category": "imaging"},
    {"procedure_key": 71, "procedure_category": "imaging"},
    {"procedure_key": 72, "procedure_category": "therapy"},
]


def done(name: str, code: int, day: str = DAY, cost: str = "0.00", minutes: float = 0.0, charge: str | None = None, **more: object) -> Row:
    """A procedure; ``charge`` names its line, claim:number."""
    claim, _, number = (charge or "").partition(":")
    own = {"procedure_sk": sk(name), "procedure_key": code, "started_at": f"{day} 09:00:00", "base_cost_amount": cost, "patient_id": "p1"}
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "established", "source_key": -1, "allocated_minutes": minutes}
    return {**own, **keys, "claim_id": claim or None, "line_number": int(number) if charge else None, "partition_date": day, **more}


def analytics(procedures: list[Row], dates: list[str] | None = None, **given: list[Row]) -> list[Row]:
    return mart(NAME, dates or [DAY], fact_procedure=procedures, dim_procedure=CODES, **given)


def worked_example() -> dict[str, Any]:
    """One visit of 60 minutes with procedures of 200.00, 150.00 and 100.00; 180.00 of the first are paid, 20.00 written off."""
    costs = {1: ("200.00", 26.666667), 2: ("150.00", 20.0), 3: ("100.00", 13.333333)}
    return {
        "procedures": [done(f"x{n}", 69 + n, cost=cost, minutes=m, charge=f"c1:{n}") for n, (cost, m) in costs.items()],
        "fact_claim_line": [line(f"c1:{n}", DAY, cost) for n, (cost, _) in costs.items()],
        "fact_payment": [
            entry("c1:1", DAY, DAY, "payment", "patient", "30.00"),
            entry("c1:1", DAY, "2025-03-20", "payment", "primary", "150.00"),
            entry("c1:1", DAY, "2025-03-20", "contractual", "primary", "-20.00"),
        ],
    }


def test_worked_example():
    rows = analytics(**worked_example())
    total = pick(rows, period_grain="day", breakdown="total")
    assert of(total, "procedures", "patients", "gross_amount", "gross_per_hour", "provider_days") == [3, 1, "450.00", 450.0, 1]
    first = pick(rows, period_grain="day", breakdown="procedure", procedure_key=70)
    assert of(first, "count_share", "amount_share", "procedure_category") == ["0.3333", "0.4444", "imaging"]
    assert round(first["allocated_minutes"], 2) == 26.67
    assert of(first, "frame_procedures", "frame_gross_amount") == [3, "450.00"]


def test_money_is_that_of_the_day():
    rows = analytics(**worked_example(), dates=[DAY, "2025-03-20"])
    names = ("payer_paid_amount", "patient_paid_amount", "adjustment_amount", "open_amount", "yield_rate", "margin_amount", "margin_rate")
    first = {"period_grain": "month", "breakdown": "procedure", "procedure_key": 70}
    assert of(pick(rows, **first, partition_date=DAY), *names) == ["0.00", "30.00", "0.00", "170.00", "0.1500", "0.00", "0.0000"]
    assert of(pick(rows, **first, partition_date="2025-03-20"), *names) == [
        "150.00",
        "30.00",
        "-20.00",
        "0.00",
        "0.9000",
        "-20.00",
        "-0.1000",
    ]


def test_every_breakdown_has_its_keys_and_all_elsewhere():
    rows = [r for r in analytics([done("x", 72)]) if r["period_grain"] == "day"]
    keys = ("location_key", "provider_key", "patient_type", "source_key", "procedure_key", "procedure_category")
    none = [-3, -3, "all", -3, -3, "all"]
    assert {r["breakdown"]: of(r, *keys) for r in rows} == {
        "total": none,
        "location": [10, *none[1:]],
        "provider": [-3, 20, *none[2:]],
        "patient_type": [-3, -3, "established", *none[3:]],
        "acquisition_source": [-3, -3, "all", -1, *none[4:]],
        "detail": [10, 20, "established", -1, *none[4:]],
        "procedure_category": [*none[:5], "therapy"],
        "procedure": [*none[:4], 72, "therapy"],
        "provider_procedure": [-3, 20, "all", -3, 72, "therapy"],
    }


def test_work_without_a_charge():
    """Charged; charged nothing; no line; a line that is served two days later."""
    procedures = [
        done("a", 70, cost="50.00", charge="c1:1"),
        done("b", 70, cost="60.00", charge="c1:2"),
        done("c", 70, cost="70.00"),
        done("d", 70, cost="80.00", charge="c1:3"),
    ]
    lines = [line("c1:1", DAY, "50.00"), line("c1:2", DAY, "0.00"), line("c1:3", "2025-03-12", "80.00")]
    rows = analytics(procedures, [DAY, "2025-03-12"], fact_claim_line=lines)
    names = ("procedures", "uncharged_procedures", "gross_amount", "base_cost_amount", "margin_amount", "open_amount")
    total = {"period_grain": "month", "breakdown": "total"}
    assert of(pick(rows, **total, partition_date=DAY), *names) == [4, 3, "50.00", "110.00", "-60.00", "50.00"]
    assert of(pick(rows, **total, partition_date="2025-03-12"), *names) == [4, 2, "130.00", "190.00", "-60.00", "130.00"]


def test_patients_and_days_are_distinct_and_a_clinician_is_the_frame_of_his_procedures():
    procedures = [
        done("a", 70, "2025-03-01"),
        done("b", 71, "2025-03-01"),
        done("c", 70, "2025-03-02", patient_id="p2"),
        # another version of the same clinician, then another clinician
        done("d", 70, "2025-03-02", provider_key=20),
        done("e", 70, "2025-03-02", provider_key=25),
    ]
    rows = analytics(procedures)
    names = ("procedures", "patients", "provider_days", "procedures_per_provider_day", "count_share", "frame_procedures")
    month = {"period_grain": "month"}
    assert of(pick(rows, **month, breakdown="total"), *names) == [5, 2, 3, 1.666667, "1.0000", 5]
    assert of(pick(rows, **month, breakdown="procedure", procedure_key=70), *names) == [4, 2, 3, 1.333333, "0.8000", 5]
    assert of(pick(rows, **month, breakdown="provider", provider_key=20), *names) == [4, 2, 2, 2.0, "0.8000", 5]
    own = pick(rows, **month, breakdown="provider_procedure", provider_key=20, procedure_key=70)
    assert of(own, *names) == [3, 2, 2, 1.5, "0.7500", 4]
    assert pick(rows, period_grain="day", breakdown="total")["count_share"] is None


def block(day: str, minutes: int, provider: int = 21, place: int = 10, kind: str = "clinic") -> Row:
    keys = {"provider_key": provider, "location_key": place, "block_type": kind, "available_minutes": minutes}
    return {"schedule_sk": sk(f"{day}{provider}"), "start_at": f"{day} 08:00:00", **keys, "partition_date": day}


def test_clinic_time():
    blocks = [
        block("2025-03-01", 80),
        block("2025-03-02", 40, provider=25, place=11),
        block("2025-03-11", 99),
        block("2025-03-03", 9, kind="blocked"),
    ]
    rows = analytics([done("a", 70, minutes=30.0)], ["2025-02-28", DAY], fact_schedule_block=blocks)
    month = {"period_grain": "month", "partition_date": DAY}
    names = ("allocated_minutes", "available_minutes", "chair_utilization_rate")
    assert of(pick(rows, **month, breakdown="total"), *names) == [30.0, 120, "0.2500"]
    assert of(pick(rows, **month, breakdown="provider", provider_key=20), *names) == [30.0, 80, "0.3750"]
    # hours without a procedure are hours too
    assert of(pick(rows, **month, breakdown="location", location_key=11), "procedures", *names) == [0, 0.0, 40, "0.0000"]
    assert of(pick(rows, **month, breakdown="patient_type", patient_type="established"), *names) == [30.0, None, None]
    assert of(pick(rows, period_grain="month", breakdown="total", partition_date="2025-02-28"), *names) == [0.0, None, None]


def test_a_period_without_procedures_has_its_total_row():
    rows = analytics([done("a", 70, "2024-01-01")], fact_claim_line=[line("c1", "2024-01-01", "1.00")])
    assert {(r["period_grain"], r["breakdown"], r["procedures"]) for r in rows} == {
        (grain, "total", 0) for grain in ("day", "month", "rolling_30d", "rolling_90d", "rolling_12m")
    }
    assert of(rows[0], "gross_amount", "open_amount", "count_share", "gross_per_hour", "available_minutes", "data_basis") == [
        "0.00",
        "0.00",
        None,
        None,
        None,
        "derived",
    ]


def test_without_a_ledger_procedures_are_counted_and_money_is_unknown():
    total = pick(analytics([done("a", 70, cost="50.00", minutes=30.0)]), period_grain="day", breakdown="total")
    names = ("procedures", "allocated_minutes", "gross_amount", "uncharged_procedures", "open_amount", "base_cost_amount", "margin_amount")
    assert of(total, *names, "gross_per_hour", "data_basis") == [1, 30.0, None, None, None, None, None, None, "derived"]


def test_simulated_receipts_make_their_rows_simulated():
    given = worked_example()
    given["fact_payment"][1]["is_simulated"] = True
    rows = analytics(**given, dates=[DAY, "2025-03-20"])
    basis = {
        (r["partition_date"].day, r["procedure_key"]): r["data_basis"]
        for r in rows
        if r["breakdown"] == "procedure" and r["period_grain"] == "month"
    }
    assert basis == {
        (10, 70): "derived",
        (10, 71): "derived",
        (10, 72): "derived",
        (20, 70): "simulated",
        (20, 71): "derived",
        (20, 72): "derived",
    }


CHANGES = [
    ("mart_equals_fact", {"gross_amount": "451.00"}, ["day|total"]),
    ("mart_equals_fact", {"procedures": 4}, ["day|total"]),
    ("mart_identity_gross", {"open_amount": "0.00"}, ["day|total"]),
    ("mart_identity_gross", {"margin_amount": "1.00"}, ["day|total"]),
    ("mart_identity_gross", {"yield_rate": "0.5000"}, ["day|total"]),
    ("mart_identity_shares", {"count_share": "0.9000"}, ["day|total|-3"]),
]


@pytest.mark.parametrize(("check", "changes", "keys"), CHANGES)
def test_checks_pass_what_is_built_and_find_a_change(check: str, changes: Row, keys: list[str]):
    given = worked_example()
    rows = analytics(**given)
    facts = {"fact_procedure": given["procedures"], "fact_claim_line": given["fact_claim_line"]}
    assert offenders(NAME, check, rows, facts) == []
    changed = [{**r, **changes} if (r["period_grain"], r["breakdown"]) == ("day", "total") else r for r in rows]
    assert offenders(NAME, check, changed, facts) == keys


def test_clinic_time_of_places_adds_up():
    blocks = [block(DAY, 80), block(DAY, 40, provider=25, place=11)]
    rows = analytics([done("a", 70)], fact_schedule_block=blocks)
    check, facts = "mart_identity_clinic_time", {"fact_schedule_block": blocks}
    assert offenders(NAME, check, rows, facts) == []
    changed = [{**r, "available_minutes": 41} if (r["period_grain"], r["location_key"]) == ("day", 11) else r for r in rows]
    assert offenders(NAME, check, changed, facts) == ["day|location"]
    assert offenders(NAME, check, rows) == "no schedule in any drop so far"
