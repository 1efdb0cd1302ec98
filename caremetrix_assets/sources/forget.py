"""Takes forgotten persons out of the archive, the base and the quarantine; and out of a drop that brings them again.

Which rows name them is ``forget_rows``, the list is ``forgotten``; check results and tables are the steps' part. Every
file is replaced as one object and its drop's report follows, so a killed pass is simply made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.lake.layout import base_key, drop_file_key, drop_report_key
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.base import Archive, Base, archived_ids
from caremetrix_assets.sources.contracts import raw_files
from caremetrix_assets.sources.forget_rows import Paths, Search
from caremetrix_assets.sources.forgotten import Forgotten
from caremetrix_assets.sources.quarantine import quarantine_key, write_quarantine
from caremetrix_assets.sources.sql import PARQUET_OF_NUMBERS, literal

Counts = dict[str, int]


def archived_drops(storage: Storage) -> dict[str, dict[str, Any]]:
    """The reports of every archived drop, whatever its status, by drop id."""
    return {drop_id: json.loads(storage.read(drop_report_key(drop_id))) for drop_id in sorted(archived_ids(storage))}


def archive_paths(storage: Storage) -> Paths:
    """Local places of all archived rows by source file: one per drop that is not folded, and the base's rows."""
    base = Base.load(storage)
    found: dict[str, list[Path]] = {}
    for drop_id, report in archived_drops(storage).items():
        if base is None or drop_id not in base.drop_ids:
            for file in report["files"]:
                found.setdefault(file, []).append(storage.local_path(drop_file_key(drop_id, file)))
    if base is not None:
        for file in base.files:
            found.setdefault(file, []).append(storage.local_path(base_key(base.folder, file, "rows")))
    return found


def erase(storage: Storage, catalog: Catalog, search: Search, work_dir: Path, check: Callable[[], None] = lambda: None) -> Counts:
    """Takes what ``search`` has found out of archive, base and quarantine; rows removed by source file.

    ``check`` is called before each write and may raise: the lease.
    """
    counts: Counts = {}
    _erase_from_base(storage, search, work_dir, counts, check)
    archive = Archive(storage, work_dir)
    reports = archived_drops(storage)
    # the persons' own rows go last: a pass that follows a killed one learns from them whom it is about
    for is_person in (False, True):
        for drop_id, report in reports.items():
            check()
            if not archive.is_folded(drop_id):
                files = [file for file in report["files"] if (file in search.person_files) == is_person]
                _erase_from_drop(storage, search, drop_id, files, work_dir, counts)
    for drop_id, report in reports.items():
        check()
        _follow(storage, catalog, archive, drop_id, report, work_dir)
    return counts


def leave_out(con: duckdb.DuckDBPyConnection, lake: Storage, catalog: Catalog, paths: Mapping[str, Path], work: Path) -> dict[str, Path]:
    """The files of a drop that is being read, without the forgotten: new places of those that held rows of theirs.

    Ids that the drop is the first to tell (a visit, a claim) are added to the list, which is saved before anything else.
    """
    forgotten = Forgotten.load(lake)
    if not forgotten:
        return {}
    search = Search(con, catalog, forgotten)
    search.find({file: [path] for file, path in paths.items()})
    known = forgotten.adding(search.entries())
    if known != forgotten:
        known.save(lake)
    cleaned = {}
    for file, path in paths.items():
        out = work / f"{file}.kept.parquet"
        if search.remove(file, path, out):
            cleaned[file] = out
    return cleaned


def counts_after(path: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """What a report says of a file whose archive is ``path``, where rows of forgotten persons may be gone by now."""
    with duckdb.connect() as con:
        rows = f"read_parquet({literal(path)})"
        rules = con.execute(
            f"select broken_rule, count(*) as n from {rows} where broken_rule is not null group by 1 order by n desc, broken_rule"
        ).fetchall()
        ((superseded,),) = con.execute(f"select count(*) from {rows} where broken_rule is null and is_superseded").fetchall()
    broken = sum(n for _, n in rules)
    gone = facts["rows"] - pq.read_metadata(path).num_rows
    return {**facts, "broken": broken, "superseded": superseded, "rules": dict(rules), **({"forgotten": gone} if gone else {})}


def _erase_from_drop(storage: Storage, search: Search, drop_id: str, files: list[str], work_dir: Path, counts: Counts) -> None:
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="forget-", dir=work_dir) as folder:
        for file in files:
            key, out = drop_file_key(drop_id, file), Path(folder) / f"{file}.parquet"
            removed = search.remove(file, storage.local_path(key), out)
            if removed:
                storage.put_file(key, out)
                counts[file] = counts.get(file, 0) + removed.rows


def _erase_from_base(storage: Storage, search: Search, work_dir: Path, counts: Counts, check: Callable[[], None]) -> None:
    """Writes a new base beside the old one, makes it the lake's, and removes the old one."""
    base = Base.load(storage)
    if base is None:
        return
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="forget-", dir=work_dir) as folder:
        cleaned = {}
        for file in base.files:
            out = Path(folder) / f"{file}.rows.parquet"
            removed = search.remove(file, storage.local_path(base_key(base.folder, file, "rows")), out)
            if removed:
                cleaned[file] = out
                counts[file] = counts.get(file, 0) + _keep_places(search.con, storage, base, file, out)
        if not cleaned:
            return
        check()
        number = int(base.folder.rpartition("-")[2]) + 1
        new = replace(base, folder=f"{base.folder.rpartition('-')[0]}-{number}")
        for file in base.files:
            for part in ("rows", "places"):
                path = Path(folder) / f"{file}.{part}.parquet"
                if file not in cleaned:
                    path.write_bytes(storage.read(base_key(base.folder, file, part)))
                storage.put_file(base_key(new.folder, file, part), path)
        new.save(storage)
        drop_base(storage, base)


def _keep_places(con: duckdb.DuckDBPyConnection, storage: Storage, base: Base, file: str, rows: Path) -> int:
    """The places of the rows that are left, beside ``rows``; how many are gone, counted per drop they stood in."""
    old, out = storage.local_path(base_key(base.folder, file, "places")), rows.with_name(f"{file}.places.parquet")
    con.execute(
        f"copy (select p.* exclude (file_row_number) from read_parquet({literal(old)}, file_row_number = true) as p "
        f"semi join read_parquet({literal(rows)}) as r on r.row_no = p.row_no order by p.file_row_number) "
        f"to {literal(out)} {PARQUET_OF_NUMBERS}"
    )
    return pq.read_metadata(old).num_rows - pq.read_metadata(out).num_rows


def drop_base(storage: Storage, base: Base) -> None:
    """Removes the objects of a base that is no longer the lake's."""
    for file in base.files:
        for part in ("rows", "places"):
            storage.delete(base_key(base.folder, file, part))


def _follow(storage: Storage, catalog: Catalog, archive: Archive, drop_id: str, report: dict[str, Any], work_dir: Path) -> None:
    """The drop's report and quarantine say what its archive holds now."""
    files = raw_files(catalog)
    told = {file: counts_after(archive.path(drop_id, file), facts) for file, facts in report["files"].items()}
    for file in report["files"]:
        key = quarantine_key(file, drop_id)
        if storage.exists(key):
            waiting = pq.read_table(storage.local_path(key), filters=[("kind", "=", "waiting")], partitioning=None)
            write_quarantine(storage, files[file], drop_id, waiting, work_dir)
    if told != report["files"]:
        storage.write(drop_report_key(drop_id), json.dumps({**report, "files": told}, indent=1, ensure_ascii=False).encode())
