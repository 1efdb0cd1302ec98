"""Exports whose ids are drawn anew: the one thing that would double every visit, told from the archive before it counts.

Synthea 3.0 and 3.1 draw the ids of encounters and claims at export time, and another seed draws other ones; 3.2 and
later keep them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb

from caremetrix_assets.sources.sql import literal, one_row

# Files whose ids are watched, with the columns that date a row and name its patient.
WATCHED = {"encounters": ("start", "patient"), "claims": ("servicedate", "patientid")}
WINDOW_DAYS = 365


def keys_redrawn(
    con: duckdb.DuckDBPyConnection, drop_date: date, new: Mapping[str, Path], before: Mapping[str, Sequence[Path]]
) -> str | None:
    """Why a full drop looks like ids drawn anew, or None.

    ``new`` and ``before`` give archive files by source file: of the drop, and of its producer's accepted drops before
    it in drop order. True for a file when over half of the ids known from before and dated in the 365 days up to
    ``drop_date`` are missing, and the drop brings at least as many ids, unknown before and dated in those days, of the
    patients whose ids are missing.
    """
    for file, (dated, patient) in WATCHED.items():
        if file not in new or not before.get(file):
            continue
        known, missing, fresh = _counts(con, dated, patient, drop_date, new[file], before[file])
        if missing * 2 > known and fresh >= missing:
            return (
                f"{file}: {missing} of {known} ids of the last {WINDOW_DAYS} days are gone and {fresh} new ones came for the same "
                "patients; ids are not stable between exports: Synthea 3.0/3.1, or another seed."
            )
    return None


def _counts(
    con: duckdb.DuckDBPyConnection, dated: str, patient: str, drop_date: date, new: Path, before: Sequence[Path]
) -> tuple[int, ...]:
    good = "broken_rule is null and not is_superseded"
    first, last = literal(drop_date - timedelta(days=WINDOW_DAYS)), literal(drop_date)
    recent = f"cast({dated} as date) > date {first} and cast({dated} as date) <= date {last}"
    paths = ", ".join(literal(path) for path in before)
    return one_row(
        con,
        f"""with known as (
            select id, any_value({patient}) as patient, bool_or({recent}) as is_recent
            from read_parquet([{paths}]) where {good} group by id
        ),
        brought as (select id, {patient} as patient, {recent} as is_recent from read_parquet({literal(new)}) where {good}),
        missing as (select id, patient from known where is_recent and id not in (select id from brought)),
        fresh as (
            select id from brought
            where is_recent and id not in (select id from known) and patient in (select patient from missing)
        )
        select (select count(*) from known where is_recent), (select count(*) from missing), (select count(*) from fresh)""",
    )
