"""Literal rows of the tables that the marts about patients read, and short ways to look at what they answer."""

from __future__ import annotations

from datetime import date
from typing import Any

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets_tests.harness import Row, build

PROVIDERS = [
    {"provider_key": 21, "member_key": 20, "provider_id": "d1"},
    {"provider_key": 22, "member_key": 20, "provider_id": "d1"},
    {"provider_key": 25, "member_key": 25, "provider_id": "d2"},
]
PAYERS = [{"payer_key": 30, "payer_class": "private"}, {"payer_key": 31, "payer_class": "government"}]


def day_key(day: str) -> int:
    return int(day[:10].replace("-", ""))


def person(name: str = "p1", born: str = "1980-06-15", died: str | None = None, key: int = 1, **more: object) -> Row:
    """The one version of a patient."""
    ids = {"patient_id": name, "patient_key": key, "member_key": key, "birth_date": born, "death_date": died}
    return {**ids, "gender": "F", "is_current": True, "valid_from": "1900-01-01", "valid_to": "9999-12-31", **more}


def visit(name: str, day: str, seq: int = 1, patient: str = "p1", kind: str = "established", **more: object) -> Row:
    """A completed visit; what the fact derives from the history is given, not computed."""
    row = {"fact_appointment_sk": name, "encounter_id": name, "patient_id": patient, "visit_seq": seq, "patient_type": kind}
    when = {"date_key": day_key(day), "started_at": f"{day} 09:00:00", "outcome": "completed", "is_death_certification": False}
    keys = {"location_key": 10, "provider_key": 21, "payer_key": 30, "source_key": -1}
    flags = {"is_hygiene": False, "is_booking_simulated": False, "encounter_class": "ambulatory", "appointment_type": "follow_up"}
    return {**row, **when, **keys, **flags, "partition_date": day, **more}


def visits(patient: str, *days: str, **more: object) -> list[Row]:
    """Visits of a patient in order, the first one new."""
    return [
        visit(f"{patient}{n}", day, n, patient, "new" if n == 1 else "established", **more) for n, day in enumerate(sorted(days), start=1)
    ]


def missed(name: str, day: str, outcome: str = "no_show", patient: str = "p1", kind: str = "established", **more: object) -> Row:
    """A booked appointment that did not take place, in the simulator's book unless told otherwise."""
    row = visit(name, day, patient=patient, kind=kind)
    empty = {"encounter_id": None, "visit_seq": None, "started_at": None, "outcome": outcome, "appointment_id": f"b-{name}"}
    return {**row, **empty, "scheduled_start_at": f"{day} 09:00:00", "booked_at": f"{day} 00:00:00", **more}


def booked(name: str, day: str, on: str, book: str, patient: str = "p1", status: str = "scheduled", **more: object) -> Row:
    """A line in the appointment book of the day ``book``: booked ``on`` a day for ``day``."""
    row = {"booking_sk": name, "appointment_id": name, "patient_id": patient, "location_key": 10, "provider_key": 21, "status": status}
    when = {"booked_at": f"{on} 08:00:00", "scheduled_start_at": f"{day} 09:00:00", "scheduled_date": day}
    return {**row, **when, "appointment_type": "follow_up", "is_simulated": False, "partition_date": book, **more}


def charge(day: str, amount: str, patient: str = "p1") -> Row:
    return {"claim_line_sk": f"{patient}-{day}-{amount}", "patient_id": patient, "service_date": day, "charge_amount": amount}


def touch(day: str, seq: int = 1, source: int = 40, patient: str = "p1", **more: object) -> Row:
    """A contact that the practice knew of at once."""
    times = {"touched_at": f"{day} 07:00:00", "entered_at": f"{day} 07:00:00"}
    return {"patient_id": patient, "touch_seq": seq, "source_key": source, "is_simulated": False, **times, **more}


def mart(name: str, dates: list[str], appointments: list[Row], **given: list[Row]) -> list[Row]:
    """The mart on these appointments and the usual clinicians and insurers; people are made up unless given."""
    people = [person(p, key=n) for n, p in enumerate(sorted({str(a["patient_id"]) for a in appointments}), start=1)]
    usual = {"fact_appointment": appointments, "dim_patient": people, "dim_provider": PROVIDERS, "dim_payer": PAYERS}
    reads = set(load_catalog().table(name).upstream)
    return build(name, given={k: v for k, v in {**usual, **given}.items() if k in reads}, dates=dates)


def row_of(rows: list[Row], **keys: Any) -> Row:
    """The one row with these values; dates as ISO text."""
    wanted = {k: date.fromisoformat(v) if k.endswith("_date") or k == "cohort_month" else v for k, v in keys.items()}
    found = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
    assert len(found) == 1, f"{len(found)} rows for {wanted}"
    return found[0]


def picked(row: Row, *names: str) -> list[Any]:
    return [row[n] for n in names]
