"""What a practice feed would do before it is taken: rows that would wait, rules its rows break, where its money begins.

The rules are those of the raw contracts, run on the drop's rows over the state of the lake. Reading the files and broken
values is ``examine``; the sentence for a person is ``check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from caremetrix_assets.catalog.load import GIVEN_RELATIONS
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.catalog.sqltext import parse_text
from caremetrix_assets.engines.functions import install
from caremetrix_assets.engines.given import Given, create_given
from caremetrix_assets.lake.changelog import iso_text, quoted, same, state_sql
from caremetrix_assets.lake.layout import table_prefix
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.examine import Examination
from caremetrix_assets.sources.inbox import Drop
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.sources.sql import literal, one_row

# Files that say where a claim belongs, and the columns that lead there.
CLAIMS, VISITS, EVENTS, RECEIPTS = "claims", "encounters", "claim_events", "receipts"
SHOWN = 20


@dataclass(frozen=True)
class FeedRow:
    """A row that is readable and wrong: place, column (None: the row as a whole), and the rule it breaks."""

    file: str
    line: int
    column: str | None
    rule: str
    doc: str


@dataclass(frozen=True)
class FeedStart:
    """From when on an organization's money is the feed's, and how many of its claims since then have an event."""

    organization: str
    date: date
    claims: int
    with_event: int


@dataclass
class FeedFound:
    """``stopping``: rows that would keep their table from being published. ``waiting`` and ``watched`` only tell."""

    stopping: list[FeedRow] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    starts: list[FeedStart] = field(default_factory=list)


def look_into(
    con: duckdb.DuckDBPyConnection, drop: Drop, found: Examination, files: Mapping[str, RawFile], lake: Storage | None, ledger: Ledger
) -> FeedFound:
    """What the practice files of a drop that could be read would do; nothing when it has none."""
    feed = [files[name] for name in found.files if files[name].is_practice]
    result = FeedFound()
    if not feed:
        return result
    install(con)
    create_given(con, _given(drop, ledger))
    state = _State(con, drop, found, files, lake)
    for file in feed:
        result.waiting += _waiting(state, file)
        _judge(state, file, result)
    result.starts = _starts(state, _stated_start(drop, ledger))
    few = [s for s in result.starts if s.with_event * 2 < s.claims]
    if few:
        worst = min(few, key=lambda s: (s.with_event / s.claims, s.organization))
        result.watched.append(
            f"{len(few)} of {len(result.starts)} organizations have events for under half of their claims since the feed's start; "
            f"{worst.organization}: {worst.with_event} of {worst.claims} since {worst.date}. The others stay open until money is posted."
        )
    return result


def _given(drop: Drop, ledger: Ledger) -> Given:
    m = drop.manifest
    rows: list[dict[str, Any]] = [
        {"drop_id": e.drop_id, "drop_date": e.drop_date, "drop_sequence": e.sequence, "producer": e.producer, "kind": e.kind}
        | {"history_start": e.history_start, "practice_start": e.practice_start}
        for e in ledger.in_force()
        if e.drop_id != drop.drop_id
    ]
    own = {"drop_id": drop.drop_id, "drop_date": m.drop_date, "drop_sequence": m.sequence, "producer": m.producer, "kind": m.kind}
    rows.append({**own, "has_feed": True, "practice_start": m.practice_start})
    return Given(dates=[m.drop_date], opening_date=m.drop_date, newest_date=m.drop_date, drops=rows)


class _State:
    """Raw tables as they would be with the drop: ``<table>__state``, and under the table's name that state or the drop's rows."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, drop: Drop, found: Examination, files: Mapping[str, RawFile], lake: Storage | None
    ) -> None:
        self.con, self.drop, self.found, self.files, self.lake = con, drop, found, files, lake
        self.tables = {f.table.name: f for f in files.values()}
        self._made: set[str] = set()

    def need(self, table: Table) -> None:
        """Makes the relations of a table once."""
        if table.name in self._made:
            return
        self._made.add(table.name)
        kept, staged = f"select * from ({self._published(table)}) as s", quoted(f"{table.name}__staged")
        if self.own_rows(table):
            self.con.execute(f"create or replace temp table {staged} as {self.own_rows(table)} where {self._has_parents(table)}")
            kept += f" anti join {staged} as n on {same(table.natural_key, 'n', 's')} union all select * from {staged}"
        self.con.execute(f"create or replace temp view {quoted(f'{table.name}__state')} as {kept}")
        self.show(table, "state")

    def show(self, table: Table, what: str) -> None:
        """Lets the table's name stand for its ``state``, or for the rows of the drop that would enter (``staged``)."""
        self.con.execute(f"create or replace temp view {quoted(table.name)} as select * from {quoted(f'{table.name}__{what}')}")

    def _has_parents(self, table: Table) -> str:
        """Whether a practice row would enter; Synthea's own rows are taken as they come."""
        tests = ["true"]
        for column in table.columns if self.tables[table.name].is_practice else ():
            if column.parent is not None:
                parent = self.tables[column.parent]
                self.need(parent.table)
                ids = f"select {quoted(parent.source.key[0])} from {quoted(f'{column.parent}__state')}"
                tests.append(f"({quoted(column.name)} is null or {quoted(column.name)} in ({ids}))")
        return " and ".join(tests)

    def own_rows(self, table: Table) -> str:
        """The drop's good rows of a table as change rows; '' when it has no file for it."""
        assert table.source is not None
        file = self.found.files.get(table.source.file)
        if file is None:
            return ""
        m, own = self.drop.manifest, {c.name for c in table.source_columns}
        made = {
            "source_ordinal": "0",
            "change_type": "'insert'",
            "drop_id": literal(self.drop.drop_id),
            "drop_date": f"date {literal(m.drop_date)}",
            "drop_sequence": str(m.sequence),
            "source_file": "source_file",
            "source_line": "source_line",
            "is_simulated": "false",
            "partition_date": f"date {literal(m.drop_date)}",
        }
        columns = ", ".join(
            f"cast({quoted(c.name) if c.name in own else made.get(c.name, 'null')} as {c.sql_type}) as {quoted(c.name)}"
            for c in table.columns
        )
        good = f"select * from read_parquet({literal(file.path)}) where broken_rule is null and not is_superseded"
        return f"select * from (select {columns} from ({good}) as g) as r"

    def _published(self, table: Table) -> str:
        keys = [i.key for i in self.lake.list(table_prefix("raw", table.name)) if i.key.endswith(".parquet")] if self.lake else []
        if not keys or self.lake is None:
            columns = ", ".join(f"cast(null as {c.sql_type}) as {quoted(c.name)}" for c in table.columns)
            return f"select {columns} where false"
        paths = ", ".join(literal(self.lake.local_path(key)) for key in keys)
        return state_sql(table, f"(select * from read_parquet([{paths}], hive_partitioning = false))")


def _waiting(state: _State, file: RawFile) -> Iterator[str]:
    """Per parent column how many rows name one that neither the drop nor the lake has, and where the first stands."""
    for column in file.columns:
        if column.parent is None:
            continue
        parent = state.tables[column.parent]
        state.need(parent.table)
        rows, name, line = one_row(
            state.con,
            f"select count(*), min_by(r.source_file, r.source_line), min(r.source_line) from ({state.own_rows(file.table)}) as r "
            f"where r.{quoted(column.name)} is not null and r.{quoted(column.name)} not in "
            f"(select {quoted(parent.source.key[0])} from {quoted(f'{column.parent}__state')})",
        )
        if rows:
            yield f"{file.name}: {rows} rows name a {column.name} that no drop has, so they would wait; the first is {name} line {line}."


def _judge(state: _State, file: RawFile, result: FeedFound) -> None:
    for rule, check in file.table.checks.items():
        for name in parse_text(check.sql, f"{file.table.name}.yml").upstream:
            bare = name.split("__")[0]
            if name not in GIVEN_RELATIONS and bare in state.tables:
                state.need(state.tables[bare].table)
        state.need(file.table)
        state.show(file.table, "staged")
        rows = state.con.execute(_offenders(file.table, check.sql)).fetchall()
        state.show(file.table, "state")
        if rows and check.severity == "blocking":
            result.stopping += [FeedRow(name, line, column, rule, check.doc) for name, line, column in rows[:SHOWN]]
        elif rows:
            name, line, column = rows[0]
            where = f"{name} line {line}" + (f", {column}" if column else "")
            result.watched.append(f"{file.name}: {len(rows)} rows fall under {rule} ({where}): {check.doc}")


def _offenders(table: Table, sql: str) -> str:
    """The drop's rows that a check finds, with their places and columns.

    A check names rows by their natural key, and may name the column at fault as ``at_column``.
    """
    key = " || '|' || ".join(iso_text(table.column(c), "r.") for c in table.natural_key)
    return (
        f"with found as (select * from ({sql}) union all by name select null as at_column where false) "
        f"select r.source_file, r.source_line, f.at_column from {quoted(table.name)} as r "
        f"inner join (select key, min(at_column) as at_column from found group by key) as f on f.key = {key} "
        "order by r.source_file, r.source_line"
    )


def _starts(state: _State, stated: date | None) -> list[FeedStart]:
    needed = [state.files[name].table for name in (CLAIMS, VISITS, EVENTS, RECEIPTS) if name in state.files]
    if len(needed) < 4:
        return []
    for table in needed:
        state.need(table)
    claims, visits, events, receipts = (quoted(f"{table.name}__state") for table in needed)
    rows = state.con.execute(
        f"""with placed as (
            select c.id, cast(c.servicedate as date) as served, e.organization from {claims} as c
            inner join {visits} as e on e.id = c.appointmentid
        ),
        sent as (
            select claim_id, cast(event_at as date) as event_date, cast(null as date) as paid_date from {events}
            union all select claim_id, null, case when entry_type = 'payment' then posted_date end from {receipts}
        ),
        starts as (
            select p.organization, coalesce(cast(? as date), min(s.event_date), min(s.paid_date)) as start
            from sent as s inner join placed as p on p.id = s.claim_id group by p.organization
        )
        select s.organization, s.start, count(p.id), count(p.id) filter (where p.id in (select claim_id from {events}))
        from starts as s left join placed as p on p.organization = s.organization and p.served >= s.start
        where s.start is not null group by s.organization, s.start order by s.organization""",
        [stated],
    ).fetchall()
    return [FeedStart(*row) for row in rows]


def _stated_start(drop: Drop, ledger: Ledger) -> date | None:
    """What the drop's manifest says, else the newest earlier one of its producer that says something."""
    earlier = [e.practice_start for e in ledger.before(drop.drop_id, drop.manifest) if e.practice_start]
    return drop.manifest.practice_start or (earlier[-1] if earlier else None)
