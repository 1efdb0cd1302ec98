"""The Synthea state as of a drop's date: the newest version of every row in history and drop, as tables of a DuckDB.

Only the files and columns that the feed is made from are read, typed as ingestion types them; rows that ingestion would
put into quarantine are left out. Which folders there are is ``drops``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from caremetrix_assets.errors import InputError
from caremetrix_assets.simulator.drops import Source
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.header import Binding, bind, header_of
from caremetrix_assets.sources.sql import literal, name
from caremetrix_assets.sources.typing_sql import blanked, is_sentinel, typed


@dataclass(frozen=True)
class Wanted:
    """Columns of a file, the ones that must not be null, the key of its newest version, and what can be left out early."""

    columns: tuple[str, ...]
    needed: tuple[str, ...]
    key: tuple[str, ...]
    where: str = "true"


# Visits count from a year before the start; procedures and charges as far back as a plan item looks.
WANTED: Mapping[str, Wanted] = {
    "patients": Wanted(("id", "birthdate", "deathdate"), ("id", "birthdate"), ("id",)),
    "organizations": Wanted(("id",), ("id",), ("id",)),
    "payers": Wanted(("id", "name", "ownership"), ("id",), ("id",)),
    "encounters": Wanted(
        ("id", "start", "stop", "patient", "organization", "provider", "encounterclass", "code", "reasoncode", "total_claim_cost"),
        ("id", "start", "patient", "organization", "provider"),
        ("id",),
        "start >= cast(window_start() as timestamp) and start < cast(end_date() + 1 as timestamp)",
    ),
    "procedures": Wanted(
        ("start", "patient", "encounter", "system", "code", "base_cost"),
        ("start", "patient", "encounter", "code"),
        ("start", "patient", "encounter", "code"),
        "start >= cast(window_start() as timestamp) and start < cast(end_date() + 1 as timestamp)",
    ),
    "claims": Wanted(
        ("id", "patientid", "primarypatientinsuranceid", "secondarypatientinsuranceid", "appointmentid", "servicedate"),
        ("id", "patientid", "appointmentid", "servicedate"),
        ("id",),
        "servicedate >= cast(window_start() as timestamp) and servicedate < cast(end_date() + 1 as timestamp)",
    ),
    "claims_transactions": Wanted(
        (
            "claimid", "chargeid", "type", "amount", "method", "fromdate", "placeofservice", "procedurecode", "transfertype",
            "payments", "adjustments",
        ),
        ("claimid", "chargeid", "type", "fromdate"),
        ("claimid",),
        "claimid in (select id from state_claims)",
    ),
}  # fmt: skip
REQUIRED = ("patients", "encounters")
LEDGER_FILE, LEDGER_UNIT = "claims_transactions", "claimid"


def load_state(con: duckdb.DuckDBPyConnection, sources: Sequence[Source], files: Mapping[str, RawFile]) -> set[str]:
    """Makes a table ``state_<file>`` of each wanted file and gives the names of those that some source holds.

    Needs the macros ``window_start()`` and ``end_date()``. InputError when patients or encounters are in no source, or a
    file cannot be read.
    """
    for file in REQUIRED:
        if not any(file in source.files for source in sources):
            raise InputError(f"No folder holds {file}.csv; a delta needs its earlier drops as --history.")
    for file, wanted in WANTED.items():
        holding = [(place, source) for place, source in enumerate(sources) if file in source.files]
        selects = [_select(files[file], wanted, path, place) for place, source in holding for path in source.files[file]]
        if not holding:
            columns = ", ".join(f"cast(null as {_type(files[file], c)}) as {name(c)}" for c in wanted.columns)
            con.execute(f"create table state_{file} as select {columns} where false")
            continue
        kept = " and ".join([wanted.where, *_deleted(file, sources)])
        versions = f"select * from ({' union all '.join(selects)}) where {kept}"
        try:
            if wanted.key == (LEDGER_UNIT,):
                con.execute(f"create table state_{file} as {_newest_units(versions, wanted, holding, selects)}")
            else:
                con.execute(f"create table state_{file} as {_newest(versions, wanted)}")
        except (duckdb.InvalidInputException, duckdb.IOException) as error:
            paths = ", ".join(sorted({f"{s.path.name}/{p.name}" for _, s in holding for p in s.files[file]}))
            raise InputError(f"{paths}: cannot be read as CSV; `caremetrix drop check` says where it is damaged.") from error
    return {file for file in WANTED if any(file in source.files for source in sources)}


def _type(file: RawFile, column: str) -> str:
    return next(c.sql_type for c in file.columns if c.name == column)


def _select(file: RawFile, wanted: Wanted, path: Path, place: int) -> str:
    """Typed columns of one CSV file and the place of its drop; rows without a needed value are left out."""
    where = f"{path.parent.name}/{path.name}"
    fields = header_of(path, path.name)
    if not fields:
        columns = ", ".join(f"cast(null as {_type(file, c)}) as {name(c)}" for c in wanted.columns)
        return f"select {columns}, {place} as place where false"
    binding = bind(file, fields, where)
    texts, values = [], []
    for wish in wanted.columns:
        bound = binding.of(wish)
        if bound is None:
            values.append(f"cast(null as {_type(file, wish)}) as {name(wish)}")
            continue
        text = name(wish)
        texts.append(f"{blanked(bound.column, f'c{bound.place}')} as {text}")
        values.append(f"case when not ({is_sentinel(bound.column, text)}) then {typed(bound.column, text, bound.header)} end as {text}")
    needed = " and ".join(f"{name(c)} is not null" for c in wanted.needed)
    return (
        f"select * from (select {', '.join(values)}, {place} as place "
        f"from (select {', '.join(texts)} from {_csv(path, binding)})) where {needed}"
    )


def _csv(path: Path, binding: Binding) -> str:
    names = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(binding.width))
    options = "header = false, skip = 1, auto_detect = false, null_padding = false, ignore_errors = true"
    return f"read_csv({literal(path)}, columns = {{{names}}}, {options}, delim = ',', quote = '\"', escape = '\"')"


def _newest(versions: str, wanted: Wanted) -> str:
    """The newest row per key; ties within a drop by content, never by the order of lines."""
    columns, key = ", ".join(name(c) for c in wanted.columns), ", ".join(name(c) for c in wanted.key)
    order = ", ".join(["place desc", *(f"{name(c)} nulls last" for c in wanted.columns)])
    return f"select {columns} from ({versions}) qualify row_number() over (partition by {key} order by {order}) = 1"


def _newest_units(versions: str, wanted: Wanted, holding: Sequence[tuple[int, Source]], selects: Sequence[str]) -> str:
    """All rows of the newest drop that has the claim. The first drop is the big one, so only later ones are looked at twice."""
    columns, first = ", ".join(name(c) for c in wanted.columns), holding[0][0]
    later = " union all ".join(select for select, place in zip(selects, _places(holding), strict=True) if place != first)
    if not later:
        return f"select {columns} from ({versions})"
    newest = f"select {LEDGER_UNIT}, max(place) as newest from ({later}) group by {LEDGER_UNIT}"
    return (
        f"with newest as materialized ({newest}) select v.* exclude (place) from ({versions}) as v "
        f"left join newest as n on n.{LEDGER_UNIT} = v.{LEDGER_UNIT} where v.place = coalesce(n.newest, {first})"
    )


def _places(holding: Sequence[tuple[int, Source]]) -> list[int]:
    """The place of each CSV file of the ledger, parts included."""
    return [place for place, source in holding for _ in source.files[LEDGER_FILE]]


def _deleted(file: str, sources: Sequence[Source]) -> list[str]:
    """What a full drop with deletes takes away: its producer's earlier rows of the files it contains."""
    tests = []
    for place, source in enumerate(sources):
        if source.deletes and source.kind == "full" and file in source.files:
            gone = [p for p, s in enumerate(sources[:place]) if s.producer == source.producer]
            tests += [f"place not in ({', '.join(map(str, gone))})"] if gone else []
    return tests
