"""bridge_appointment_procedure on literal procedures: one row each, numbered in the order they were done."""

import hashlib
from datetime import date
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.tables.checked import offenders

CODES = [
    {"procedure_key": 1, "code_system": "SNOMED", "procedure_code": "430193006"},
    {"procedure_key": 2, "code_system": "CDT", "procedure_code": "D1110"},
]
SK = hashlib.md5(b"appointment|encounter|e1").hexdigest()
OTHER = hashlib.md5(b"appointment|encounter|e2").hexdigest()
VISITS = [{"fact_appointment_sk": SK, "encounter_id": "e1"}, {"fact_appointment_sk": OTHER, "encounter_id": "e2"}]


def done(start: str, code: str = "430193006", stop: str | None = None, visit: str = "e1", cost: str | None = "5.00", **more: object) -> Row:
    return {"start": start, "stop": stop, "patient": "p1", "encounter": visit, "code": code, "base_cost": cost, **more}


def bridged(rows: list[Row], opening: str = "2000-01-01", newest: str = "2026-12-31") -> list[Row]:
    given = {"raw_procedures": rows, "dim_procedure": CODES, "fact_appointment": VISITS}
    return build("bridge_appointment_procedure", given=given, dates=[newest], opening=opening)


def test_procedures_of_a_visit_are_numbered_by_start_end_and_code():
    rows = bridged(
        [
            done("2025-01-05 10:30:00", stop="2025-01-05 10:50:00", cost="1.00"),
            done("2025-01-05 10:30:00", stop=None, cost="2.00"),
            done("2025-01-05 10:30:00", stop="2025-01-05 10:40:00", cost="3.00"),
            done("2025-01-05 10:30:00", "D1110", "2025-01-05 10:40:00", cost="4.00", system="http://www.ada.org/cdt"),
            done("2025-01-05 10:00:00", "999", "2025-01-05 11:00:00", cost=None),
            done("2025-01-04 10:00:00", visit="e2", cost="6.00"),
        ]
    )
    found = {(r["fact_appointment_sk"], r["procedure_seq"]): (r["procedure_key"], r["base_cost_amount"]) for r in rows}
    assert found == {
        (SK, 1): (-1, None),
        (SK, 2): (1, Decimal("3.00")),
        (SK, 3): (2, Decimal("4.00")),
        (SK, 4): (1, Decimal("1.00")),
        (SK, 5): (1, Decimal("2.00")),
        (OTHER, 1): (1, Decimal("6.00")),
    }


def test_a_visit_that_is_not_dated_yet_has_its_later_name():
    """The procedure was done before midnight, the visit is dated after it and is in no partition yet."""
    later = hashlib.md5(b"appointment|encounter|e9").hexdigest()
    assert [r["fact_appointment_sk"] for r in bridged([done("2025-01-05 23:59:00", visit="e9")])] == [later]


def test_rows_fold_and_wait_by_their_own_day():
    rows = bridged([done("2024-12-31 10:00:00"), done("2025-01-02 10:00:00"), done("2025-01-03 00:00:00")], "2025-01-01", "2025-01-02")
    assert [(r["procedure_seq"], r["partition_date"]) for r in rows] == [(1, date(2025, 1, 1)), (2, date(2025, 1, 2))]


def test_the_check_appointment_exists():
    def found(appointments: list[Row], started: str) -> list[str] | str:
        row = {"fact_appointment_sk": SK, "procedure_seq": 1, "partition_date": "2025-01-05"}
        given = {"fact_appointment": appointments, "raw_encounters": [{"id": "e1", "start": started}]}
        return offenders("bridge_appointment_procedure", "appointment_exists", [row], given, newest="2025-01-05")

    assert found(VISITS, "2025-01-05 10:00:00") == []
    assert found(VISITS[1:], "2025-01-05 10:00:00") == [SK]
    assert found(VISITS[1:], "2025-01-06 00:10:00") == []
