"""Runs the SELECT of a table in Spark over the lake's own Parquet files; its rows come back as Parquet.

The optional engine (``CAREMETRIX_ENGINE=spark``, extra ``spark``) for when one machine is too small. How the SQL is
translated is ``spark_sql``, which session it runs in ``spark_session``, where its files lie ``spark_places``; casting to
the contract, comparing, staging and audit are DuckDB's for both engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import parquet_source, quote, run_select
from caremetrix_assets.engines.relation import LakeRelation
from caremetrix_assets.engines.spark_places import Places
from caremetrix_assets.engines.spark_session import SparkOptions, explain, is_local, start, stop
from caremetrix_assets.engines.spark_sql import to_spark
from caremetrix_assets.lake.changelog import state_sql
from caremetrix_assets.lake.storage import Storage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOG = "__log"


class InSpark:
    """One Spark session, started by the first table that needs it and kept until :meth:`close`."""

    name = "spark"

    def __init__(self, options: SparkOptions, storage: Storage, work_dir: Path) -> None:
        self._options, self._storage, self._work_dir = options, storage, work_dir
        self._session: Any = None
        self._own = False

    def run(self, con: duckdb.DuckDBPyConnection, table: Table, read: dict[str, LakeRelation], target: str) -> None:
        """Runs the SELECT in Spark, then casts its rows on ``con`` as the embedded engine does."""
        if self._session is None:
            self._session, self._own = start(self._options)
        places = Places(self._storage, self._work_dir, table.name, is_local(self._session))
        query = _Query(self._session, places, table)
        try:
            query.create_relations(con, read)
            rows = query.run({name: state_sql(r.table, name + LOG) for name, r in read.items() if r.is_log and r.keys})
            columns = ", ".join(quote(c.name) for c in table.columns)
            run_select(con, table, f"select {columns} from {parquet_source(rows)}", target)
        except Exception as error:
            raise explain(error, table.name) from error
        finally:
            query.clear()

    def close(self) -> None:
        """Stops the session unless it was there before."""
        if self._session is not None:
            stop(self._session, self._own)
            self._session = None


class _Query:
    """One table's query: its views in the session, its files in the working place."""

    def __init__(self, session: SparkSession, places: Places, table: Table) -> None:
        self.session, self.places, self.table = session, places, table
        self.views: list[str] = []

    def create_relations(self, con: duckdb.DuckDBPyConnection, read: dict[str, LakeRelation]) -> None:
        """Lake tables from their files; what has no table behind it (run dates, seeds) from the step's session, where it
        is small.
        """
        for name, relation in read.items():
            schema = ", ".join(f"`{c.name}` {spark_type(c.sql_type)}" for c in relation.table.columns)
            paths = self.places.rows(relation)
            rows = self.session.read.schema(schema).parquet(*paths) if paths else self.session.createDataFrame([], schema)
            self._view(name + LOG if relation.is_log and paths else name, rows)
        for name in sorted(set(self.table.upstream) - set(read)):
            self._view(name, self.session.createDataFrame(con.sql(f"select * from {quote(name)}").to_arrow_table()))

    def run(self, states: dict[str, str]) -> list[Path]:
        """The Parquet files of the result; ``states`` are the SELECTs of change logs read as a state."""
        script = to_spark(str(self.table.sql), states)
        for step in script.steps:
            rows = self.session.sql(step.sql)
            self._view(step.name, self._computed(rows, step.name) if step.shared else rows)
        rows = self.session.sql(script.sql)
        types = {c.name: spark_type(c.sql_type) for c in self.table.columns}
        typed = [f"cast(`{n}` as {types[n]}) as `{n}`" if n in _untyped(rows) else f"`{n}`" for n in types]
        rows.selectExpr(*typed).write.parquet(self.places.written("result"))
        return self.places.fetched("result")

    def _computed(self, rows: DataFrame, name: str) -> DataFrame:
        """The rows computed and kept as Parquet, which has no type for a column of nulls alone: those are left out."""
        untyped = _untyped(rows)
        kept = [f"`{n}`" for n in rows.columns if n not in untyped]
        rows.selectExpr(*kept).write.parquet(self.places.written(name))
        found = self.session.read.parquet(self.places.written(name))
        return found.selectExpr(*(f"null as `{n}`" if n in untyped else f"`{n}`" for n in rows.columns))

    def _view(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)
        self.views.append(name)

    def clear(self) -> None:
        """Removes the views and files."""
        for name in self.views:
            self.session.catalog.dropTempView(name)
        self.places.clear()


def _untyped(rows: DataFrame) -> Sequence[str]:
    return [f.name for f in rows.schema.fields if f.dataType.typeName() == "void"]


def spark_type(sql_type: str) -> str:
    """A contract's SQL type in Spark's words; the timestamps of a lake have no zone."""
    return {"VARCHAR": "string", "INTEGER": "int", "TIMESTAMP": "timestamp_ntz"}.get(sql_type, sql_type.lower())
