"""Small raw contracts, literal archives and a run of the replay for the replay's tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.catalog.models import Column, RawSource, Table
from caremetrix_assets.lake.changelog import state_sql
from caremetrix_assets.sources.replay import AcceptedDrop, DropCounts, known_ids, replay

Row = dict[str, Any]
OPENING = date(2025, 1, 1)
FOOTER = {
    "source_ordinal": "int",
    "source_row_hash": "text",
    "change_type": "text",
    "drop_id": "text",
    "drop_date": "date",
    "drop_sequence": "int",
    "source_file": "text",
    "source_line": "bigint",
    "is_simulated": "bool",
    "partition_date": "date",
}
ARROW = {"text": pa.string(), "id": pa.string(), "int": pa.int32(), "bigint": pa.int64(), "date": pa.date32(), "ts": pa.timestamp("us")}


def raw_table(file: str, columns: Mapping[str, str], key: Sequence[str], parents: Mapping[str, str] | None = None, **source: Any) -> Table:
    """A raw contract. ``columns``: name to type, a type with a trailing ``?`` does not count as a change."""
    own = [_column(n, t.rstrip("?"), counts=not t.endswith("?"), parent=(parents or {}).get(n)) for n, t in columns.items()]
    footer = [_column(n, t) for n, t in FOOTER.items()]
    return Table(
        name=f"raw_{file}",
        layer="raw",
        folder="",
        doc="-",
        grain="-",
        key=("drop_sequence", "drop_id", *key, "source_ordinal"),
        natural_key=tuple(key),
        refresh="-",
        sources="-",
        usage=("-",),
        columns=(*own, *footer),
        source=RawSource(file=file, key=tuple(key), **source),
    )


def _column(name: str, type_: str, **attributes: Any) -> Column:
    return Column.model_validate({"name": name, "type": type_, "doc": "-", "privacy": "internal", **attributes})


PEOPLE = raw_table("people", {"id": "id", "name": "text", "city": "text"}, ["id"])
VISITS = raw_table("visits", {"id": "id", "person": "id", "place": "text", "cost": "int?"}, ["id"], {"person": "raw_people"})
ORDERS = raw_table(
    "orders",
    {"person": "id", "code": "text", "stop": "date", "fills": "int"},
    ["person", "code"],
    {"person": "raw_people"},
    ordinal=True,
    stop="stop",
)
BILLS = raw_table("bills", {"id": "id", "visit": "id"}, ["id"], {"visit": "raw_visits"})
LEDGER = raw_table(
    "ledger",
    {
        "id": "id?",
        "claimid": "id",
        "amount": "int",
        "payer": "id",
        "method": "text?",
        "line_ordinal": "int",
        "transfer_from_ordinal": "int",
    },
    ["claimid", "line_ordinal"],
    {"claimid": "raw_bills", "payer": "raw_people"},
    unit="claim",
)
TABLES = {t.source.file: t for t in (PEOPLE, VISITS, ORDERS, BILLS, LEDGER) if t.source}


@dataclass
class Archive:
    """Archived drops in a folder, as the ingest leaves them."""

    folder: Path
    drops: list[AcceptedDrop] = field(default_factory=list)

    def add(self, name: str, day: int, files: Mapping[str, Sequence[Row]], kind: str = "full", **options: Any) -> AcceptedDrop:
        """Archives a drop of ``day`` January 2025. Rows: column values, ``broken=True`` for broken ones.

        ``without``: columns that no file of the drop has. Other ``options`` are fields of AcceptedDrop.
        """
        without = set(options.pop("without", ()))
        home = self.folder / name
        home.mkdir()
        columns = {}
        for file, rows in files.items():
            names = [c.name for c in TABLES[file].source_columns if c.name not in without]
            columns[file] = {n for n in names if not n.endswith("_ordinal")}
            known = [{k: v for k, v in row.items() if k not in without} for row in rows]
            pq.write_table(_archived(TABLES[file], known), home / f"{file}.parquet")
        values = {"sequence": 0, "producer": "a", "deletes": False, **options}
        drop = AcceptedDrop(name, date(2025, 1, day), kind=kind, columns=columns, paths=lambda f: home / f"{f}.parquet", **values)
        self.drops.append(drop)
        return drop


def _archived(table: Table, rows: Sequence[Row]) -> pa.Table:
    assert table.source
    own = table.source_columns
    is_unique = not table.source.ordinal and not table.source.unit
    keys = [tuple(r.get(k) for k in table.source.key) for r in rows]
    good = [not r.get("broken") for r in rows]
    superseded = [is_unique and good[i] and any(good[j] and keys[j] == keys[i] for j in range(i + 1, len(rows))) for i in range(len(rows))]
    data = {c.name: pa.array([r.get(c.name) for r in rows], ARROW[c.type]) for c in own}
    data["source_file"] = pa.array([f"{table.source.file}.csv"] * len(rows), pa.string())
    data["source_line"] = pa.array([i + 2 for i in range(len(rows))], pa.int64())
    data["broken_rule"] = pa.array(["cannot_type" if r.get("broken") else None for r in rows], pa.string())
    data["raw_text"] = pa.array(["?" if r.get("broken") else None for r in rows], pa.string())
    data["is_superseded"] = pa.array(superseded, pa.bool_())
    return pa.table(data)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One connection of one thread for all tests: a replay replaces the relations of the one before."""
    return duckdb.connect(config={"threads": 1})


@dataclass
class Replayed:
    """What came out: change rows in drop order and by key, counts per drop, waiting rows, the state after all."""

    rows: list[Row]
    counts: dict[str, DropCounts]
    waiting: list[tuple[str, int, str, str]]
    state: list[Row]
    fingerprints: dict[str, str]


def run(
    table: Table,
    drops: Sequence[AcceptedDrop],
    from_date: date = OPENING,
    published: Sequence[Row] = (),
    parents: dict[str, str] | None = None,
) -> Replayed:
    """Replays ``drops`` on top of ``published`` change rows; ``parents`` as made by :func:`parents_of`, default: of the drops."""
    con = connection()
    before = _published(con, table, published) if published else None
    result = replay(con, table, drops, from_date, OPENING, before, parents or parents_of(drops))
    rows = rows_of(con, table, f'"{result.relation}"')
    log = f'select * from "{result.relation}"' + (f" union all select * from {before}" if before else "")
    con.execute(f"create or replace temp view everything as {log}")
    waiting = con.execute(f'select drop_id, source_line, rule, key from "{result.waiting}" order by all').fetchall()
    return Replayed(rows, result.counts, waiting, rows_of(con, table, f"({state_sql(table, 'everything')})"), result.fingerprints)


def parents_of(drops: Sequence[AcceptedDrop]) -> dict[str, str]:
    """The ids that the drops know, per table that is somebody's parent."""
    names = {c.parent for t in TABLES.values() for c in t.source_columns if c.parent}
    return {t.name: known_ids(connection(), t, drops) for t in TABLES.values() if t.name in names}


def rows_of(con: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[Row]:
    """The relation's rows as dicts, in drop order and then by everything."""
    columns = [c.name for c in table.columns]
    order = ", ".join(dict.fromkeys(["drop_date", "drop_sequence", "drop_id", *columns]))
    found = con.execute(f"select {', '.join(columns)} from {relation} order by {order}").fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def _published(con: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[Row]) -> str:
    types = {**ARROW, "bool": pa.bool_()}
    con.register("published_rows", pa.Table.from_pylist(list(rows), pa.schema([(c.name, types[c.type]) for c in table.columns])))
    con.execute("create or replace temp table published as select * from published_rows")
    return "published"


def brief(rows: Sequence[Row], *columns: str) -> list[tuple[Any, ...]]:
    """The named columns of rows, sorted."""
    return sorted((tuple(row[c] for c in columns) for row in rows), key=repr)
