"""How a history arrives must not matter, and what was true on a day stays true of that day: real drops, cut and changed.

Any order of arrival, withdrawal and ranges are in ``test_run.py``; the replay of random histories in ``sources/``.
"""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import cast

import duckdb
import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.serving.query import query
from caremetrix_assets.sources.contracts import raw_files
from caremetrix_assets.sources.manifest import Kind
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.oracle import KEYS
from caremetrix_assets_tests.runs import FULL, SAMPLE, Place

DELTA = "2025-12-05"
# what is older stands in the first partition: few days to build
OPENING = "2025-12-04"
LAYERS = ("raw", "dims", "facts")
SELECTION = " or ".join(f"group:{layer}" for layer in LAYERS)
# which drop and line brought a row differs by design
ORIGIN = ("drop_id", "drop_sequence", "source_file", "source_line")
Rows = list[dict[str, str]]


def read(name: str, file: str) -> Rows:
    """The rows of one file of a sample drop; none where it has no such file."""
    path = SAMPLE / name / f"{file}.csv.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def write(inbox: Path, name: str, day: str, files: dict[str, Rows], kind: Kind, sequence: int = 0) -> None:
    """A sealed drop of the sample's producer; files without rows are left out."""
    folder = inbox / name
    folder.mkdir(parents=True)
    for file, rows in files.items():
        if rows:
            with (folder / f"{file}.csv").open("w", encoding="utf-8", newline="") as handle:
                writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    seal(folder, date.fromisoformat(day), raw_files(load_catalog()).keys(), kind, "synthea", sequence)
    manifest = folder / "manifest.json"
    history = json.loads((SAMPLE / FULL / "manifest.json").read_text())["history_start"]
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "history_start": history}))


def built(root: Path, prepare: Callable[[Place], None]) -> Place:
    """A lake of raw tables, dimensions and facts."""
    place = Place(root)
    place.inbox.mkdir(parents=True)
    prepare(place)
    place.run("--start", OPENING, "--select", SELECTION)
    return place


def differences(one: Place, other: Place) -> dict[str, int]:
    """Rows that only one of two lakes has, by table, where a row is from left aside."""
    found = {}
    connection = duckdb.connect()
    for name, table in load_catalog().tables.items():
        if table.layer not in LAYERS:
            continue
        for label, place in (("one", one), ("other", other)):
            connection.register(label, place.reader().table(name).to_arrow())
        columns = ", ".join(f'"{c.name}"' for c in table.columns if c.name not in ORIGIN)
        sides = (f"(select {columns} from one)", f"(select {columns} from other)")
        only = [f"select count(*) from ({a} except all {b})" for a, b in (sides, sides[::-1])]
        surplus = sum(connection.execute(sql).fetchall()[0][0] for sql in only)
        if surplus:
            found[name] = surplus
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The first full export and a delta of five days later, without their practice feed."""

    def clinical(place: Place) -> None:
        for name, kind in ((FULL, "full"), (DELTA, "delta")):
            write(place.inbox, name, name, {file: read(name, file) for file in [*KEYS, "claims_transactions"]}, cast("Kind", kind))

    return built(tmp_path_factory.mktemp("plain"), clinical)


def merged(file: str) -> Rows:
    """The whole file as of the delta's day: its rows in place of those of the same key."""
    if file == "claims_transactions":
        claims = {row["CLAIMID"] for row in read(DELTA, file)}
        return [row for row in read(FULL, file) if row["CLAIMID"] not in claims] + read(DELTA, file)
    key = [name.upper() for name in KEYS[file]]
    names = {name.upper(): name for name in (read(FULL, file) or read(DELTA, file) or [{}])[0]}
    newer = {tuple(row[names[k]] for k in key): row for row in read(DELTA, file)}
    assert len(newer) == len(read(DELTA, file)), f"a key of {file} occurs twice in the delta"
    older = [row for row in read(FULL, file) if tuple(row[names[k]] for k in key) not in newer]
    return [*older, *newer.values()]


SHARED = ("organizations", "providers", "payers")


def half(number: int) -> dict[str, Rows]:
    """Every second patient of the first full export with all that belongs to them; the first half has what patients share."""
    chosen = {row["Id"] for row in read(FULL, "patients")[number::2]}
    claims = {row["Id"]: row["PATIENTID"] for row in read(FULL, "claims")}

    def owner(file: str, row: dict[str, str]) -> str:
        return claims[row["CLAIMID"]] if file == "claims_transactions" else row.get("PATIENT") or row.get("PATIENTID") or row["Id"]

    own = [file for file in [*KEYS, "claims_transactions"] if file not in SHARED]
    return {
        **{file: read(FULL, file) for file in SHARED if number == 0},
        **{file: [row for row in read(FULL, file) if owner(file, row) in chosen] for file in own},
    }


def test_parts_of_a_drop_and_full_exports_tell_what_one_drop_and_its_delta_tell(plain: Place, tmp_path: Path) -> None:
    """The first export comes in two parts of one day, and the delta as a full export."""

    def otherwise(place: Place) -> None:
        write(place.inbox, "part-1", FULL, half(0), "full")
        write(place.inbox, "part-2", FULL, half(1), "delta", sequence=1)
        write(place.inbox, "full-again", DELTA, {file: merged(file) for file in [*KEYS, "claims_transactions"]}, "full")

    assert differences(plain, built(tmp_path / "otherwise", otherwise)) == {}


FACTS = ("fact_appointment", "fact_procedure", "fact_claim_line", "fact_patient_e", "fact_clinician", "fact_transaction")
MOVED = "39dd1c15-c7f7-76ce-4803-15e664d1e1f0"


def cities(place: Place, table: str, first: int, last: int) -> dict[str, int]:
    """Rows of the moved patient between two dates by the city that their version of the patient says."""
    sql = f"""select p.city, count(*) as n from {table} as f inner join dim_patient as p on p.patient_key = f.patient_key
        where p.patient_id = '{MOVED}' and f.date_key between {first} and {last} group by p.city"""
    return {row["city"]: row["n"] for row in query(place.reader(), sql).to_pylist()}


def test_a_patient_who_moves_has_last_years_visits_at_the_old_address(plain: Place, tmp_path: Path) -> None:
    """A third drop brings the new address and a visit after it, a fourth one only a new income."""
    shutil.copytree(plain.lake, tmp_path / "lake")
    place = Place(tmp_path)
    person = next(row for row in read(DELTA, "patients") if row["Id"] == MOVED)
    visit = next(row for row in read(DELTA, "encounters") if row["PATIENT"] == MOVED)
    person |= {"ADDRESS": "1 New Street", "CITY": "Boston", "COUNTY": "Suffolk County", "FIPS": "25025", "ZIP": "02118"}
    visit |= {"Id": "00000000-0000-4000-8000-000000000001", "START": "2025-12-06T09:00:00Z", "STOP": "2025-12-06T09:30:00Z"}
    write(place.inbox, "moved", "2025-12-06", {"patients": [person], "encounters": [visit]}, "delta")
    write(place.inbox, "richer", "2025-12-07", {"patients": [{**person, "INCOME": "99999"}]}, "delta")
    place.run("--select", SELECTION)

    older = plain.published("facts")
    assert older and {key: hash_ for key, hash_ in place.published("facts").items() if key in older} == older
    for table in FACTS:
        before = cities(plain, table, 20241208, 20251205)
        assert set(before) == {"Taunton"}
        assert cities(place, table, 20241208, 20251205) == before
    assert cities(place, "fact_appointment", 20251206, 20251207) == {"Boston": 1}
    columns = "address, zip, income, valid_from, valid_to, is_current"
    rows = query(place.reader(), f"select {columns} from dim_patient where patient_id = '{MOVED}' order by valid_from").to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("238 Murray Avenue Suite 46", "02780", 46844, date(1900, 1, 1), date(2025, 12, 6), False),
        ("1 New Street", "02118", 99999, date(2025, 12, 6), date(9999, 12, 31), True),
    ]
