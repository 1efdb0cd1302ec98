"""Read-only SQL over a lake's tables by name, in a private DuckDB that can read the lake's files and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from caremetrix_assets.audit.results import RESULTS as RESULTS_PREFIX
from caremetrix_assets.engines.duckdb import STEADY
from caremetrix_assets.engines.functions import install
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.reader import Lake

RESULTS = "dq_results"


def query(lake: Lake, sql: str) -> pa.Table:
    """The result of one SELECT over tables of the catalog and ``dq_results`` as Arrow; the engine's functions may be used.

    Entity dimensions show their newest partition; every other table all its partitions. Raises UsageError for
    anything but one SELECT, for an unknown table, and for SQL that does not run.
    """
    return queries(lake, [sql])[0]


def queries(lake: Lake, texts: Sequence[str]) -> list[pa.Table]:
    """The results of several SELECTs, see ``query``; the lake's files are opened once for all of them."""
    trees = [_one_select(sql) for sql in texts]
    with _session(lake, {name for tree in trees for name in _tables_of(tree)}) as con:
        try:
            return [con.sql(tree.sql(dialect="duckdb")).to_arrow_table() for tree in trees]
        except duckdb.Error as error:
            raise UsageError(f"The query does not run: {str(error).splitlines()[0]}") from error


def _one_select(sql: str) -> exp.Expr:
    try:
        statements = [s for s in sqlglot.parse(sql, dialect="duckdb") if s is not None]
    except ParseError as error:
        raise UsageError(f"The query is not readable as SQL: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise UsageError("A query is one SELECT; nothing in the lake can be changed by SQL.")
    return statements[0]


def _tables_of(tree: exp.Expr) -> set[str]:
    ctes = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return {t.name for t in tree.find_all(exp.Table) if t.name and not isinstance(t.this, exp.Func)} - ctes


@contextmanager
def _session(lake: Lake, names: set[str]) -> Iterator[duckdb.DuckDBPyConnection]:
    unknown = sorted(n for n in names if n not in lake.catalog.tables and n != RESULTS)
    if unknown:
        raise UsageError(f"There is no table {unknown[0]}; `caremetrix tables` lists them.")
    con = duckdb.connect(config={"autoinstall_known_extensions": False, **STEADY})
    try:
        con.execute("set enable_progress_bar = false")
        install(con)
        folders: set[Path] = set()
        for name in sorted(names):
            if name == RESULTS:
                paths = [lake.storage.local_path(i.key) for i in lake.storage.list(f"{RESULTS_PREFIX}/")]
                _results_view(con, paths)
            else:
                paths = lake.table(name).paths()
                lake.table(name).to_duckdb(con)
            folders |= {p.parent for p in paths}
        listed = ", ".join("'" + str(f).replace("'", "''") + "/'" for f in sorted(folders))
        con.execute(f"set allowed_directories = [{listed}]")
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        yield con
    finally:
        con.close()


def _results_view(con: duckdb.DuckDBPyConnection, paths: list[Path]) -> None:
    if not paths:
        raise UsageError("Nothing was checked yet; run `caremetrix run` first.")
    files = ", ".join("'" + str(p).replace("'", "''") + "'" for p in paths)
    con.execute(f"create view {RESULTS} as select * from read_parquet([{files}], hive_partitioning = false)")
