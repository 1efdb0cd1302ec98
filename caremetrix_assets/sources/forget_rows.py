"""Which archived rows name a forgotten person, as SQL over files of the archive's shape.

A row is about the person when a column that hangs on a personal row (``parent`` of a contract, up to the table of persons)
holds one of their ids, or, where a table knows no person, a column that ``names`` rows. Of a row that is about somebody
else only the cell that names the person goes. A broken row goes when its text holds an id, a number or the name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from caremetrix_assets.catalog.models import Catalog, Column, Table
from caremetrix_assets.sources.forgotten import Forgotten, hash_of
from caremetrix_assets.sources.replay_model import Shape
from caremetrix_assets.sources.sql import PARQUET, literal, name, one_row

# Shorter texts occur by chance in a line that nobody could read.
SURE_LENGTH = 8
NAME_SUFFIX = ".name"
Paths = Mapping[str, Sequence[Path]]


@dataclass(frozen=True)
class Removed:
    """What a file lost: rows about the person, cells of other people's rows that named them."""

    rows: int
    cells: int


class Search:
    """Finds the ids of the forgotten in archive files, then takes their rows out of a file.

    ``find`` must have seen the files first. Relations on ``con``: ``listed`` (file, id_hash), ``found`` (file, id) and
    ``words`` (texts that tell the person: numbers, full names).
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, catalog: Catalog, forgotten: Forgotten) -> None:
        self.con = con
        self.tables = {Shape(t).source.file: t for t in catalog.layer("raw")}
        self._file_of = {t.name: file for file, t in self.tables.items()}
        self._personal = _personal(catalog)
        con.register("given_list", forgotten.to_arrow())
        con.execute("create or replace temp table listed as select * from given_list")
        con.unregister("given_list")
        con.execute("create or replace temp table found (file varchar, id varchar)")
        con.execute("create or replace temp table words (word varchar, is_name boolean)")

    def find(self, paths: Paths) -> None:
        """Adds to ``found`` and ``words`` what the files tell of listed persons; parents are looked at before children."""
        for file, table in self.tables.items():
            for column in self._hanging(table):
                self._add_listed(paths.get(file, ()), column.name, self._file_of[str(column.parent)])
            for column in (c for c in table.source_columns if c.names and not c.names.person):
                named = [self._file_of[column.names.table]] if column.names and column.names.table else self._listed_files()
                for other in named:
                    self._add_listed(paths.get(file, ()), column.name, other)
            if table.name in self._personal and len(Shape(table).key) == 1:
                self._add_listed(paths.get(file, ()), Shape(table).key[0], file)
        # rows that only name others' rows come last, once these are known
        for file, table in sorted(self.tables.items(), key=lambda item: item[1].name not in self._personal):
            self._add_own(file, table, paths.get(file, ()))
            if Shape(table).source.person:
                self._add_words(file, table, paths.get(file, ()))

    def entries(self) -> set[tuple[str, str]]:
        """Everything found, as the list of the forgotten keeps it. A name is hashed together with its person's id."""
        found = self.con.execute("select file, id from found").fetchall()
        persons = {file: [i for f, i in found if f == file] for file in self.person_files}
        names = [word for (word,) in self.con.execute("select word from words where is_name").fetchall()]
        spelled = {(file + NAME_SUFFIX, hash_of(f"{i}|{n}")) for file, ids in persons.items() for i in ids for n in names}
        return {(file, hash_of(i)) for file, i in found} | spelled

    def ids(self) -> set[str]:
        """Every id found, in plain text."""
        return {i for (i,) in self.con.execute("select distinct id from found").fetchall()}

    @property
    def person_files(self) -> list[str]:
        """Source files whose rows are persons."""
        return [file for file, t in self.tables.items() if Shape(t).source.person]

    def remove(self, file: str, path: Path, out: Path) -> Removed | None:
        """Writes the file without the rows and cells to ``out``; None, and no file, when there is nothing to take out."""
        table = self.tables[file]
        rows = f"read_parquet({literal(path)}, file_row_number = true)"
        self._find_torn(rows)
        leaves = " or ".join([*self._conditions(table), "r.file_row_number in (select place from torn)"])
        blanks = {c.name: self._names(c, rows) for c in table.source_columns if c.names and self._is_cell(table, c)}
        kept = f"from {rows} as r where not coalesce({leaves}, false)"
        cells = " + ".join(f"count(*) filter (where {test})" for test in blanks.values()) or "0"
        after, touched = one_row(self.con, f"select count(*), {cells} {kept}")
        removed = Removed(pq.read_metadata(path).num_rows - after, touched)
        if not removed.rows and not removed.cells:
            return None
        values = ", ".join(f"case when {test} then null else r.{name(c)} end as {name(c)}" for c, test in blanks.items())
        replaced = f"replace ({values})" if values else ""
        select = f"select r.* exclude (file_row_number) {replaced} {kept} order by r.file_row_number"
        self.con.execute(f"copy ({select}) to {literal(out)} {PARQUET}")
        return removed

    def _hanging(self, table: Table) -> list[Column]:
        return [c for c in table.source_columns if c.parent in self._personal]

    def _listed_files(self) -> list[str]:
        files = [f for (f,) in self.con.execute("select distinct file from listed order by file").fetchall()]
        return [f for f in files if f in self.tables]

    def _add_listed(self, paths: Sequence[Path], column: str, file: str) -> None:
        for path in paths:
            ids = f"select distinct {name(column)} as id from read_parquet({literal(path)})"
            self._add(file, ids, f"sha256(id) in (select id_hash from listed where file = {literal(file)})")

    def _add_own(self, file: str, table: Table, paths: Sequence[Path]) -> None:
        """The ids of the rows of this file that are about the person, where a row has an id of its own."""
        key, conditions = Shape(table).key, self._conditions(table)
        if len(key) != 1 or not table.column(key[0]).is_text or not conditions:
            return
        for path in paths:
            rows = f"read_parquet({literal(path)}) as r where {' or '.join(conditions)}"
            self._add(file, f"select distinct r.{name(key[0])} as id from {rows}", "id is not null")

    def _add(self, file: str, ids: str, condition: str) -> None:
        """Adds to ``found`` those of the ids of ``file`` that fulfil the condition and are not there yet."""
        self.con.execute(
            f"insert into found select {literal(file)}, id from ({ids}) where {condition} "
            f"and id not in (select f.id from found as f where f.file = {literal(file)})"
        )

    def _add_words(self, file: str, table: Table, paths: Sequence[Path]) -> None:
        key = name(Shape(table).key[0])
        numbers = [c.name for c in table.source_columns if c.privacy == "restricted" and c.is_text]
        spellings = [" || ' ' || ".join(name(c) for c in parts) for parts in Shape(table).source.person]
        texts = [(name(n), "false") for n in numbers] + [(spelling, "true") for spelling in spellings]
        for path in paths:
            for text, is_name in texts:
                self.con.execute(
                    f"insert into words select distinct {text}, {is_name} from read_parquet({literal(path)}) "
                    f"where {key} in (select id from found where file = {literal(file)}) and length({text}) >= {SURE_LENGTH} "
                    f"and {text} not in (select w.word from words as w)"
                )

    def _conditions(self, table: Table) -> list[str]:
        """Conditions on row ``r``, any of which says that it is about the person."""
        shape, hanging = Shape(table), self._hanging(table)
        tests = [_is_of(f"r.{name(c.name)}", self._file_of[str(c.parent)]) for c in hanging]
        if shape.source.person:
            tests.append(_is_of(f"r.{name(shape.key[0])}", shape.source.file))
        if not hanging:
            tests += [self._names(c, "") for c in table.source_columns if c.names and not self._is_cell(table, c)]
        return tests

    def _is_cell(self, table: Table, column: Column) -> bool:
        """Whether only the cell goes: the row is about somebody else, or names a person by a text that may be another's too."""
        return bool(self._hanging(table)) or bool(column.names and column.names.person)

    def _names(self, column: Column, rows: str) -> str:
        """The condition that a cell of row ``r`` names the person."""
        assert column.names is not None
        cell = f"r.{name(column.name)}"
        if column.names.table:
            return _is_of(cell, self._file_of[column.names.table])
        if column.names.kind_in:
            return self._is_of_kind(cell, f"r.{name(column.names.kind_in)}")
        spelled = " or ".join(
            f"{cell} in (select n.text from (select distinct {name(column.name)} as text from {rows}) as n "
            f"inner join found as f on f.file = {literal(file)} inner join listed as l on l.file = {literal(file + NAME_SUFFIX)} "
            f"and l.id_hash = sha256(f.id || '|' || n.text))"
            for file in self.person_files
        )
        return f"({cell} in (select word from words where is_name) or {spelled})"

    def _is_of_kind(self, cell: str, kind: str) -> str:
        """The kind is a file's name or that without its last letter (``appointment``); with another kind any id counts."""
        known = ", ".join(f"{literal(f)}, {literal(f[:-1])}" for f in self.tables)
        ours = f"exists (select 1 from found as f where f.id = {cell} and lower({kind}) in (f.file, left(f.file, -1)))"
        return f"case when lower({kind}) in ({known}) then {ours} else {cell} in (select id from found) end"

    def _find_torn(self, rows: str) -> None:
        """Broken rows whose text tells the person, as ``torn`` (place)."""
        hashed = "sha256(trim(unnest(string_split(raw_text, ',')), ' \"'))"
        self.con.execute(
            f"create or replace temp table torn as select r.file_row_number as place from {rows} as r where r.raw_text is not null "
            f"and exists (select 1 from (select id as word from found union all select word from words) as w "
            f"where length(w.word) >= {SURE_LENGTH} and contains(r.raw_text, w.word)) "
            f"union select t.place from (select file_row_number as place, raw_text, {hashed} as id_hash from {rows} "
            f"where raw_text is not null) as t where length(t.raw_text) >= {SURE_LENGTH} "
            f"and t.id_hash in (select l.id_hash from listed as l where l.file in ({', '.join(map(literal, self.person_files))}))"
        )


def _is_of(cell: str, file: str) -> str:
    return f"{cell} in (select id from found where file = {literal(file)})"


def _personal(catalog: Catalog) -> frozenset[str]:
    """Tables whose rows are about a person: those of persons, and all that hang on one of these."""
    tables = catalog.layer("raw")
    found = {t.name for t in tables if t.source is not None and t.source.person}
    while more := {t.name for t in tables if t.name not in found and any(c.parent in found for c in t.columns)}:
        found |= more
    return frozenset(found)
