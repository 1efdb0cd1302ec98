"""The archive of accepted drops: typed rows of every file and a report, written once, read by the replay.

``ops/drops/<drop_id>/<file>.parquet`` holds all records of a file in file order, good, broken and superseded ones;
``report.json`` is written last, so a drop without one is not archived. Reading the drop is ``examine``; which drops are
in force is the ``ledger``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.errors import InputError
from caremetrix_assets.lake.layout import drop_file_key, drop_prefix, drop_report_key
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.base import Archive, Base
from caremetrix_assets.sources.contracts import RawFile, raw_files
from caremetrix_assets.sources.examine import Examination, ReadOptions, examine
from caremetrix_assets.sources.forget import counts_after, leave_out
from caremetrix_assets.sources.inbox import PRACTICE, Drop
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.sources.quarantine import write_quarantine
from caremetrix_assets.sources.redrawn import WATCHED, keys_redrawn

Report = dict[str, Any]


class RejectedDrop(InputError):
    """A drop that is not taken, and the check of whole drops that it fails."""

    def __init__(self, message: str, check: str) -> None:
        super().__init__(message)
        self.check = check


def ingest(drop: Drop, inbox: Storage, lake: Storage, catalog: Catalog, ledger: Ledger, options: ReadOptions) -> Report:
    """Reads a drop into the archive and returns its report; a drop that is archived already is not read again.

    Raises InputError with one sentence when the drop is rejected; the lake is then as it was. The ledger is read only:
    it says which drops of the producer come before.
    """
    if too_old := of_folded_time(lake, drop):
        raise RejectedDrop(f"{drop.name}: {too_old}", "drop_complete")
    if lake.exists(drop_report_key(drop.drop_id)):
        return load_report(lake, drop.drop_id)
    files = raw_files(catalog)
    earlier = [e.drop_id for e in ledger.before(drop.drop_id, drop.manifest)]
    with examine(drop, inbox, files, options, first_full=is_first_full(lake, drop, ledger)) as (found, con):
        redrawn = compare_with_before(con, lake, drop, found, earlier, options.work_dir)
        found.problems += redrawn
        if found.problems:
            more = f" ({len(found.problems) - 1} more problems)" if len(found.problems) > 1 else ""
            raise RejectedDrop(
                f"{drop.name}: {found.problems[0]}{more}", "keys_redrawn" if redrawn == found.problems[:1] else "drop_complete"
            )
        with TemporaryDirectory(prefix="kept-", dir=options.work_dir) as folder:
            kept = leave_out(con, lake, catalog, {name: f.path for name, f in found.files.items()}, Path(folder))
            return _publish(drop, lake, files, found, kept)


def of_folded_time(lake: Storage, drop: Drop) -> str | None:
    """Why a drop comes too late: those of its time are folded; None when it does not."""
    base = Base.load(lake)
    if base is None or drop.manifest.drop_date > base.folded_to or drop.drop_id in base.drop_ids:
        return None
    return (
        f"dated {drop.manifest.drop_date}, and drops dated up to {base.folded_to} are folded into one base drop, "
        "so nothing of that time can come any more."
    )


def load_report(lake: Storage, drop_id: str) -> Report:
    """The report of an archived drop; MissingObject when it is not archived."""
    return json.loads(lake.read(drop_report_key(drop_id)))


def is_first_full(lake: Storage, drop: Drop, ledger: Ledger) -> bool:
    """Whether a full drop with Synthea files has none of its producer's before it in drop order."""
    if drop.manifest.kind != "full" or not drop.has_synthea:
        return False
    earlier = [e for e in ledger.before(drop.drop_id, drop.manifest) if e.kind == "full"]
    return not any(_has_synthea(load_report(lake, e.drop_id)) for e in earlier)


def _has_synthea(report: Report) -> bool:
    sources = (source for found in report["files"].values() for source in found["source_files"])
    return any(not source.startswith(f"{PRACTICE}/") for source in sources)


def counts_of(report: Report) -> dict[str, int]:
    """The ledger's counts that are known when a drop is archived."""
    files = report["files"].values()
    return {
        "rows_in": sum(f["rows"] for f in files),
        "rows_superseded": sum(f["superseded"] for f in files),
        "rows_quarantined": sum(f["broken"] for f in files),
        "rows_forgotten": sum(f.get("forgotten", 0) for f in files),
    }


def compare_with_before(
    con: duckdb.DuckDBPyConnection, lake: Storage, drop: Drop, found: Examination, earlier: Sequence[str], work_dir: Path
) -> list[str]:
    """Problems of a full drop against the archives of ``earlier`` drops of its producer; none when it has others already."""
    if found.problems or drop.manifest.kind != "full":
        return []
    with TemporaryDirectory(prefix="before-", dir=work_dir) as folder:
        archive, before = Archive(lake, Path(folder)), {}
        for file in WATCHED.keys() & found.files.keys():
            before[file] = [archive.path(drop_id, file) for drop_id in earlier if archive.has(drop_id, file)]
        problem = keys_redrawn(con, drop.manifest.drop_date, {name: f.path for name, f in found.files.items()}, before)
    return [problem] if problem else []


def _publish(drop: Drop, lake: Storage, files: Mapping[str, RawFile], found: Examination, kept: Mapping[str, Path]) -> Report:
    """``kept``: in place of files that held rows of forgotten persons, the same without them."""
    report = report_of(drop, found)
    report["files"] |= {name: counts_after(path, report["files"][name]) for name, path in kept.items()}
    for info in lake.list(drop_prefix(drop.drop_id)):  # what a killed run left
        lake.delete(info.key)
    for name, file in found.files.items():
        lake.put_file(drop_file_key(drop.drop_id, name), kept.get(name, file.path))
        if report["files"][name]["broken"]:
            write_quarantine(lake, files[name], drop.drop_id)
    lake.write(drop_report_key(drop.drop_id), json.dumps(report, indent=1, ensure_ascii=False).encode())
    return report


def report_of(drop: Drop, found: Examination) -> Report:
    """What is kept of reading a drop: its manifest's facts and, per file, columns, counts and names nobody knows."""
    m = drop.manifest
    return {
        "drop_id": drop.drop_id,
        "drop_date": m.drop_date.isoformat(),
        "sequence": m.sequence,
        "kind": m.kind,
        "producer": m.producer,
        "deletes": m.deletes,
        "name": drop.name,
        "history_start": m.history_start.isoformat() if m.history_start else None,
        "practice_start": m.practice_start.isoformat() if m.practice_start else None,
        "files": {name: _file_report(drop, name, found) for name in sorted(found.files)},
        "balanced": found.balanced,
        "practice": drop.names("practice"),
        "other_files": drop.names("other"),
        "unlisted_files": list(drop.unlisted),
        "warnings": found.warnings,
    }


def _file_report(drop: Drop, name: str, found: Examination) -> dict[str, Any]:
    file = found.files[name]
    sources = {i.name: {"sha256": i.entry.sha256, "rows": file.typed.rows_by_part[i.name]} for i in drop.read[name]}
    return {
        "simulated": any(i.entry.simulated for i in drop.read[name]),
        "columns": list(file.typed.columns),
        "unknown_columns": list(file.typed.unknown),
        "rows": file.rows,
        "broken": file.marked.broken,
        "superseded": file.marked.superseded,
        "sentinels": file.typed.sentinels,
        "rules": file.marked.rules,
        "source_files": {source: {**facts, "header": found.headers[source]} for source, facts in sources.items()},
    }
