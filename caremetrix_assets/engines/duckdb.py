"""The embedded engine: an in-memory DuckDB, a private session of it per step, closed whatever happens.

Runs a table's SELECT over relations that the caller has created, casts once to the contract's types, stages sorted
Parquet. Which partitions are read or published is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.engines.functions import install
from caremetrix_assets.errors import CaremetrixError, ServiceError
from caremetrix_assets.lake.changelog import quoted as quote

# DuckDB 2.0.0 fails now and then (1 of 8 builds over 400 files) with an internal error about a dictionary that "changed identity" in
# the operators that gather small chunks; without them nothing was slower.
STEADY = {"enable_caching_operators": False}


@dataclass(frozen=True)
class EngineOptions:
    """What a step may use: threads, DuckDB's memory limit (its own spelling), the folder for spill and staging."""

    threads: int
    memory_limit: str
    work_dir: Path


class Engine:
    """One in-memory DuckDB, opened by the first session; a run keeps it, which spares every step the opening.

    Sessions share memory limit, threads and functions; their temporary tables and views are their own and end with them.
    """

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self._database: duckdb.DuckDBPyConnection | None = None
        self._spill = ""

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one step. After a failure of DuckDB the next session begins with a new database."""
        con = self._open().cursor()
        failed = False
        try:
            con.execute("set enable_progress_bar = false")
            yield con
        except duckdb.Error as error:
            failed = True
            raise explain(error) from error
        finally:
            con.close()
            if failed:
                self.close()

    def close(self) -> None:
        """Frees the memory and removes what was spilled; a later session opens anew."""
        if self._database is not None:
            self._database.close()
            self._database = None
            shutil.rmtree(self._spill, ignore_errors=True)

    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._database is None:
            self._spill = _spill_folder(self.options.work_dir)
            self._database = duckdb.connect(
                config={
                    "threads": self.options.threads,
                    "memory_limit": self.options.memory_limit,
                    "temp_directory": self._spill,
                    "autoinstall_known_extensions": False,
                    "preserve_insertion_order": True,
                    # a published object is replaced under its name while the run goes on
                    "enable_external_file_cache": False,
                    **STEADY,
                }
            )
            install(self._database)
        return self._database


def _spill_folder(work_dir: Path) -> str:
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        return tempfile.mkdtemp(prefix="spill-", dir=work_dir)
    except OSError as error:
        raise ServiceError(
            f"Cannot write to the working folder {work_dir} ({error.strerror}); free it or set CAREMETRIX_TEMP_DIR."
        ) from error


@contextmanager
def connect(options: EngineOptions) -> Iterator[duckdb.DuckDBPyConnection]:
    """The only session of an engine of its own."""
    engine = Engine(options)
    try:
        with engine.session() as con:
            yield con
    finally:
        engine.close()


def explain(error: duckdb.Error) -> CaremetrixError:
    """DuckDB's error as one of ours, without any value of a row."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return ServiceError("DuckDB ran out of memory; raise CAREMETRIX_MEMORY_LIMIT or lower CAREMETRIX_THREADS.")
    if isinstance(error, duckdb.IOException):
        reason = "no space left on the device" if "space left" in text.lower() else "reading or writing a file failed"
        return ServiceError(f"{reason.capitalize()} in the working folder or the lake; free space or set CAREMETRIX_TEMP_DIR.")
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)):
        return CaremetrixError(f"The SQL of the table does not run: {text.splitlines()[0]}")
    return CaremetrixError(f"DuckDB could not finish the query ({type(error).__name__}).")


def literal(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def run_select(con: duckdb.DuckDBPyConnection, table: Table, sql: str, target: str) -> None:
    """Creates the temp table ``target`` = ``sql`` cast to the contract of ``table``; a cast that would round fails."""
    described = {row[0]: row[1] for row in con.execute(f"describe {sql}").fetchall()}
    columns = [f"{_cast(c, described.get(c.name, ''))} as {quote(c.name)}" for c in table.columns]
    con.execute(f"create or replace temp table {quote(target)} as select {', '.join(columns)} from ({sql}) as q")


def _cast(column: Column, found: str) -> str:
    name, wanted = quote(column.name), column.sql_type
    if found == wanted:
        return name
    if not _may_round(found, wanted):
        return f"cast({name} as {wanted})"
    message = literal(f"column {column.name}: the final cast from {found} to {wanted} would lose digits")
    return f"case when cast({name} as {wanted}) is distinct from {name} then error({message}) else cast({name} as {wanted}) end"


def _may_round(found: str, wanted: str) -> bool:
    if found.startswith("DECIMAL"):
        scale = int(found.rstrip(")").split(",")[1])
        target = int(wanted.rstrip(")").split(",")[1]) if wanted.startswith("DECIMAL") else 0
        return scale > target and wanted not in ("DOUBLE", "VARCHAR")
    if found in ("DOUBLE", "FLOAT"):
        return wanted not in ("DOUBLE", "VARCHAR")
    return found.startswith("TIMESTAMP") and wanted == "DATE"


def partition_dates(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """The partition dates of a relation, oldest first, ISO text."""
    return sorted(str(day) for (day,) in con.execute(f"select distinct partition_date from {quote(relation)}").fetchall())


def partition_hashes(con: duckdb.DuckDBPyConnection, table: Table, source: str, days: list[str]) -> dict[str, tuple[int, str]]:
    """Per date of ``days`` in ``source`` (SQL of a relation): its number of rows and an order-free hash over all columns.

    A date without a row has 0 and 0. The hash decides only what need not be written again. It is DuckDB's own, so it holds
    for one DuckDB version; the version is part of every table's definition.
    """
    columns = ", ".join(quote(c.name) for c in table.columns)
    rows = con.execute(
        f"select partition_date, count(*), sum(cast(hash({columns}) as hugeint)) from {source} "
        f"where partition_date in ({', '.join(f'date {literal(d)}' for d in days)}) group by partition_date"
    ).fetchall()
    return dict.fromkeys(days, (0, "0")) | {str(day): (count, f"{total:x}") for day, count, total in rows}


def sort_columns(table: Table) -> list[str]:
    """A total order of a partition's rows: the contract's sort columns, the natural key, then the key, which is unique or blocks."""
    return list(dict.fromkeys([*table.sort, *table.natural_key, *table.key]))


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def empty_relation(con: duckdb.DuckDBPyConnection, table: Table, name: str) -> None:
    """A view of the table's columns without rows: how readers see a table that has no partition yet."""
    con.execute(f"create or replace temp view {quote(name)} as {no_rows(table)}")


def no_rows(table: Table) -> str:
    """A SELECT of the table's columns, with their types, without rows."""
    return f"select {', '.join(f'cast(null as {c.sql_type}) as {quote(c.name)}' for c in table.columns)} where false"


def parquet_relation(con: duckdb.DuckDBPyConnection, name: str, paths: list[Path]) -> None:
    """A view over Parquet files of one table."""
    con.execute(f"create or replace temp view {quote(name)} as select * from {parquet_source(paths)}")


def parquet_source(paths: list[Path]) -> str:
    """Parquet files as the SQL of a relation."""
    files = ", ".join(literal(str(p)) for p in paths)
    return f"read_parquet([{files}], hive_partitioning = false)"
