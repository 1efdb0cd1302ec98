"""Runs one check of a table's contract on literal rows: what it says of clean rows and of a planted mistake.

How checks are judged and kept is tested in ``audit/``.
"""

from __future__ import annotations

from datetime import date

import duckdb

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.catalog.sqltext import parse_text
from caremetrix_assets.engines.duckdb import quote
from caremetrix_assets.engines.given import Given, create_given
from caremetrix_assets_tests.harness import ENGINE, Row


def offenders(
    name: str,
    check: str,
    rows: list[Row],
    neighbours: dict[str, list[Row]] | None = None,
    opening: str = "2020-01-01",
    newest: str = "2026-12-31",
) -> list[str] | str:
    """Keys of the rows that ``check`` of table ``name`` finds in ``rows``, or why it does not apply. Columns left out are null.

    The staged rows are the whole table, of a raw table also its state; neighbours left out are empty.
    """
    catalog = load_catalog()
    table = catalog.table(name)
    rule = table.checks[check]
    given = Given(dates=[date.fromisoformat(newest)], opening_date=date.fromisoformat(opening), newest_date=date.fromisoformat(newest))
    read = {u for q in (rule.sql, rule.not_applicable_when) if q for u in parse_text(q, f"{name}.yml").upstream}
    with ENGINE.session() as con:
        create_given(con, given)
        for other in {name, *read, *(neighbours or {})} & set(catalog.tables):
            _create(con, catalog.tables[other], other, rows if other == name else (neighbours or {}).get(other, []))
        _create(con, table, f"{name}__all", rows)
        if table.layer == "raw":
            _create(con, table, f"{name}__state", rows)
        if rule.not_applicable_when:
            reasons = con.execute(rule.not_applicable_when).fetchall()
            if reasons and len(reasons[0]) == 1:
                return str(reasons[0][0])
        return sorted(str(key) for _, key, *_ in con.execute(rule.sql).fetchall())


def _create(con: duckdb.DuckDBPyConnection, table: Table, name: str, rows: list[Row]) -> None:
    columns = ", ".join(f"{quote(c.name)} {c.sql_type}" for c in table.columns)
    con.execute(f"create or replace temp table {quote(name)} ({columns})")
    for row in rows:
        known = {k: v for k, v in row.items() if table.has(k)}
        assert known.keys() == row.keys(), f"{name} has no column {row.keys() - known.keys()}"
        con.execute(
            f"insert into {quote(name)} ({', '.join(quote(k) for k in known)}) values ({', '.join('?' * len(known))})", list(known.values())
        )
