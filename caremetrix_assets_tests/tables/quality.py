"""Literal patients, visits and codes for the tests of the quality marts."""

from __future__ import annotations

import csv
from typing import Any

from caremetrix_assets.catalog.load import TABLES, load_catalog
from caremetrix_assets_tests.harness import Row, build

NAME = "mart_quality_metrics_detail"
DAY = "2025-06-30"
SEEDS = TABLES / "seeds"


def _read(name: str) -> list[dict[str, str]]:
    with (SEEDS / name).open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


MEASURES: list[Row] = [
    {
        "measure_key": n,
        **{k: row[k] for k in ("measure_id", "domain", "measure_basis", "target_rate")},
        "is_higher_better": row["is_higher_better"] == "true",
    }
    for n, row in enumerate(_read("seed_quality_measures.csv"), 1)
]
CODES = [(n, row) for n, row in enumerate(_read("seed_quality_codes.csv"), 1)]
KEYS = {row["code"]: n for n, row in CODES}


def _dimension(kind: str, key: str, code: str, system: bool = True) -> list[Row]:
    rows = [(n, row) for n, row in CODES if row["code_kind"] in kind.split()]
    return [{key: n, code: row["code"], **({"code_system": row["code_system"]} if system else {})} for n, row in rows]


DIMENSIONS: dict[str, list[Row]] = {
    "dim_quality_measure": [*MEASURES, {"measure_key": -1, "measure_id": "Unknown", "measure_basis": "patient"}],
    "dim_observation": _dimension("observation", "observation_key", "observation_code"),
    "dim_procedure": _dimension("procedure vaccine", "procedure_key", "procedure_code"),
    "dim_medication": _dimension("medication", "medication_key", "medication_code", False),
    "dim_reason": [
        *_dimension("condition", "reason_key", "reason_code"),
        {"reason_key": 900, "reason_code": "NOT_RECORDED", "code_system": "CAREMETRIX"},
    ],
    "dim_provider": [{"provider_key": 21, "member_key": 20}],
    "dim_payer": [
        {"payer_key": 71, "payer_id": "insurer", "payer_class": "private"},
        {"payer_key": 72, "payer_id": "other", "payer_class": "none"},
    ],
    "dim_date": [
        {"date_key": 20250000 + m * 100 + d, "date_day": f"2025-{m:02}-{d:02}"} for m in range(1, 7) for d in (1, 15, 30) if m != 2
    ],
}


def person(name: str = "p1", born: str = "1980-01-01", **more: object) -> Row:
    fields = {"gender": "F", "race": "white", "ethnicity": "nonhispanic", "city": "Quincy", "state": "Massachusetts", "zip": "02169"}
    always = {"valid_from": "1900-01-01", "valid_to": "9999-12-31", "is_current": True, "marital_status": "M"}
    return {"patient_id": name, "member_key": 5, "birth_date": born, **fields, **always, **more}


def visit(name: str, day: str, kind: str = "ambulatory", patient: str = "p1", end: str | None = None, **more: object) -> Row:
    keys = {"location_key": 10, "provider_key": 21, "provider_id": "d1", "payer_key": 71, "patient_type": "established", "source_key": -1}
    times = {"started_at": f"{day} 09:00:00", "ended_at": f"{end or day} 10:00:00", "partition_date": day}
    rest = {"outcome": "completed", "is_death_certification": False, "booking_channel": "walk_in", "reason_source": "reason_code"}
    return {
        "fact_appointment_sk": name,
        "encounter_id": name,
        "patient_id": patient,
        "encounter_class": kind,
        **keys,
        **times,
        **rest,
        **more,
    }


def event(kind: str, code: str, at: str, patient: str = "p1", **more: object) -> Row:
    """A clinical event of a code; ``at`` is a day or a moment."""
    key = {"condition": "reason_key", "procedure": "procedure_key", "observation": "observation_key"}[kind]
    start = at if " " in at else f"{at} 08:00:00"
    return {"event_type": kind, key: KEYS[code], "event_start_at": start, "patient_id": patient, "partition_date": at[:10], **more}


def procedure(code: str | None, day: str, encounter: str | None = None, patient: str = "p1", **more: object) -> Row:
    keys = {
        "location_key": 10,
        "provider_key": 21,
        "patient_type": "established",
        "source_key": -1,
        "procedure_key": KEYS.get(code or "", 999),
    }
    full = {"started_at": f"{day} 09:00:00", "ended_at": f"{day} 09:30:00", "base_cost_amount": "10.00", "reason_key": 1}
    return {"procedure_sk": f"{code}{day}", "patient_id": patient, "encounter_id": encounter, **keys, **full, "partition_date": day, **more}


def claim(name: str, day: str, **more: object) -> Row:
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "new", "source_key": -1, "encounter_key": 3, "primary_payer_key": 71}
    return {"claim_id": name, "patient_id": "p1", "service_date": day, "encounter_id": "a", **keys, "partition_date": day, **more}


def claim_event(name: str, what: str, day: str, seq: int = 1) -> Row:
    return {"claim_id": name, "event": what, "event_at": f"{day} 12:00:00", "event_seq": seq, "partition_date": day, "is_simulated": True}


def message(name: str, at: str, purpose: str = "recall", **more: object) -> Row:
    keys = {"patient_id": "p1", "location_key": 10, "provider_key": -2, "source_key": -1, "patient_type": "established"}
    rest = {"direction": "outbound", "channel": "sms", "is_opt_out": False, "partition_date": at[:10]}
    return {"communication_id": name, "sent_at": at, "purpose": purpose, **keys, **rest, **more}


def detail(dates: list[str] | None = None, people: list[Row] | None = None, **facts: list[Row]) -> list[Row]:
    """The detail mart; p1, born in 1980, unless people are given."""
    given = {**DIMENSIONS, "dim_patient": [person()] if people is None else people, **facts}
    return build(NAME, given=given, dates=dates or [DAY])


def of(rows: list[Row], measure: str, grain: str = "rolling_12m", day: str = DAY) -> list[Row]:
    return [r for r in rows if (r["measure_id"], r["period_grain"], str(r["partition_date"])) == (measure, grain, day)]


def items(rows: list[Row], measure: str, grain: str = "rolling_12m", day: str = DAY) -> list[int]:
    """Population, excluded, denominator and numerator of the measure over all its rows."""
    names = ("population_items", "excluded_items", "denominator_items", "numerator_items")
    return [sum(r[n] for r in of(rows, measure, grain, day)) for n in names]


def picked(row: Row, *names: str) -> list[Any]:
    return [row[n] for n in names]


CHECKS = {name: sorted(load_catalog().table(name).checks) for name in (NAME, "mart_quality_metrics")}
