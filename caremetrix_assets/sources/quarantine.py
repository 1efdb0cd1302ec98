"""Rows that could not be taken, with their original text: ``quarantine/<file>/drop_id=<id>.parquet`` (restricted).

Broken rows are known when a drop is archived; rows that wait for a parent are found by the replay, which rewrites the
object through :func:`write_quarantine`. Messages and lists hold rules, files, lines and counts, never a text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from caremetrix_assets.lake.layout import QUARANTINE_PREFIX, quarantine_prefix
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.base import Archive
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.sql import PARQUET, literal, name, one_row

_KEY = re.compile(rf"{QUARANTINE_PREFIX}(?P<file>[a-z_]+)/drop_id=(?P<drop_id>[0-9a-f]{{64}})\.parquet")


@dataclass(frozen=True)
class Quarantined:
    """How many rows of a file and drop stand in quarantine under one rule."""

    file: str
    drop_id: str
    kind: str
    rule: str
    rows: int
    first_line: int


def quarantine_key(file: str, drop_id: str) -> str:
    """``quarantine/<file>/drop_id=<id>.parquet``."""
    return f"{quarantine_prefix(file)}drop_id={drop_id}.parquet"


def write_quarantine(storage: Storage, file: RawFile, drop_id: str, waiting: Any = None, work_dir: Path | None = None) -> int:
    """Rewrites the quarantine of one file of an archived drop: its broken rows and the ``waiting`` ones; returns how many.

    ``waiting`` is an Arrow table, record batch reader or DuckDB relation with source_file text, source_line bigint and
    rule text (such as ``waiting.patient``), one row per waiting row; None for no row. The text of a broken row is its
    original one, that of a waiting row its archived values as CSV in contract order. Without rows there is no object.

    Columns: drop_id, source_file, source_line, kind (broken, waiting), rule, raw_text; in file order.
    """
    given = _arrow(waiting)
    key = quarantine_key(file.name, drop_id)
    with duckdb.connect() as con, TemporaryDirectory(dir=work_dir) as folder:
        archive = Archive(storage, Path(folder)).path(drop_id, file.name)
        con.register("waiting", given)
        rows = f"read_parquet({literal(archive)}, file_row_number = true)"
        text = "concat_ws(',', " + ", ".join(f"coalesce({_csv_field(c.name)}, '')" for c in file.columns) + ")"
        select = (
            f"select {literal(drop_id)} as drop_id, a.source_file, a.source_line, "
            f"case when a.broken_rule is null then 'waiting' else 'broken' end as kind, coalesce(a.broken_rule, w.rule) as rule, "
            f"case when a.broken_rule is null then {text} else a.raw_text end as raw_text "
            f"from {rows} as a left join waiting as w on w.source_file = a.source_file and w.source_line = a.source_line "
            f"where a.broken_rule is not null or w.rule is not null order by a.file_row_number"
        )
        path = Path(folder) / "quarantine.parquet"
        (count,) = one_row(con, f"copy ({select}) to {literal(path)} {PARQUET}")
        if count:
            storage.put_file(key, path)
        else:
            storage.delete(key)
    return count


def list_quarantine(storage: Storage, file: str | None = None) -> list[Quarantined]:
    """What stands in quarantine, by file, drop and rule, with the first line; ``file`` limits it to one source file."""
    prefix = quarantine_prefix(file) if file else QUARANTINE_PREFIX
    keys = [(info.key, match) for info in storage.list(prefix) if (match := _KEY.fullmatch(info.key))]
    found: list[Quarantined] = []
    with duckdb.connect() as con:
        for key, match in keys:
            rows = con.execute(
                f"select kind, rule, count(*), min(source_line) from read_parquet({literal(storage.local_path(key))}) "
                f"group by kind, rule order by kind, rule"
            ).fetchall()
            found += [Quarantined(match["file"], match["drop_id"], *row) for row in rows]
    return found


def read_quarantine(storage: Storage, file: str, drop_ids: Sequence[str]) -> pa.Table:
    """The quarantined rows themselves, texts included, of some drops; restricted data."""
    keys = [quarantine_key(file, drop_id) for drop_id in drop_ids]
    paths = [literal(storage.local_path(key)) for key in keys if storage.exists(key)]
    with duckdb.connect() as con:
        if not paths:
            return con.sql("select '' as drop_id where false").to_arrow_table()
        return con.sql(f"select * from read_parquet([{', '.join(paths)}])").to_arrow_table()


def _arrow(waiting: Any) -> pa.Table:
    if waiting is None:
        return pa.schema([("source_file", pa.string()), ("source_line", pa.int64()), ("rule", pa.string())]).empty_table()
    if isinstance(waiting, duckdb.DuckDBPyRelation):
        waiting = waiting.to_arrow_table()
    return waiting.select(["source_file", "source_line", "rule"]) if isinstance(waiting, pa.Table) else waiting


def _csv_field(column: str) -> str:
    text = f"cast(a.{name(column)} as varchar)"
    return f"case when regexp_matches({text}, '[,\"\\n\\r]') then '\"' || replace({text}, '\"', '\"\"') || '\"' else {text} end"
