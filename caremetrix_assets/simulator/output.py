"""Writes the feed's CSV files: into ``practice/`` of a folder, or as a sealed drop of its own.

Timestamps are ``2026-01-31T09:05:00Z``, dates ISO, amounts with two decimals, nothing is an empty field. Rows are
ordered by key, so that equal feeds are equal bytes. Which rows there are is ``feed``.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from caremetrix_assets.simulator.drops import Source
from caremetrix_assets.simulator.feed import KEYS, ROWS_OF_LATER_DAYS, table_of
from caremetrix_assets.sources.inbox import PRACTICE
from caremetrix_assets.sources.manifest import Manifest
from caremetrix_assets.sources.scan import sha256_of
from caremetrix_assets.sources.seal import seal
from caremetrix_assets.sources.simulated import SIMULATION, Simulation
from caremetrix_assets.sources.sql import literal, name, one_row

PRODUCER = "simulator"
OWN_FILES = frozenset(f"{file}.csv" for file in KEYS)
_AS_TEXT = {"TIMESTAMP": "strftime({0}, '%Y-%m-%dT%H:%M:%SZ') as {0}", "DATE": "strftime({0}, '%Y-%m-%d') as {0}"}


def keep_news(con: duckdb.DuckDBPyConnection, files: Sequence[str], before: Mapping[str, Path], keep_all: bool) -> dict[str, int]:
    """Leaves in the feed's tables what is new or different from the Parquet files ``before``, or all of it; counts what is no longer made.

    A claim that grew late moves its steps on: an event told before is told again with its later day, or its claim would
    be out of order. What is no longer made at all cannot be taken back.
    """
    withdrawn = {}
    for file in files:
        if file not in before:
            continue
        table, key, earlier = table_of(file), ", ".join(KEYS[file]), f"read_parquet({literal(before[file])})"
        changes = f"select * from {table}" + ("" if keep_all else f" except select * from {earlier}")
        gone = f"select {key} from {earlier} except select {key} from {table}"
        if file in ROWS_OF_LATER_DAYS:
            changes += f" union all select * from {ROWS_OF_LATER_DAYS[file]} where ({key}) in ({gone})"
        con.execute(f"create table news as {changes}")
        (withdrawn[file],) = one_row(con, f"select count(*) from ({gone}) where ({key}) not in (select ({key}) from news)")
        con.execute(f"drop table {table}")
        con.execute(f"alter table news rename to {table}")
    return {file: count for file, count in withdrawn.items() if count}


def store(con: duckdb.DuckDBPyConnection, files: Sequence[str], folder: Path) -> dict[str, Path]:
    """The feed's tables as Parquet files, for ``keep_news`` of another connection."""
    paths = {file: folder / f"{file}.parquet" for file in files}
    for file, path in paths.items():
        con.execute(f"copy {table_of(file)} to {literal(path)} (format parquet)")
    return paths


def write_files(con: duckdb.DuckDBPyConnection, files: Sequence[str], folder: Path, pack: bool) -> dict[str, int]:
    """CSV files of the tables that have rows, in an existing folder, and their rows by file; ``pack`` makes ``.csv.gz``."""
    rows = {}
    for file in files:
        (rows[file],) = one_row(con, f"select count(*) from {table_of(file)}")
        if not rows[file]:
            continue
        path = folder / f"{file}.csv"
        columns = con.execute(f"select column_name, column_type from (describe {table_of(file)})").fetchall()
        fields = ", ".join(_AS_TEXT.get(kind, "{0}").format(name(column)) for column, kind in columns)
        con.execute(
            f"copy (select {fields} from {table_of(file)} order by {', '.join(KEYS[file])}) to {literal(path)} (format csv, header true)"
        )
        if pack:
            _pack(path)
    return rows


def _pack(path: Path) -> None:
    """Packs without name and time, so that equal content is equal bytes."""
    with open(path, "rb") as plain, open(f"{path}.gz", "wb") as target:
        with gzip.GzipFile(filename="", mode="wb", fileobj=target, mtime=0) as packed:
            shutil.copyfileobj(plain, packed)
    path.unlink()


def publish(made: Path, root: Path, note: Simulation) -> None:
    """Moves the files of ``made`` into ``root/practice``; what an earlier simulation left there goes.

    The note comes first: a folder with files of the simulator and no note would look like a practice's own feed.
    """
    practice = root / PRACTICE
    practice.mkdir(parents=True, exist_ok=True)
    (practice / SIMULATION).write_text(note.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for old in practice.iterdir():
        if old.name.removesuffix(".gz") in OWN_FILES:
            old.unlink()
    for path in sorted(made.iterdir()):
        shutil.move(path, practice / path.name)


def note_of(made: Path, seed: int, parameters: str, start: date) -> Simulation:
    """The note for the files in ``made``."""
    files = {f"{PRACTICE}/{path.name}": sha256_of(path) for path in sorted(made.iterdir())}
    return Simulation(seed=seed, parameters=parameters, start=start, files=files)


def seal_alone(out: Path, drop: Source, made: Path, note: Simulation, known: Collection[str]) -> Manifest:
    """A sealed drop of the simulator at ``out``, dated and of the kind of ``drop``; it appears whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
        inside = Path(folder) / out.name
        publish(made, inside, note)
        manifest = seal(inside, drop.drop_date, known, drop.kind, PRODUCER, drop.sequence, practice_start=note.start)
        if out.is_dir():
            out.rmdir()
        inside.rename(out)
    return manifest
