"""The change log while it grows during a replay: published rows before, change rows of this replay behind.

What lives elsewhere: which rows a drop changes (``replay_changes``), writing partitions (``steps``).
"""

from __future__ import annotations

from datetime import date

import duckdb

from caremetrix_assets.engines.duckdb import literal
from caremetrix_assets.lake.changelog import quoted, row_hash_sql
from caremetrix_assets.sources.replay_model import AcceptedDrop, Shape, scalar


class ChangeLog:
    """``relation`` is everything so far. New rows go to a table; a drop that brings very many of them adds a view instead.

    ``relation`` has the contract's columns; ``source_row_hash`` is null there, because md5 over 1.3 million ledger rows
    takes 1.6 s and no comparison needs it.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, shape: Shape, published: str | None, opening_date: date) -> None:
        self.con = con
        self.shape = shape
        self.opening_date = opening_date
        self.relation = shape.relation("log")
        self._changes = shape.relation("changes")
        self._views: list[tuple[AcceptedDrop, str]] = []
        self._published = published
        columns = ", ".join(f"{quoted(c.name)} {c.sql_type}" for c in shape.table.columns)
        con.execute(f"create or replace temp table {self._changes} ({columns})")
        self._refresh()
        self.is_empty = not scalar(con, f"select count(*) from (select 1 from {self.relation} limit 1) as q")

    def partition_of(self, drop: AcceptedDrop) -> date:
        """The partition that holds the drop's changes."""
        return max(drop.drop_date, self.opening_date)

    def insert(self, drop: AcceptedDrop, rows: str) -> None:
        """Appends change rows of ``drop`` from a SELECT of source columns, source_ordinal, change_type and the place in the file."""
        self._append(self._change_rows(drop, rows))

    def delete(self, drop: AcceptedDrop, rows: str) -> None:
        """Appends delete rows of ``drop``: the last values of state rows ``rows``, with the place where they were last read."""
        self._append(self._change_rows(drop, rows, change_type="'delete'", is_simulated="is_simulated"))

    def insert_view(self, drop: AcceptedDrop, rows: str) -> None:
        """Appends change rows like :meth:`insert` without copying them: ``rows`` reads the archive whenever the log is read."""
        self._views.append((drop, rows))
        self.is_empty = False
        self._refresh()

    def counts_of(self, drop: AcceptedDrop) -> dict[str, int]:
        """Copied rows that ``drop`` made, per change type."""
        sql = f"select change_type, count(*) from {self._changes} where drop_id = {literal(drop.drop_id)} group by change_type"
        return dict(self.con.execute(sql).fetchall())

    def new_rows(self) -> str:
        """Creates the relation of all change rows of this replay; returns its name."""
        name = f"{self.shape.table.name}__replayed"
        parts = [f"select * from {self._changes}", *(self._change_rows(drop, rows) for drop, rows in self._views)]
        self.con.execute(f"create or replace temp view {quoted(name)} as {' union all '.join(parts)}")
        return name

    def _append(self, sql: str) -> None:
        self.con.execute(f"insert into {self._changes} {sql}")
        self.is_empty = False

    def _refresh(self) -> None:
        columns = ", ".join("null as source_row_hash" if c.name == "source_row_hash" else quoted(c.name) for c in self.shape.table.columns)
        parts = [f"select {columns} from {self._changes}"]
        if self._published:
            parts.insert(0, f"select {columns} from {quoted(self._published)}")
        parts += [self._change_rows(drop, rows, source_row_hash="null") for drop, rows in self._views]
        self.con.execute(f"create or replace temp view {self.relation} as {' union all '.join(parts)}")

    def _change_rows(self, drop: AcceptedDrop, rows: str, **made: str) -> str:
        """A SELECT in contract order of ``rows`` with what ``drop`` says of them; ``made`` replaces single columns."""
        values = {
            "source_row_hash": row_hash_sql(self.shape.table),
            "drop_id": literal(drop.drop_id),
            "drop_date": f"date {literal(drop.drop_date.isoformat())}",
            "drop_sequence": f"cast({drop.sequence} as integer)",
            "is_simulated": "true" if self.shape.source.file in drop.simulated else "false",
            "partition_date": f"date {literal(self.partition_of(drop).isoformat())}",
            **made,
        }
        columns = ", ".join(
            f"{values[c.name]} as {quoted(c.name)}" if c.name in values else quoted(c.name) for c in self.shape.table.columns
        )
        return f"select {columns} from ({rows}) as v"
