"""Folds archived drops dated up to a day into the base: each different row is kept once, with its places in the drops.

What a folded drop held can still be read (``base``), so every table keeps its bytes; what is given up is taking one of them
back, or one of that time coming late. Folding again takes the old base in. The archive's own files go last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.layout import BASE_PREFIX, DROPS_PREFIX, QUARANTINE_PREFIX, base_key, drop_report_key
from caremetrix_assets.lake.objects import ObjectInfo, Storage
from caremetrix_assets.sources.archive import load_report
from caremetrix_assets.sources.base import PLACE_COLUMNS, Archive, Base, archived_ids
from caremetrix_assets.sources.forget import drop_base
from caremetrix_assets.sources.ledger import IN_FORCE, Entry, Ledger
from caremetrix_assets.sources.reader import connect
from caremetrix_assets.sources.sql import PARQUET, PARQUET_OF_NUMBERS, literal, name


def to_fold(ledger: Ledger, until: date) -> list[Entry]:
    """Drops in force dated up to ``until``, in drop order."""
    return [e for e in ledger.in_force() if e.drop_date is not None and e.drop_date <= until]


def fold(
    storage: Storage, ledger: Ledger, until: date, work_dir: Path, threads: int, memory: str, check: Callable[[], None]
) -> Base | None:
    """Makes the base hold every drop in force dated up to ``until``; None when there is none. Needs the lease (``check``)."""
    old = Base.load(storage)
    until = max(until, old.folded_to) if old else until
    ids = tuple(e.drop_id for e in to_fold(ledger, until))
    if not ids:
        return None
    if old is not None and old.drop_ids == ids:
        check()
        replace(old, folded_to=until).save(storage)
        return old
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="fold-", dir=work_dir) as folder:
        work = Path(folder)
        archive = Archive(storage, work)
        reports = {i: load_report(storage, i) for i in ids}
        files = tuple(sorted({file for report in reports.values() for file in report["files"]}))
        digest = hashlib.sha256(" ".join(ids).encode()).hexdigest()[:12]
        new = Base(until, f"{until.isoformat()}-{digest}-0", ids, files)
        for file in files:
            with connect(work, threads, memory) as con:
                con.execute(f"attach {literal(work / 'fold.duckdb')} as disk")
                _fold_file(con, archive, file, [i for i in ids if file in reports[i]["files"]], work)
            (work / "fold.duckdb").unlink()
            check()
            for part in ("rows", "places"):
                storage.put_file(base_key(new.folder, file, part), work / f"{file}.{part}.parquet")
        check()
        new.save(storage)
        if old is not None:
            drop_base(storage, old)
    return new


def refuse_folded(storage: Storage, entry: Entry) -> None:
    """UsageError when the drop is of the folded time and can be neither taken back nor taken in again."""
    base = Base.load(storage)
    if base is not None and entry.drop_date is not None and entry.drop_date <= base.folded_to:
        raise UsageError(
            f"{entry.name} is dated {entry.drop_date}, and drops dated up to {base.folded_to} are folded into one base drop "
            "(`caremetrix vacuum --fold-before`): they stay as they are."
        )


def leftovers(storage: Storage, ledger: Ledger) -> Iterator[ObjectInfo]:
    """Objects of the archive that nothing needs: files of folded drops, drops that can no longer come back, cut-short reads."""
    base, reported = Base.load(storage), archived_ids(storage)
    for info in storage.list(DROPS_PREFIX):
        drop_id = info.key.removeprefix(DROPS_PREFIX).split("/")[0]
        entry = ledger.entries.get(drop_id)
        is_folded = base is not None and drop_id in base.drop_ids and info.key != drop_report_key(drop_id)
        if is_folded or drop_id not in reported or (entry is not None and _is_over(entry, base)):
            yield info
    for info in storage.list(QUARANTINE_PREFIX):
        entry = ledger.entries.get(info.key.rpartition("drop_id=")[2].removesuffix(".parquet"))
        if entry is not None and _is_over(entry, base):
            yield info
    for info in storage.list(BASE_PREFIX):
        if base is None or info.key.split("/")[2] != base.folder:
            yield info


def _is_over(entry: Entry, base: Base | None) -> bool:
    """A withdrawn or rejected drop of the folded time cannot be taken in again, so its archive is of no use."""
    return base is not None and entry.status not in IN_FORCE and entry.drop_date is not None and entry.drop_date <= base.folded_to


def _fold_file(con: duckdb.DuckDBPyConnection, archive: Archive, file: str, ids: Sequence[str], work: Path) -> None:
    """Writes ``rows`` and ``places`` of one file, drop by drop, in a database on disk."""
    folded = [i for i in ids if archive.is_folded(i)]
    samples = [literal(archive.path(i, file)) for i in ids if i not in folded[1:]]
    con.execute(f"create temp table shape as select * from read_parquet([{', '.join(samples)}], union_by_name = true) limit 0")
    columns = [c for c, *_ in con.execute("describe shape").fetchall()]
    values = [c for c in columns if c not in PLACE_COLUMNS]
    hashed = f"hash({', '.join(name(c) for c in values)})"
    con.execute(f"create table disk.rows as select {hashed} as row_hash, cast(0 as bigint) as row_no, * from shape")
    con.execute(
        "create table disk.places (drop_id varchar, place bigint, row_no bigint, source_file varchar, source_line bigint, "
        "is_superseded boolean)"
    )
    for drop_id in ids:
        path = archive.path(drop_id, file)
        given = f"from shape union all by name select * from read_parquet({literal(path)}, file_row_number = true)"
        _add_drop(con, drop_id, f"(select *, {hashed} as row_hash from ({given}))", values)
        if archive.is_folded(drop_id):
            path.unlink()
    blank = {"source_file": "cast(null as varchar)", "source_line": "cast(null as bigint)", "is_superseded": "false"}
    kept = ", ".join(f"{blank.get(c, name(c))} as {name(c)}" for c in columns)
    rows, places = (literal(work / f"{file}.{part}.parquet") for part in ("rows", "places"))
    con.execute(f"copy (select {kept}, row_no from disk.rows order by row_no) to {rows} {PARQUET}")
    con.execute(f"copy (from disk.places order by drop_id, place) to {places} {PARQUET_OF_NUMBERS}")


def _add_drop(con: duckdb.DuckDBPyConnection, drop_id: str, rows: str, values: Sequence[str]) -> None:
    """Adds the rows that no drop before had, then where each row of the drop stands. Equal hashes are compared in full."""
    listed = ", ".join(name(c) for c in values)
    same = "r.row_hash = d.row_hash and " + " and ".join(f"r.{name(c)} is not distinct from d.{name(c)}" for c in values)
    con.execute(
        f"insert into disk.rows by name select row_hash, {listed}, "
        f"(select count(*) from disk.rows) + row_number() over (order by place) - 1 as row_no "
        f"from (select {listed}, row_hash, min(file_row_number) as place from {rows} as d "
        f"where not exists (select 1 from disk.rows as r where {same}) group by all)"
    )
    con.execute(
        f"insert into disk.places select {literal(drop_id)}, d.file_row_number, r.row_no, d.source_file, d.source_line, "
        f"d.is_superseded from {rows} as d inner join disk.rows as r on {same}"
    )
