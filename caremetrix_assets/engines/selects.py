"""Where the SELECT of a table runs: what a step asks of an engine, whichever it is.

A step always works on a DuckDB session of its own: comparison, staging and audit are the same code over the same
relations for every engine, so they give the same bytes. An engine only fills one relation of that session.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import run_select
from caremetrix_assets.engines.relation import LakeRelation
from caremetrix_assets.engines.spark_session import require, spark_options
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings


class Selects(Protocol):
    """Runs a table's SELECT."""

    name: str

    def run(self, con: duckdb.DuckDBPyConnection, table: Table, read: dict[str, LakeRelation], target: str) -> None:
        """Creates the temp table ``target`` on ``con``: the rows of ``table``'s SELECT, cast to its contract.

        ``con`` has every relation that the SELECT names; ``read`` says which of them are lake tables, and where they lie.
        """

    def close(self) -> None:
        """Frees what a run of the engine holds."""


class InDuckDB:
    """The embedded engine: the SELECT runs on the session itself."""

    name = "duckdb"

    def run(self, con: duckdb.DuckDBPyConnection, table: Table, read: dict[str, LakeRelation], target: str) -> None:
        """Runs the SELECT over the session's relations."""
        run_select(con, table, str(table.sql), target)

    def close(self) -> None:
        """Nothing: the session is the step's."""


def open_selects(settings: Settings, storage: Storage, work_dir: Path) -> Selects:
    """The engine of the settings; nothing starts yet. ServiceError when what Spark needs is not installed."""
    if settings.engine == "duckdb":
        return InDuckDB()
    from caremetrix_assets.engines.spark import InSpark

    check_engine(settings)
    return InSpark(spark_options(settings), storage, work_dir)


def check_engine(settings: Settings) -> None:
    """ServiceError when something that the engine of the settings needs is not installed; starts nothing."""
    if settings.engine == "spark":
        require(spark_options(settings))
