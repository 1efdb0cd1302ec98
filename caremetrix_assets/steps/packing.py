"""The many small partitions of a table as one local file of the run, written when a step first reads them.

A table's daily partitions are hundreds of files with a few rows each; opening them again for every mention in every query took
seven times as long as reading the same rows from one file. What is packed is private to the run and ends with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import literal, parquet_source
from caremetrix_assets.steps.context import RunContext

# Up to so many files opening is cheap; a larger file costs more to copy than to open.
FEW_FILES = 24
SMALL_BYTES = 2 * 2**20


def partition_paths(con: duckdb.DuckDBPyConnection, context: RunContext, table: Table, days: Sequence[date]) -> list[Path]:
    """Local files that together hold the published partitions ``days`` of ``table``: large ones as they are, small ones packed."""
    paths = [context.published_file(table, day) for day in days]
    small = {path: day for day, path in zip(days, paths, strict=True) if path.stat().st_size <= SMALL_BYTES}
    if len(small) <= FEW_FILES:
        return paths
    states = context.state(table.name).partitions
    published = "".join(f"{day} {states[day.isoformat()].sha256} " for day in small.values())
    target = context.work_dir / "packed" / f"{table.name}-{hashlib.sha256(published.encode()).hexdigest()[:16]}.parquet"
    if not target.exists():
        _pack(con, list(small), target)
    return [*(path for path in paths if path not in small), target]


def _pack(con: duckdb.DuckDBPyConnection, paths: list[Path], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    con.execute(f"copy (from {parquet_source(paths)}) to {literal(str(unfinished))} (format parquet, compression snappy)")
    unfinished.rename(target)
