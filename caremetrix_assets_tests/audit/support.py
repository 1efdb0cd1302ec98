"""Small contracts and staged rows for tests of the audit: what a test does not say is valid."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from caremetrix_assets.audit.evaluate import audit
from caremetrix_assets.audit.model import AuditContext, RuleResult, Staged
from caremetrix_assets.catalog.models import Catalog, Column, Table
from caremetrix_assets.engines.functions import install
from caremetrix_assets.engines.parquet import write_partition

D1, D2 = date(2025, 1, 31), date(2025, 2, 1)
OPENING = date(2025, 1, 1)
MARKER = "zz-planted-marker"

ARROW = {
    **dict.fromkeys(("key", "bigint"), pa.int64()),
    **dict.fromkeys(("id", "text"), pa.string()),
    "int": pa.int32(),
    "money": pa.decimal128(18, 2),
    "rate": pa.decimal128(9, 4),
    "number": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "ts": pa.timestamp("us"),
}
_numbers = itertools.count()


def column(name: str, type: str, **attributes: Any) -> Column:
    """A column; public unless it says otherwise."""
    return Column(name=name, type=type, **{"doc": "-", "privacy": "public", **attributes})  # type: ignore[arg-type]


def contract(name: str, columns: Mapping[str, Any], key: Sequence[str], **more: Any) -> Table:
    """A table of the layer that its name says; ``columns`` maps names to a type or to attributes."""
    layer = {"raw": "raw", "dim": "dims", "bridge": "dims", "fact": "facts", "mart": "marts"}[name.split("_")[0]]
    made = [column(n, **(a if isinstance(a, dict) else {"type": a})) for n, a in columns.items()]
    if "partition_date" not in columns:
        made.append(column("partition_date", "date", required=True))
    fixed = {"doc": "-", "grain": "one row", "folder": "", "refresh": "-", "sources": "-", "usage": ("select 1",)}
    if layer == "dims":
        more.setdefault("dimension", "entity")
    return Table(name=name, layer=layer, key=tuple(key), columns=tuple(made), **{**fixed, **more})  # type: ignore[arg-type]


def catalog(*tables: Table) -> Catalog:
    """A catalog of just these tables."""
    return Catalog(tables={t.name: t for t in tables}, seeds={})


class Lab:
    """One audited table in a connection of its own, with its neighbours."""

    def __init__(self, tmp_path: Path, table: Table, *neighbours: Table, dates: Iterable[date] = (D1,)) -> None:
        self.table, self.catalog = table, catalog(*neighbours, table)
        self.dates, self.folder = list(dates), tmp_path / f"lab{next(_numbers)}"
        self.folder.mkdir()
        self.con = duckdb.connect()
        install(self.con)
        self.con.execute("create table run_dates(partition_date date)")
        self.con.executemany("insert into run_dates values (?)", [(d,) for d in self.dates])
        newest = max(self.dates)
        self.con.execute("create table run_settings as select ? as opening_date, ? as newest_date", [OPENING, newest])
        self.con.execute(
            "create table drop_ledger(drop_id text, drop_date date, drop_sequence int, producer text, kind text, has_feed bool, "
            "history_start date, practice_start date)"
        )
        for other in neighbours:
            self.relation(other.name, other, [])
        self.files: dict[date, Path] = {}
        self.rows: dict[date, int] = dict.fromkeys(self.dates, 0)
        self.context: dict[str, Any] = {"opening": OPENING, "gx_row_limit": 0}

    def relation(self, name: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """A relation with the table's columns; what a row leaves out is null, its date the first one."""
        self.con.execute(
            f'create or replace table "{name}" ({", ".join(f"{chr(34)}{c.name}{chr(34)} {c.sql_type}" for c in table.columns)})'
        )
        if rows:
            full = [{"partition_date": self.dates[0], **row} for row in rows]
            unknown = {n for row in full for n in row} - {c.name for c in table.columns}
            assert not unknown, f"{table.name} has no {sorted(unknown)}"
            data = {c.name: pa.array([r.get(c.name) for r in full], ARROW[c.type]) for c in table.columns}
            self.con.register("given_rows", pa.table(data))
            self.con.execute(f'insert into "{name}" select * from given_rows')
            self.con.unregister("given_rows")

    def plain(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """A relation whose columns are those of its rows; the ledger of drops keeps its own."""
        if name == "drop_ledger":
            for row in rows:
                self.con.execute(f"insert into drop_ledger({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
            return
        if name == "dq_metrics":
            self.con.execute(
                "create or replace table dq_metrics(table_name text, column_name text, metric text, category text, value double, "
                "partition_date date)"
            )
            self.con.executemany("insert into dq_metrics values (?, ?, ?, ?, ?, ?)", [list(row.values()) for row in rows] or [[None] * 6])
            return
        raise AssertionError(f"{name} is no relation of the case")

    def stage(self, rows: Sequence[Mapping[str, Any]], *, everything: Sequence[Mapping[str, Any]] | None = None) -> Lab:
        """Stages rows: the relation, its Parquet files, and the complete content and state (default: the same rows)."""
        self.relation(self.table.name, self.table, rows)
        for name in ("all", "state"):
            self.relation(f"{self.table.name}__{name}", self.table, rows if everything is None else everything)
        for day in self.dates:
            count = self.con.execute(f'select count(*) from "{self.table.name}" where partition_date = ?', [day]).fetchall()[0][0]
            self.rows[day] = count
            if count or self.table.is_snapshot:
                path = self.folder / f"{day}.parquet"
                write_partition(self.con, self.table, self.table.name, day.isoformat(), path)
                self.files[day] = path
        return self

    def run(self, **context: Any) -> Results:
        """The audit's results."""
        made = AuditContext(**{**self.context, **context})
        return Results(audit(self.con, self.catalog, self.table, Staged(self.dates, self.files, self.rows), made))


@dataclass(frozen=True)
class Setting:
    """What one run of a case stages; relations that it does not give are those of the clean setting."""

    rows: Sequence[Mapping[str, Any]] | None = None
    everything: Sequence[Mapping[str, Any]] | None = None
    given: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    missing: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Lab], None] = lambda lab: None


@dataclass(frozen=True)
class Case:
    """A rule with a clean input, a seeded violation, and an input to which it does not apply."""

    rule: str
    table: Table
    clean: Setting
    seeded: Setting
    failed: int
    keys: str
    absent: Setting | None = Setting(rows=())
    reason: str = "the partition has no row"
    neighbours: Sequence[Table] = ()
    dates: Sequence[date] = (D1,)
    day: date = D1

    def __str__(self) -> str:
        return self.rule

    def run(self, tmp_path: Path, setting: Setting) -> Results:
        """The results of one setting."""
        lab = Lab(tmp_path, self.table, *self.neighbours, dates=self.dates)
        known = {t.name: t for t in self.neighbours}
        for name, rows in {**self.clean.given, **setting.given}.items():
            if name in known:
                lab.relation(name, known[name], rows)
            else:
                lab.plain(name, rows)
        lab.stage(self.clean.rows or () if setting.rows is None else setting.rows, everything=setting.everything)
        setting.prepare(lab)
        for name in setting.missing:
            lab.con.execute(f'drop table "{name}"')
        return lab.run(**{**self.clean.context, **setting.context})


def prove(case: Case, tmp_path: Path) -> None:
    """Clean passes, the violation is found as seeded and tells no value, and what does not apply is not called passed."""
    clean = case.run(tmp_path, case.clean)
    assert clean.of(case.rule, case.day).status == "passed", clean.of(case.rule, case.day)
    assert not clean.bad(), clean.bad()
    seeded = case.run(tmp_path, case.seeded)
    found = seeded.of(case.rule, case.day)
    assert found.status == ("failed" if found.severity == "blocking" else "warned"), found
    assert (found.rows_failed, found.sample_keys) == (case.failed, case.keys)
    assert not seeded.says(MARKER)
    if case.absent is None:
        return
    absent = case.run(tmp_path, case.absent).of(case.rule, case.day)
    assert (absent.status, absent.reason, absent.rows_checked) == ("not_applicable", case.reason, None), absent


class Results(list[RuleResult]):
    """Results with the questions that tests ask."""

    def of(self, name: str, day: date = D1) -> RuleResult:
        """The one result of a rule on a date."""
        found = [r for r in self if r.check_name == name and r.partition_date == day]
        assert len(found) == 1, f"{name} has {len(found)} results on {day}"
        return found[0]

    def bad(self) -> dict[str, tuple[str, int | None, str]]:
        """What did not pass, but not what does not apply: status, rows failed, keys."""
        return {r.check_name: (r.status, r.rows_failed, r.sample_keys) for r in self if r.status in ("failed", "warned", "error")}

    def says(self, text: str) -> bool:
        """Whether a text stands anywhere in the results."""
        return any(text in repr(r) for r in self)
