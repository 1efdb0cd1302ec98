"""fact_appointment on literal visits: reasons, coverage, keys, types, bookings. History and money have modules of their own."""

from datetime import date, datetime

import pytest

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
NOT_RECORDED = {"reason_key": 900, "code_system": "CAREMETRIX", "reason_code": "NOT_RECORDED"}


def visit(name: str, start: str, stop: str | None = None, patient: str = "p1", kind: str = "ambulatory", **more: object) -> Row:
    row = {"id": name, "start": start, "stop": stop or start, "patient": patient, "encounterclass": kind, "code": "185345009"}
    return {**row, "provider": "d1", "organization": "o1", "payer": "y1", **more}


def appointments(visits: list[Row], newest: str = "2026-12-31", opening: str = "2020-01-01", **given: list[Row]) -> dict[str, Row]:
    """Rows of the fact by visit; dim_encounter follows from the visits."""
    described = [
        {
            "encounter_key": i,
            "encounter_id": v["id"],
            "encounter_class": v["encounterclass"],
            "class_group": "inpatient" if v["encounterclass"] == "inpatient" else "ambulatory",
            "started_at": v["start"],
            "ended_at": v["stop"],
            "duration_minutes": (datetime.fromisoformat(v["stop"]) - datetime.fromisoformat(v["start"])).total_seconds() / 60,
            "length_of_stay_days": 0,
            "is_death_certification": v["code"] == "308646001",
        }
        for i, v in enumerate(visits, start=1)
    ]
    rows = build(
        "fact_appointment",
        given={"raw_encounters": visits, "dim_encounter": described, "dim_reason": [NOT_RECORDED], **given},
        dates=[newest],
        opening=opening,
    )
    assert len(rows) == len({r["encounter_id"] for r in rows})
    return {r["encounter_id"]: r for r in rows}


def column(rows: dict[str, Row], name: str) -> dict[str, object]:
    return {key: row[name] for key, row in rows.items()}


def test_reason_is_the_code_then_the_first_condition_then_the_visit_type():
    reasons = [
        {"reason_key": 1, "code_system": "SNOMED", "reason_code": "38341003"},
        {"reason_key": 2, "code_system": "SNOMED", "reason_code": "44054006"},
        {"reason_key": 3, "code_system": "SNOMED", "reason_code": "73211009"},
        {"reason_key": 4, "code_system": "SNOMED", "reason_code": "185345009"},
        {"reason_key": 9, "code_system": "OTHER", "reason_code": "38341003"},
        {"reason_key": 10, "code_system": "ICD10", "reason_code": "E11.9"},
        NOT_RECORDED,
    ]
    conditions = [
        {"encounter": "coded", "start": "2025-01-01", "code": "44054006"},
        {"encounter": "found", "start": "2025-02-01", "code": "44054006"},
        {"encounter": "found", "start": "2025-01-01", "code": "73211009"},
        {"encounter": "found", "start": "2025-01-01", "code": "99999999"},
    ]
    rows = appointments(
        [
            visit("coded", "2025-01-01 09:00:00", reasoncode="38341003"),
            visit("unknown", "2025-01-02 09:00:00", reasoncode="1234567"),
            visit("foreign", "2025-01-02 10:00:00", reasoncode="E11.9"),
            visit("found", "2025-01-03 09:00:00"),
            visit("typed", "2025-01-04 09:00:00"),
            visit("nothing", "2025-01-05 09:00:00", code="162673000"),
        ],
        dim_reason=reasons,
        raw_conditions=conditions,
    )
    assert column(rows, "reason_key") == {"coded": 1, "unknown": -1, "foreign": 10, "found": 3, "typed": 4, "nothing": 900}
    sources = {
        "coded": "reason_code",
        "unknown": "reason_code",
        "foreign": "reason_code",
        "found": "first_condition",
        "typed": "visit_type",
        "nothing": "not_recorded",
    }
    assert column(rows, "reason_source") == sources


def test_primary_procedure_is_the_dearest_then_the_earliest_then_by_code():
    def done(visit_id: str, code: str, cost: str, start: str, system: str | None = None) -> Row:
        return {"encounter": visit_id, "patient": "p1", "code": code, "base_cost": cost, "start": start, "stop": start, "system": system}

    rows = appointments(
        [visit("a", "2025-01-01 09:00:00"), visit("b", "2025-01-02 09:00:00"), visit("none", "2025-01-03 09:00:00")],
        raw_procedures=[
            done("a", "100000000", "10.00", "2025-01-01 09:00:00"),
            done("a", "200000000", "90.00", "2025-01-01 09:30:00", "SNOMED-CT"),
            done("a", "300000000", "90.00", "2025-01-01 09:20:00"),
            done("a", "D1110", "90.00", "2025-01-01 09:20:00", "http://www.ada.org/cdt"),
            done("b", "400000000", "50.00", "2025-01-02 09:00:00"),
        ],
        dim_procedure=[
            {"procedure_key": 1, "code_system": "SNOMED", "procedure_code": "100000000", "is_hygiene": False},
            {"procedure_key": 2, "code_system": "SNOMED", "procedure_code": "200000000", "is_hygiene": False},
            {"procedure_key": 3, "code_system": "SNOMED", "procedure_code": "300000000", "is_hygiene": False},
            {"procedure_key": 4, "code_system": "CDT", "procedure_code": "D1110", "is_hygiene": True},
            {"procedure_key": 5, "code_system": "RXNORM", "procedure_code": "100000000", "is_hygiene": False},
        ],
    )
    assert column(rows, "primary_procedure_key") == {"a": 3, "b": -1, "none": -2}
    assert column(rows, "procedure_count") == {"a": 4, "b": 1, "none": 0}
    assert column(rows, "is_hygiene") == {"a": True, "b": False, "none": False}
    assert column(rows, "appointment_type") == {"a": "hygiene", "b": "follow_up", "none": "follow_up"}


def test_primary_observation_is_the_earliest_then_by_category_then_by_code():
    def seen(visit_id: str | None, when: str, category: str | None, code: str, units: str | None = None) -> Row:
        return {"encounter": visit_id, "patient": "p1", "date": when, "category": category, "code": code, "units": units, "type": "numeric"}

    def kind(key: int, category: str | None, code: str, unit: str | None = None) -> Row:
        return {"observation_key": key, "category": category, "observation_code": code, "unit": unit, "value_type": "numeric"}

    rows = appointments(
        [visit("a", "2025-01-01 09:00:00"), visit("b", "2025-01-02 09:00:00"), visit("none", "2025-01-03 09:00:00")],
        raw_observations=[
            seen("a", "2025-01-01 10:00:00", "exam", "1-1"),
            seen("a", "2025-01-01 09:00:00", "vital-signs", "0-1"),
            seen("a", "2025-01-01 09:00:00", "laboratory", "9-9"),
            seen("a", "2025-01-01 09:00:00", "laboratory", "8-8", "mg"),
            seen("b", "2025-01-02 09:00:00", "therapy", "1-1"),
            seen("b", "2025-01-02 09:00:00", "survey", "7-7"),
            seen(None, "2025-01-02 09:00:00", None, "QALY"),
        ],
        dim_observation=[
            kind(1, "exam", "1-1"),
            kind(2, "vital-signs", "0-1"),
            kind(3, "laboratory", "9-9"),
            kind(4, "laboratory", "8-8", "mg"),
            kind(5, "therapy", "1-1"),
            kind(6, "survey", "7-7"),
        ],
    )
    assert column(rows, "primary_observation_key") == {"a": 4, "b": 6, "none": -2}
    assert column(rows, "observation_count") == {"a": 4, "b": 2, "none": 0}


def test_keys_are_those_of_the_version_on_the_day():
    def versions(name: str, member: str, old: int, new: int) -> list[Row]:
        return [
            {f"{name}_key": old, f"{name}_id": member, "valid_from": "1900-01-01", "valid_to": "2025-02-01"},
            {f"{name}_key": new, f"{name}_id": member, "valid_from": "2025-02-01", "valid_to": "9999-12-31"},
        ]

    rows = appointments(
        [
            visit("before", "2025-01-31 23:59:59"),
            visit("after", "2025-02-01 00:00:00"),
            visit("strange", "2025-02-02 09:00:00", patient="p9", provider="d9", organization="o9", payer="y9"),
        ],
        dim_patient=versions("patient", "p1", 11, 12),
        dim_provider=versions("provider", "d1", 21, 22),
        dim_organization=versions("organization", "o1", 31, 32),
        dim_payer=versions("payer", "y1", 41, 42),
        dim_location=[{"location_key": 5, "location_id": "o1"}],
    )
    names = ("patient_key", "provider_key", "organization_key", "payer_key", "location_key", "date_key")
    assert [rows["before"][n] for n in names] == [11, 21, 31, 41, 5, 20250131]
    assert [rows["after"][n] for n in names] == [12, 22, 32, 42, 5, 20250201]
    assert [rows["strange"][n] for n in names] == [-1, -1, -1, -1, -1, 20250202]
    assert (rows["before"]["source_key"], rows["before"]["encounter_key"]) == (-1, 1)


def test_source_is_the_first_touch_of_the_patient():
    touches = [
        {"patient_id": "p1", "touch_seq": 1, "source_key": 41, "first_touch_weight": "0.0000"},
        {"patient_id": "p1", "touch_seq": 2, "source_key": 42, "first_touch_weight": "1.0000"},
        {"patient_id": "p2", "touch_seq": 1, "source_key": 41, "first_touch_weight": "0.0000"},
    ]
    visits = [visit(f"e{n}", "2025-01-05 10:00:00", patient=f"p{n}") for n in (1, 2, 3)]
    rows = appointments(visits, bridge_patient_source=touches)
    assert column(rows, "source_key") == {"e1": 42, "e2": -1, "e3": -1}


def test_coverage_is_the_span_at_the_start_to_the_second():
    spans: list[Row] = [
        {"patient": "p1", "start_date": "2024-06-01 14:00:00", "end_date": "2025-06-01 14:00:00", "payer": "y1", "plan_ownership": "Self"},
        {"patient": "p1", "start_date": "2025-06-01 14:00:00", "end_date": "2025-06-01 14:00:00", "payer": "y3"},
        {
            "patient": "p1",
            "start_date": "2025-06-01 14:00:00",
            "end_date": None,
            "payer": "y2",
            "secondary_payer": "y1",
            "plan_ownership": "Self",
            "source_ordinal": 1,
        },
    ]
    rows = appointments(
        [
            visit("early", "2024-06-01 13:59:59"),
            visit("morning", "2025-06-01 09:00:00"),
            visit("afternoon", "2025-06-01 14:00:00", payer="y2"),
            visit("unnamed", "2025-06-02 09:00:00", payer=None),
        ],
        raw_payer_transitions=spans,
        dim_insurance=[
            {"insurance_key": 1, "payer_id": "y1", "plan_ownership": "Self"},
            {"insurance_key": 2, "payer_id": "y2", "secondary_payer_id": "y1", "plan_ownership": "Self"},
            {"insurance_key": 3, "payer_id": "y3"},
        ],
        dim_payer=[{"payer_key": 51, "payer_id": "y1", **ALWAYS}, {"payer_key": 52, "payer_id": "y2", **ALWAYS}],
    )
    assert column(rows, "insurance_key") == {"early": -1, "morning": 1, "afternoon": 2, "unnamed": 2}
    # the visit's own payer, else that of the span
    assert column(rows, "payer_key") == {"early": 51, "morning": 51, "afternoon": 52, "unnamed": 52}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("wellness", "wellness"),
        ("virtual", "telehealth"),
        ("urgentcare", "urgent"),
        ("emergency", "urgent"),
        ("outpatient", "procedure"),
        ("inpatient", "procedure"),
        ("ambulatory", "follow_up"),
        ("home", "follow_up"),
        ("something new", "follow_up"),
    ],
)
def test_appointment_type_without_a_booking_follows_from_the_class(kind: str, expected: str):
    assert appointments([visit("a", "2025-01-01 09:00:00", kind=kind)])["a"]["appointment_type"] == expected


def test_what_only_a_booking_says_is_null_without_one():
    row = appointments([visit("a", "2025-01-01 09:00:00", "2025-01-01 09:20:30")])["a"]
    empty = [
        "appointment_id",
        "room_id",
        "booked_at",
        "entered_at",
        "scheduled_start_at",
        "scheduled_minutes",
        "arrived_at",
        "seated_at",
    ] + ["dismissed_at", "cancelled_at", "notice_hours", "lead_time_days", "wait_minutes"]
    assert {n: row[n] for n in empty} == dict.fromkeys(empty)
    assert (row["booking_channel"], row["outcome"], row["is_booking_simulated"]) == ("walk_in", "completed", False)
    assert (row["started_at"], row["ended_at"]) == (datetime(2025, 1, 1, 9), datetime(2025, 1, 1, 9, 20, 30))
    assert row["duration_minutes"] == 20.5


def test_rows_fold_into_the_opening_partition_and_wait_for_their_day():
    rows = appointments(
        [
            visit("old", "2019-05-01 09:00:00", drop_id="d7"),
            visit("day", "2025-01-02 09:00:00", is_simulated=True),
            visit("later", "2025-01-03 00:00:00"),
        ],
        newest="2025-01-02",
        opening="2025-01-01",
    )
    assert column(rows, "partition_date") == {"old": date(2025, 1, 1), "day": date(2025, 1, 2)}
    assert column(rows, "date_key") == {"old": 20190501, "day": 20250102}
    assert (rows["old"]["drop_id"], rows["day"]["is_simulated"]) == ("d7", True)
