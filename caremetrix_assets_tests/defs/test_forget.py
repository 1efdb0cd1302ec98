"""``caremetrix forget`` on a whole lake: every object, database row and output is searched for the person afterwards."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from caremetrix_assets.serving.query import query
from caremetrix_assets.sources.forgotten import PENDING_KEY, Forgotten, hash_of
from caremetrix_assets_tests.defs.test_history import read
from caremetrix_assets_tests.runs import DAYS, FULL, Place

# A child whose plan a parent holds, with visits, claims, bookings, messages and staff actions of its own.
PERSON = "5890bf02-e447-1033-194a-bb51328bb0d5"
TOLD = ("Id", "SSN", "DRIVERS", "PASSPORT", "FIRST", "ADDRESS", "LAT", "LON")


def traces(place: Place) -> dict[str, str]:
    """What tells of the person: ids and values from the drops, surrogate keys from the tables."""
    row = next(r for r in read(FULL, "patients") if r["Id"] == PERSON)
    found = {row[c]: c for c in TOLD if row[c]}
    found[f"{row['FIRST']} {row['LAST']}"] = "name"
    for file, key, column in (("encounters", "Id", "PATIENT"), ("claims", "Id", "PATIENTID")):
        found |= {r[key]: file for r in read(FULL, file) if r[column] == PERSON}
    found |= {r["appointment_id"]: "appointments" for r in read(FULL, "practice/appointments") if r["patient_id"] == PERSON}
    keys = query(place.reader(), f"select patient_key from dim_patient where patient_id = '{PERSON}'").to_pylist()
    found |= {str(r["patient_key"]): "key" for r in keys}
    visits = query(place.reader(), f"select fact_appointment_sk as k from fact_appointment where patient_id = '{PERSON}'").to_pylist()
    return found | {r["k"]: "sk" for r in visits}


def naming(folder: Path, words: dict[str, str]) -> dict[str, set[str]]:
    """Files below a folder that hold one of the words, Parquet and databases read value by value."""
    found: dict[str, set[str]] = {}
    con = duckdb.connect()
    con.execute("create table words (word varchar)")
    con.executemany("insert into words values (?)", [[w] for w in words])
    for path in (p for p in folder.rglob("*") if p.is_file()):
        hits = _in_parquet(con, path) if path.suffix == ".parquet" else _in_text(path, words)
        if hits:
            found[str(path.relative_to(folder))] = {words[w] for w in hits}
    return found


def _in_parquet(con: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    """Words that are a cell, or a part of one between bars, commas, quotes or blanks."""
    cells = f"select cast(columns(*) as varchar) from read_parquet('{path}', hive_partitioning = false)"
    values = f"select distinct v from (unpivot ({cells}) on columns(*) into name k value v)"
    parts = " union all ".join(f"select unnest(string_split_regex(v, '{ends}')) from v" for ends in ('[|,"]', '[|," ]'))
    sql = f"with v as materialized ({values}) select word from words where word in (select v from v union all {parts})"
    return {w for (w,) in con.execute(sql).fetchall()}


def _in_text(path: Path, words: dict[str, str]) -> set[str]:
    content = path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".db":
        with sqlite3.connect(path) as database:
            content = "\n".join(database.iterdump())
    return {w for w in words if w in content}


@pytest.mark.slow
def test_nothing_tells_of_the_forgotten_anywhere(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    place.bring(FULL, DAYS[0])
    place.run()
    words = traces(place)
    before = naming(place.lake, words)
    assert {key.split("/")[0] for key in before} >= {"raw", "dims", "facts", "marts", "ops"}
    assert {"Id", "SSN", "FIRST", "ADDRESS", "encounters", "claims", "appointments", "key", "sk"} <= set().union(*before.values())

    asked = place.command("forget", PERSON)
    assert asked.exit_code == 2 and "--yes" in asked.output and naming(place.lake, words) == before
    result = place.command("forget", PERSON, "--yes")
    assert result.exit_code == 0, result.output
    assert naming(place.lake, words) == {} == naming(home, words)
    assert PERSON not in result.output
    assert not (place.lake / PENDING_KEY).exists()
    assert ("patients", hash_of(PERSON)) in Forgotten.load(place.reader().storage).entries

    for drop in place.json("drop", "list"):
        counted = ("rows_new", "rows_changed", "rows_unchanged", "rows_superseded", "rows_quarantined", "rows_forgotten")
        assert drop["rows_in"] == sum(drop[c] for c in counted), drop["name"]
    failed = [c for c in place.json("checks") if c["severity"] == "blocking" and c["status"] in ("failed", "error")]
    assert failed == []
    assert "Nothing new" in place.run().output
