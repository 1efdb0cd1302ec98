"""What the simulator's tests share: the feed of some drops as tables, tiny drops from literal rows, changed parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.simulator.drops import in_order, open_source
from caremetrix_assets.simulator.feed import KEYS, Setting, make_feed, table_of
from caremetrix_assets.simulator.parameters import Parameters, Value, load_parameters
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.manifest import MANIFEST, date_in_name

SAMPLE = Path(__file__).parents[2] / "sample_drops"
FULL = SAMPLE / "2025-11-30"
# The sample in drop order; the last one is not part of the demo.
CHAIN = (
    *(SAMPLE / name for name in ("2025-11-30", "2025-11-30-newborns", "2025-12-01", "2025-12-02", "2025-12-03", "2025-12-03-newborns")),
    *(SAMPLE / f"2025-12-0{day}" for day in range(4, 8)),
    SAMPLE / "later" / "2025-12-31",
)
START = date(2022, 1, 1)
KNOWN_FROM = {
    "provider_schedules": "start_at",
    "appointments": "entered_at",
    "communications": "sent_at",
    "treatment_plan_items": "presented_at",
    "claim_events": "event_at",
    "receipts": "posted_date",
    "statements": "sent_date",
    "patient_sources": "entered_at",
    "staff_actions": "acted_at",
}
HEADERS = {
    "patients": "Id,BIRTHDATE,DEATHDATE",
    "organizations": "Id,NAME",
    "payers": "Id,NAME,OWNERSHIP",
    "encounters": "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,TOTAL_CLAIM_COST,REASONCODE",
    "procedures": "START,STOP,PATIENT,ENCOUNTER,CODE,BASE_COST",
    "claims": "Id,PATIENTID,PROVIDERID,PRIMARYPATIENTINSURANCEID,SECONDARYPATIENTINSURANCEID,APPOINTMENTID,SERVICEDATE,"
    "SUPERVISINGPROVIDERID",
    "claims_transactions": "CLAIMID,CHARGEID,PATIENTID,TYPE,AMOUNT,METHOD,FROMDATE,PLACEOFSERVICE,PROCEDURECODE,TRANSFERTYPE,PAYMENTS,"
    "ADJUSTMENTS,APPOINTMENTID,PROVIDERID,SUPERVISINGPROVIDERID",
}
SHARED = {"organizations": [{"Id": "org", "NAME": "Practice"}], "payers": [{"Id": "blue", "NAME": "Blue", "OWNERSHIP": "PRIVATE"}]}
Row = Mapping[str, Any]


class Feed:
    """A simulated feed in a DuckDB of its own; ``sql`` reads ``appointments`` and the like, and the intermediate tables."""

    def __init__(self, con: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
        self.con, self.files = con, files
        for file in KEYS:
            con.execute(f"create view {file} as select * from {table_of(file)}")

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        cursor = self.con.execute(query)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, query: str) -> Any:
        """The only value of a query."""
        ((value,),) = self.con.execute(query).fetchall()
        return value

    def by_key(self, file: str, where: str = "true") -> dict[tuple[Any, ...], dict[str, Any]]:
        """The rows of a file by their key."""
        return {tuple(row[k] for k in KEYS[file]): row for row in self.sql(f"select * from {file} where {where}")}


@cache
def _shipped() -> Any:
    catalog = load_catalog()
    return catalog, known_places(catalog)


def feed_of(
    *folders: Path, end: date | None = None, seed: int = 7, start: date = START, parameters: Parameters | None = None, threads: int = 2
) -> Feed:
    """The feed of some drops, the last of them being the one that is simulated; ``end`` cuts it earlier."""
    catalog, known = _shipped()
    days = [None if date_in_name(folder.name) or (folder / MANIFEST).exists() else end for folder in folders]
    opened = [open_source(folder, known, day) for folder, day in zip(folders, days, strict=True)]
    sources = in_order(opened[-1], opened[:-1])
    con = duckdb.connect(config={"threads": threads})
    setting = Setting(start, end or opened[-1].drop_date, seed, parameters or load_parameters())
    return Feed(con, make_feed(con, sources, catalog, setting))


def changed(**values: Value) -> Parameters:
    """The default parameters with some changed: ``changed(fate__moved=0.0)``."""
    base = load_parameters()
    copy = {section: dict(keys) for section, keys in base.values.items()}
    for name, value in values.items():
        section, key = name.split("__")
        assert key in copy[section], name
        copy[section][key] = value
    return replace(base, values=copy)


def write_drop(folder: Path, **files: Iterable[Row] | None) -> Path:
    """A folder with CSV files of literal rows; a value that a row lacks is an empty field, a file that is None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, rows in {**SHARED, **files}.items():
        if rows is None:
            continue
        names = HEADERS[file].split(",")
        lines = [HEADERS[file], *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
        assert all(set(row) <= set(names) for row in rows), file
        (folder / f"{file}.csv").write_text("\n".join(lines) + "\n")
    return folder


def visit(id_: str, day: str, kind: str = "wellness", code: str = "162673000", patient: str = "p", **more: Any) -> dict[str, Any]:
    """A row of encounters.csv: half an hour from 12:00 on the day."""
    row = {"Id": id_, "START": f"{day}T12:00:00Z", "STOP": f"{day}T12:30:00Z", "PATIENT": patient, "ORGANIZATION": "org"}
    return {**row, "PROVIDER": "doc", "PAYER": "blue", "ENCOUNTERCLASS": kind, "CODE": code, "TOTAL_CLAIM_COST": "100.00", **more}


def patient(id_: str = "p", born: str = "1960-05-01", died: str = "") -> dict[str, str]:
    """A row of patients.csv."""
    return {"Id": id_, "BIRTHDATE": born, "DEATHDATE": died}
