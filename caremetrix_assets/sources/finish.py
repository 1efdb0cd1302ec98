"""Marks that need a whole typed file: superseded keys, claims broken by one of their rows, texts of broken rows.

A file without any keeps its bytes; otherwise it is written once more, every row beside its marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from caremetrix_assets.sources.contracts import ARCHIVE_COLUMNS
from caremetrix_assets.sources.reader import Part, Typed
from caremetrix_assets.sources.records import original_texts
from caremetrix_assets.sources.sql import PARQUET, literal, name, one_row
from caremetrix_assets.sources.units import CLAIM, PARTIAL_CLAIM


@dataclass(frozen=True)
class Marked:
    """Counts after all marks. ``rules``: rows per broken rule. ``first``: the first broken rows (file, line, rule)."""

    broken: int
    superseded: int
    rules: dict[str, int]
    first: tuple[tuple[str, int, str], ...]


def mark(con: duckdb.DuckDBPyConnection, typed: Typed, shown: int = 20) -> Marked:
    """Finds the marks of a typed file, keeps them in the temporary table ``changes``, and counts.

    ``changes``: place (0 is the first row), broken_rule, is_superseded, source_file, source_line; only rows that are
    broken or superseded.
    """
    rows = f"read_parquet({literal(typed.path)}, file_row_number = true)"
    rule = "broken_rule"
    if typed.file.is_unit:
        torn = f"select {CLAIM} from {rows} where broken_rule is not null and {CLAIM} is not null"
        rule = f"case when broken_rule is null and {CLAIM} in ({torn}) then '{PARTIAL_CLAIM}' else broken_rule end"
    con.execute(
        f"create or replace temp table changes as select * from (select file_row_number as place, {rule} as broken_rule, "
        f"false as is_superseded, source_file, source_line from {rows}) where broken_rule is not null"
    )
    if typed.file.has_unique_key():
        _add_superseded(con, typed, rows)
    rules = con.execute(
        "select broken_rule, count(*) as n from changes where broken_rule is not null group by all order by n desc, broken_rule"
    ).fetchall()
    first = con.execute(
        f"select source_file, source_line, broken_rule from changes where broken_rule is not null order by place limit {shown}"
    ).fetchall()
    (superseded,) = one_row(con, "select count(*) from changes where is_superseded")
    return Marked(sum(n for _, n in rules), superseded, dict(rules), tuple(first))


def _add_superseded(con: duckdb.DuckDBPyConnection, typed: Typed, rows: str) -> None:
    key = ", ".join(name(k) for k in typed.file.source.key)
    good = f"{rows} where broken_rule is null"
    (doubled,) = one_row(con, f"select count(*) > count(distinct hash({key})) from {good}")
    if doubled:  # rare; only then is the file sorted by key
        con.execute(
            f"insert into changes select place, null, true, source_file, source_line from (select file_row_number as place, "
            f"source_file, source_line, row_number() over (partition by {key} order by file_row_number desc) as nth from {good}) "
            f"where nth > 1"
        )


def write_marked(con: duckdb.DuckDBPyConnection, typed: Typed, parts: list[Part], out: Path) -> Path:
    """The file with the marks of ``changes`` and the broken rows' texts; the typed file itself when there are none."""
    found = con.execute("select source_file, source_line from changes where broken_rule is not null").fetchall()
    if one_row(con, "select count(*) from changes") == (0,):
        return typed.path
    _load_texts(con, typed, parts, found)
    con.execute(
        f"create or replace temp table beside as select r.range as place, c.broken_rule, t.raw_text, "
        f"coalesce(c.is_superseded, false) as is_superseded from range({typed.rows}) as r "
        f"left join changes as c on c.place = r.range left join texts as t on t.source_file = c.source_file "
        f"and t.source_line = c.source_line and c.broken_rule is not null order by r.range"
    )
    kept = ", ".join(f"r.{name(c.name)}" for c in typed.file.table.source_columns)
    marks = {"broken_rule": "b.broken_rule", "raw_text": "coalesce(b.raw_text, r.raw_text)", "is_superseded": "b.is_superseded"}
    ends = ", ".join(f"{marks.get(c, f'r.{c}')} as {c}" for c, _ in ARCHIVE_COLUMNS)
    con.execute(
        f"copy (select {kept}, {ends} from read_parquet({literal(typed.path)}) as r positional join beside as b) "
        f"to {literal(out)} {PARQUET}"
    )
    return out


def _load_texts(con: duckdb.DuckDBPyConnection, typed: Typed, parts: list[Part], found: list[tuple[str, int]]) -> None:
    names: list[str] = []
    lines: list[int] = []
    texts: list[str] = []
    for part in parts:
        wanted = {line for source_file, line in found if source_file == part.name}
        if wanted and part.binding is not None:
            is_split, longest = typed.split[part.name], part.scan.max_record
            kept = original_texts(part.scan.plain, part.binding.width, wanted, not is_split, longest)
            names += [part.name] * len(kept)
            lines += kept.keys()
            texts += kept.values()
    schema = pa.schema([("source_file", pa.string()), ("source_line", pa.int64()), ("raw_text", pa.string())])
    table = pa.table([names, lines, texts], schema=schema)
    con.register("texts_given", table)
    con.execute("create or replace temp table texts as select * from texts_given")
    con.unregister("texts_given")
