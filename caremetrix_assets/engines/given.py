"""The relations that every query may use without a table behind them: run dates, run settings, accepted drops, seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from caremetrix_assets.catalog.models import SQL_TYPES, Catalog
from caremetrix_assets.engines.duckdb import literal, quote

LEDGER_COLUMNS = (
    ("drop_id", "VARCHAR"),
    ("drop_date", "DATE"),
    ("drop_sequence", "INTEGER"),
    ("producer", "VARCHAR"),
    ("kind", "VARCHAR"),
    ("has_feed", "BOOLEAN"),
    ("history_start", "DATE"),
    ("practice_start", "DATE"),
)


@dataclass(frozen=True)
class Given:
    """What a run fixes for all its queries. ``drops`` are rows of ``drop_ledger`` in drop order, as dictionaries."""

    dates: list[date]
    opening_date: date
    newest_date: date
    fiscal_start_month: int = 10
    history_start: date | None = None
    drops: list[dict[str, Any]] = field(default_factory=list)


def create_given(con: duckdb.DuckDBPyConnection, given: Given) -> None:
    """Creates ``run_dates``, ``run_settings`` (one row) and ``drop_ledger`` on the connection."""
    con.execute("create or replace temp table run_dates (partition_date date)")
    con.executemany("insert into run_dates values (?)", [[d] for d in given.dates]) if given.dates else None
    con.execute(
        "create or replace temp table run_settings as select cast(? as date) as opening_date, cast(? as date) as newest_date, "
        "cast(? as integer) as fiscal_start_month, cast(? as date) as history_start",
        [given.opening_date, given.newest_date, given.fiscal_start_month, given.history_start],
    )
    columns = ", ".join(f"{n} {t}" for n, t in LEDGER_COLUMNS)
    con.execute(f"create or replace temp table drop_ledger ({columns})")
    if given.drops:
        rows = [[drop.get(name) for name, _ in LEDGER_COLUMNS] for drop in given.drops]
        con.executemany(f"insert into drop_ledger values ({', '.join('?' * len(LEDGER_COLUMNS))})", rows)


def create_seeds(con: duckdb.DuckDBPyConnection, catalog: Catalog, names: set[str]) -> None:
    """Creates the seeds among ``names`` as temp tables with the types of their contracts."""
    for name in sorted(names & set(catalog.seeds)):
        seed = catalog.seeds[name]
        types = ", ".join(f"{literal(c)}: {literal(SQL_TYPES[a['type']])}" for c, a in seed.columns.items())
        con.execute(
            f"create or replace temp table {quote(name)} as select * from read_csv({literal(seed.path)}, header = true, "
            f"auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = {{{types}}})"
        )
