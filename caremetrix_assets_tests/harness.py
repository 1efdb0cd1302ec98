"""Given rows, expect rows: runs one table's SQL in a private DuckDB, without Dagster, lake or files."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.engines.duckdb import Engine, EngineOptions, quote, run_select
from caremetrix_assets.engines.given import Given, create_given, create_seeds

Row = dict[str, Any]

_WORK = tempfile.TemporaryDirectory(prefix="caremetrix-given-")
# one database for all given rows: a session's relations are its own
ENGINE = Engine(EngineOptions(threads=1, memory_limit="1GB", work_dir=Path(_WORK.name)))


def build(
    name: str,
    given: dict[str, list[Row]] | None = None,
    dates: list[str] | None = None,
    opening: str = "2025-01-01",
    newest: str | None = None,
    settings: Row | None = None,
    drops: list[Row] | None = None,
) -> list[Row]:
    """Rows of table ``name`` for the ``dates`` (ISO text), in the order of its key; cast, folded and held back.

    ``given`` maps relation names to rows; columns left out are null, relations left out are empty.
    """
    catalog = load_catalog()
    table = catalog.table(name)
    days = [date.fromisoformat(d) for d in dates or ["2025-01-31"]]
    context = Given(
        dates=days,
        opening_date=date.fromisoformat(opening),
        newest_date=date.fromisoformat(newest) if newest else max(days),
        drops=drops or [],
        **(settings or {}),
    )
    with ENGINE.session() as con:
        create_given(con, context)
        create_seeds(con, catalog, set(table.upstream))
        for upstream in table.upstream:
            if upstream in catalog.tables:
                _create(con, catalog.tables[upstream], (given or {}).get(upstream, []), context)
        unknown = set(given or {}) - set(table.upstream)
        assert not unknown, f"{name} does not read {sorted(unknown)}"
        run_select(con, table, str(table.sql), "result")
        where = _fold(con, table, context)
        order = ", ".join(quote(c) for c in [*(["partition_date"] if table.is_snapshot else []), *table.key])
        result = con.execute(f"select * from result {where} order by {order}")
        names = [d[0] for d in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def _fold(con: Any, table: Table, context: Given) -> str:
    if not table.by_event_date:
        return ""
    opening, newest = context.opening_date, context.newest_date
    con.execute(f"delete from result where partition_date > date '{newest}'")
    con.execute(f"update result set partition_date = date '{opening}' where partition_date < date '{opening}'")
    return ""


def _create(con: Any, table: Table, rows: list[Row], context: Given) -> None:
    columns = ", ".join(f"{quote(c.name)} {c.sql_type}" for c in table.columns)
    con.execute(f"create or replace temp table {quote(table.name)} ({columns})")
    for row in rows:
        full = {**_defaults(table, row, context), **row}
        for column in full:
            assert table.has(column), f"{table.name} has no column {column}"
        names = ", ".join(quote(c) for c in full)
        marks = ", ".join("?" * len(full))
        con.execute(f"insert into {quote(table.name)} ({names}) values ({marks})", list(full.values()))


def _defaults(table: Table, row: Row, context: Given) -> Row:
    day = row.get("partition_date", context.opening_date.isoformat())
    if table.layer == "raw":
        return {
            "source_ordinal": 0,
            "change_type": "insert",
            "drop_id": "d1",
            "drop_date": day,
            "drop_sequence": 0,
            "is_simulated": False,
            "partition_date": day,
        }
    return {"partition_date": day, **({"is_simulated": False} if table.has("is_simulated") else {})}


def row_of(rows: list[Row], grain: str = "day", breakdown: str = "total", day: str | None = None, **keys: object) -> Row:
    """The one row of a summary mart with this grain, breakdown, partition date and these keys."""
    wanted = {"period_grain": grain, "breakdown": breakdown, **keys, **({"partition_date": date.fromisoformat(day)} if day else {})}
    found = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
    assert len(found) == 1, f"{len(found)} rows for {wanted}"
    return found[0]


def picked(row: Row, *names: str) -> list[Any]:
    """The values of some columns of a row."""
    return [row[n] for n in names]
