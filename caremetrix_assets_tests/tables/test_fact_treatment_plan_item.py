"""fact_treatment_plan_item on literal items: codes with their system, the patient's type on the day, keys."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
CODES = [
    {"procedure_key": 1, "code_system": "SNOMED", "procedure_code": "73761001"},
    {"procedure_key": 2, "code_system": "CDT", "procedure_code": "D1110"},
    {"procedure_key": 3, "code_system": "OTHER", "procedure_code": "73761001"},
]


def item(name: str = "i1", **more: object) -> Row:
    base = {"plan_item_id": name, "plan_id": "l1", "patient_id": "p1", "provider_id": "d1", "organization_id": "o1", "fee": "431.40"}
    code = {"procedure_system": "SNOMED", "procedure_code": "73761001", "status": "presented"}
    return {**base, **code, "presented_at": "2025-03-03 10:00:00", **more}


def visit(day: str, seq: int, kind: str, patient: str = "p1") -> Row:
    return {"patient_id": patient, "started_at": f"{day} 09:00:00", "visit_seq": seq, "patient_type": kind}


def items(*rows: Row, **given: list[Row]) -> list[Row]:
    return build("fact_treatment_plan_item", given={"raw_treatment_plan_items": list(rows), **given}, dates=["2025-12-31"])


@pytest.mark.parametrize(
    ("system", "code", "key"),
    [("SNOMED", "73761001", 1), ("snomed-ct", "73761001", 1), ("CDT", "D1110", 2), ("own", "73761001", 3), ("SNOMED", "9", -1)],
)
def test_a_code_goes_with_its_system(system: str, code: str, key: int):
    (row,) = items(item(procedure_system=system, procedure_code=code), dim_procedure=CODES)
    assert row["procedure_key"] == key


def test_the_patients_type_is_that_of_the_latest_visit():
    visits = [visit("2025-03-03", 1, "new"), visit("2025-04-01", 2, "established"), visit("2027-01-01", 3, "reactivated")]
    days = ("2025-03-02", "2025-03-03", "2025-03-04", "2025-04-01")
    rows = items(*(item(f"i{n}", presented_at=f"{day} 08:00:00") for n, day in enumerate(days)), fact_appointment=visits)
    assert {r["plan_item_id"]: r["patient_type"] for r in rows} == {
        "i0": "prospect",
        "i1": "new",
        "i2": "established",
        "i3": "established",
    }
    again = [visit("2025-03-01", 4, "reactivated"), visit("2025-03-01", 5, "established")]
    assert items(item(), fact_appointment=again)[0]["patient_type"] == "established"
    assert items(item(), fact_appointment=again[:1])[0]["patient_type"] == "reactivated"


def test_an_item_keeps_what_the_file_says_and_gets_its_keys():
    (row,) = items(
        item(
            status="completed",
            accepted_at="2025-03-04 09:00:00",
            scheduled_at="2025-03-05 09:00:00",
            completed_at="2025-03-20 09:00:00",
            procedure_encounter_id="e9",
            is_simulated=True,
        ),
        dim_procedure=CODES,
        dim_patient=[
            {"patient_key": 3, "patient_id": "p1", "valid_from": "1900-01-01", "valid_to": "2025-03-03"},
            {"patient_key": 4, "patient_id": "p1", "valid_from": "2025-03-03", "valid_to": "9999-12-31"},
        ],
        dim_provider=[{"provider_key": 5, "provider_id": "d1", **ALWAYS}],
        dim_location=[{"location_key": 6, "location_id": "o1"}],
        bridge_patient_source=[
            {"patient_id": "p1", "source_key": 7, "first_touch_weight": "0"},
            {"patient_id": "p1", "source_key": 8, "first_touch_weight": "1"},
        ],
    )
    assert [row[n] for n in ("patient_key", "provider_key", "location_key", "source_key")] == [4, 5, 6, 8]
    assert row["plan_item_sk"] == hashlib.md5(b"treatment_plan_item|i1").hexdigest()
    assert (row["status"], row["fee_amount"], row["completed_encounter_id"]) == ("completed", Decimal("431.40"), "e9")
    assert (row["accepted_at"], row["declined_at"]) == (datetime(2025, 3, 4, 9), None)
    assert (row["date_key"], row["partition_date"], row["is_simulated"]) == (20250303, date(2025, 3, 3), True)
