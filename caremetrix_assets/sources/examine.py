"""Reads a whole drop into a private folder and says whether it may be accepted: hashes, counts, headers, broken rows.

Nothing is written to the lake here; publishing what was read is ``archive``, the dry run for a person is ``check``.
Headers are ``header``, one file is ``reader``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from caremetrix_assets.errors import InputError
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.finish import Marked, mark, write_marked
from caremetrix_assets.sources.header import Binding, bind, check_parts, header_of
from caremetrix_assets.sources.inbox import PRACTICE, Drop, DropFile
from caremetrix_assets.sources.reader import Part, Typed, connect, read_file
from caremetrix_assets.sources.records import count_records
from caremetrix_assets.sources.scan import Limits, Scan, scan
from caremetrix_assets.sources.units import claims_balance

SMALL_FILE = 100
_CSV = (".csv", ".csv.gz")


@dataclass(frozen=True)
class ReadOptions:
    """Where to work, how many files and threads at a time, DuckDB's memory, the share of broken rows and the sizes allowed."""

    work_dir: Path
    threads: int = 2
    memory_limit: str = "600MB"
    limit: Decimal = Decimal("0.01")
    limits: Limits = Limits()

    @classmethod
    def of(cls, settings: Settings, work_dir: Path | None = None) -> ReadOptions:
        """What the settings say; ``work_dir`` in place of theirs."""
        limits = Limits(settings.max_file_gb * 2**30, settings.max_record_kb * 2**10)
        return cls(work_dir or settings.work_dir, settings.threads, settings.duckdb_memory, settings.quarantine_limit, limits)


@dataclass(frozen=True)
class FileFound:
    """One file as read: its archive file and its counts."""

    path: Path
    typed: Typed
    marked: Marked

    @property
    def rows(self) -> int:
        """Records of the file: good, broken and superseded."""
        return self.typed.rows


@dataclass
class Examination:
    """What reading a drop found. ``problems`` are sentences, each of which rejects the drop; ``warnings`` do not.

    ``headers`` are the header's fields by file name; ``balanced`` whether claims had to balance, None when the rows told.
    """

    files: dict[str, FileFound] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    headers: dict[str, list[str]] = field(default_factory=dict)
    balanced: bool | None = None


@contextmanager
def examine(
    drop: Drop, inbox: Storage, files: Mapping[str, RawFile], options: ReadOptions, *, first_full: bool
) -> Iterator[tuple[Examination, duckdb.DuckDBPyConnection]]:
    """Reads the drop; the archive files and the connection live as long as the ``with`` block.

    ``first_full``: the drop is its producer's first full one with Synthea files, so the required files must be there.
    """
    options.work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="ingest-", dir=options.work_dir) as folder:
        work = Path(folder)
        with connect(work, options.threads, options.memory_limit) as con:
            reading = _Reading(drop, inbox, files, options, work, con)
            if first_full:
                reading.found.problems += missing_files(drop, files)
            reading.bind_headers()
            if not reading.found.problems:
                reading.read_files()
            yield reading.found, con


def missing_files(drop: Drop, files: Mapping[str, RawFile]) -> list[str]:
    """Required files that the drop lacks, as problems; a drop without Synthea files needs none."""
    lacking = [f"{name}.csv" for name, file in files.items() if file.source.required and name not in drop.read]
    if not lacking or not drop.has_synthea:
        return []
    return [f"{', '.join(lacking)} missing: a first full drop of producer {drop.manifest.producer} needs them."]


def over_limit(file: RawFile, rows: int, marked: Marked, limit: Decimal) -> str | None:
    """Why the broken rows of a file reject its drop, or None: any in a strict file, over one in a small one, over the share."""
    if file.source.strict:
        allowed, rule = 0, "none may be"
    elif rows < SMALL_FILE:
        allowed, rule = 1, "one may be in a file this small"
    else:
        allowed, rule = int(rows * limit), f"the limit is {limit * 100:.4g} %"
    if marked.broken <= allowed:
        return None
    where, line, broken_rule = marked.first[0]
    return f"{file.name}: {marked.broken} of {rows} rows are broken and {rule}; the first is {where} line {line} ({broken_rule})."


class _Reading:
    """One drop being read."""

    def __init__(
        self,
        drop: Drop,
        inbox: Storage,
        files: Mapping[str, RawFile],
        options: ReadOptions,
        work: Path,
        con: duckdb.DuckDBPyConnection,
    ) -> None:
        self.drop, self.files, self.options, self.work, self.con = drop, files, options, work, con
        self.paths = {f.name: inbox.local_path(f.key, f.etag) for f in drop.files}
        self.bindings: dict[str, Binding | None] = {}
        self.found = Examination()

    def bind_headers(self) -> None:
        """Binds every header before anything is read: a wrong one then costs no time."""
        for name, parts in self.drop.read.items():
            for part in parts:
                try:
                    fields = header_of(self.paths[part.name], part.name)
                    self.found.headers[part.name] = fields or []
                    self.bindings[part.name] = bind(self.files[name], fields, part.name) if fields is not None else None
                except InputError as error:
                    self.found.problems.append(str(error))
            bound = {p.name: self.bindings[p.name] for p in parts if p.name in self.bindings}
            problems, warnings = check_parts(self.files[name], bound)
            self.found.problems += problems
            self.found.warnings += warnings
        given = ((self.files[f.file], b) for f in self.drop.files if f.file and (b := self.bindings.get(f.name)))
        self.found.balanced = claims_balance(given)

    def read_files(self) -> None:
        """Reads every file on a cursor of its own, the longest first, as many at a time as there are threads."""
        sizes = {name: sum(self.paths[p.name].stat().st_size for p in parts) for name, parts in self.drop.read.items()}
        longest_first = sorted(sizes, key=lambda name: (-sizes[name], name))
        with ThreadPoolExecutor(max(1, self.options.threads)) as pool:
            jobs = {name: pool.submit(self.read, name, self.con.cursor()) for name in longest_first}
            others = [pool.submit(self.verify, item) for item in self.drop.files if item.file is None]
            results = {name: jobs[name].result() for name in sorted(jobs)}
            self.found.problems += [problem for job in others if (problem := job.result())]
        for name, result in results.items():
            if isinstance(result, str):
                self.found.problems.append(result)
                continue
            self.found.files[name] = result
            problem = over_limit(self.files[name], result.rows, result.marked, self.options.limit)
            self.found.problems += [problem] if problem else []
        self.found.warnings += [_not_read(name) for name in self.drop.names("other")]

    def read(self, name: str, con: duckdb.DuckDBPyConnection) -> FileFound | str:
        """One file, or why it rejects the drop."""
        file, items = self.files[name], self.drop.read[name]
        try:
            with con:
                parts = [Part(item.name, self.scan(item), self.bindings[item.name]) for item in items]
                typed = read_file(con, file, parts, self.work / f"{name}.parquet", self.found.balanced)
                for item in items:
                    _check_rows(item, typed.rows_by_part[item.name])
                marked = mark(con, typed)
                keep = over_limit(file, typed.rows, marked, self.options.limit) is None
                path = write_marked(con, typed, parts, self.work / f"{name}.marked.parquet") if keep else typed.path
        except InputError as error:
            return str(error)
        for part in parts:
            _forget(part.scan)
        return FileFound(path, typed, marked)

    def verify(self, item: DropFile) -> str | None:
        """Why a file that is not read is not the manifest's, or None."""
        try:
            found = self.scan(item)
            if item.name.endswith(_CSV):
                _check_rows(item, count_records(found))
        except InputError as error:
            return str(error)
        _forget(found)
        return None

    def scan(self, item: DropFile) -> Scan:
        """The scan of a file; InputError when it is damaged or has another hash than the manifest says."""
        found = scan(self.paths[item.name], item.name, self.work / f"{item.name.replace('/', '_')}.plain", self.options.limits)
        if found.sha256 != item.entry.sha256:
            raise InputError(f"{item.name} is not the file that the manifest names: its sha256 differs.")
        return found


def _not_read(name: str) -> str:
    whose = "a file of the practice feed" if name.startswith(f"{PRACTICE}/") else "a Synthea file"
    return f"{name}: not {whose}; not read."


def _forget(found: Scan) -> None:
    if found.plain != found.path:
        found.plain.unlink()


def _check_rows(item: DropFile, rows: int) -> None:
    if item.entry.rows is not None and item.entry.rows != rows:
        raise InputError(f"{item.name} has {rows} rows where the manifest says {item.entry.rows}.")
