"""Broken rows of an archived drop read once more, after a rule or contract was mended: ``quarantine replay``.

Only rows whose values were refused are retried; a line that was no record stays what it is. The raw tables follow when
the replay runs again; the inbox is not needed.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow.parquet as pq

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.lake.layout import drop_file_key, drop_report_key
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.archive import load_report
from caremetrix_assets.sources.base import Archive
from caremetrix_assets.sources.contracts import ARCHIVE_COLUMNS, RawFile, raw_files
from caremetrix_assets.sources.examine import ReadOptions
from caremetrix_assets.sources.finish import Marked, mark, write_marked
from caremetrix_assets.sources.header import bind
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.sources.quarantine import quarantine_key, write_quarantine
from caremetrix_assets.sources.reader import Part, Typed, connect, read_file
from caremetrix_assets.sources.scan import scan
from caremetrix_assets.sources.sql import PARQUET, literal, name
from caremetrix_assets.sources.units import PARTIAL_CLAIM

# A claim comes back whole or not at all: ``finish.mark`` takes it back as long as one of its rows is broken.
_RULES = ("cannot_type", "missing", "not_allowed")
_RETRIED = f"split_part(broken_rule, '.', 1) in {_RULES} or broken_rule = '{PARTIAL_CLAIM}'"


def retry_all(lake: Storage, catalog: Catalog, ledger: Ledger, options: ReadOptions) -> dict[tuple[str, str], int]:
    """Retries every file of every drop in force that is not folded; rows taken back by (drop_id, file), where there are any."""
    files, gained = raw_files(catalog), {}
    archive = Archive(lake, options.work_dir)
    for entry in (e for e in ledger.in_force() if not archive.is_folded(e.drop_id)):
        for name_of_file in load_report(lake, entry.drop_id)["files"]:
            rows = retry_broken(lake, entry.drop_id, files[name_of_file], options)
            if rows:
                gained[entry.drop_id, name_of_file] = rows
    return gained


def retry_broken(lake: Storage, drop_id: str, file: RawFile, options: ReadOptions) -> int:
    """Rewrites the archive, report and quarantine of one file of a drop; returns how many rows are no longer broken."""
    report = load_report(lake, drop_id)
    facts = report["files"].get(file.name)
    if not facts or not facts["broken"]:
        return 0
    options.work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="retry-", dir=options.work_dir) as folder:
        work = Path(folder)
        with connect(work, options.threads, options.memory_limit) as con:
            archive = f"read_parquet({literal(lake.local_path(drop_file_key(drop_id, file.name)))}, file_row_number = true)"
            parts = _parts(con, file, archive, facts, work)
            if not parts:
                return 0
            again = read_file(con, file, parts, work / "again.parquet", report["balanced"])
            mark(con, again)
            again_path = write_marked(con, again, parts, work / "again.marked.parquet")
            merged = _merge(con, file, archive, again_path, work / "merged.parquet")
            marked = mark(con, merged)
            path = write_marked(con, merged, [], work / "merged.marked.parquet")
            gained = int(facts["broken"]) - marked.broken
            if gained:
                _publish(lake, drop_id, file, report, marked, path, options.work_dir)
    return gained


def _parts(con: duckdb.DuckDBPyConnection, file: RawFile, archive: str, facts: dict[str, Any], work: Path) -> list[Part]:
    """The texts to retry as CSV files under their old names; keeps them as ``retried``: place, source_file, nth."""
    con.execute(
        f"create or replace temp table retried as select file_row_number as place, source_file, raw_text, "
        f"row_number() over (partition by source_file order by file_row_number) as nth from {archive} where {_RETRIED}"
    )
    parts = []
    for number, (source, source_facts) in enumerate(facts["source_files"].items()):
        rows = con.execute("select raw_text from retried where source_file = ? order by nth", [source]).fetchall()
        if rows:
            header = io.StringIO()
            csv.writer(header, lineterminator="").writerow(source_facts["header"])
            plain = work / f"{number}.csv"
            plain.write_text("\n".join([header.getvalue(), *(text for (text,) in rows)]) + "\n", "utf-8", newline="")
            parts.append(Part(source, scan(plain, plain.name, plain), bind(file, source_facts["header"], source)))
    return parts


def _merge(con: duckdb.DuckDBPyConnection, file: RawFile, archive: str, again: Path, out: Path) -> Typed:
    """The archive's rows, those that are good now with their new values; nothing superseded yet."""
    con.execute(
        f"create or replace temp table mended as select r.place as mended_place, a.* from (select *, row_number() over "
        f"(partition by source_file order by source_line) as nth from read_parquet({literal(again)})) as a "
        f"inner join retried as r on r.source_file = a.source_file and r.nth = a.nth where a.broken_rule is null"
    )
    values = ", ".join(
        f"case when m.mended_place is null then a.{name(c.name)} else m.{name(c.name)} end as {name(c.name)}"
        for c in file.table.source_columns
    )
    ends = {
        "broken_rule": "case when m.mended_place is null then a.broken_rule end as broken_rule",
        "raw_text": "case when m.mended_place is null then a.raw_text end as raw_text",
        "is_superseded": "false as is_superseded",
    }
    footer = ", ".join(ends.get(column, f"a.{column}") for column, _ in ARCHIVE_COLUMNS)
    con.execute(
        f"copy (select {values}, {footer} from {archive} as a left join mended as m on m.mended_place = a.file_row_number "
        f"order by a.file_row_number) to {literal(out)} {PARQUET}"
    )
    return Typed(file, out, pq.read_metadata(out).num_rows, {}, (), (), {})


def _publish(lake: Storage, drop_id: str, file: RawFile, report: dict[str, Any], marked: Marked, path: Path, work_dir: Path) -> None:
    key, waiting = quarantine_key(file.name, drop_id), None
    if lake.exists(key):
        waiting = pq.read_table(lake.local_path(key), filters=[("kind", "=", "waiting")])
    lake.put_file(drop_file_key(drop_id, file.name), path)
    write_quarantine(lake, file, drop_id, waiting, work_dir)
    report["files"][file.name].update(broken=marked.broken, superseded=marked.superseded, rules=marked.rules)
    lake.write(drop_report_key(drop_id), json.dumps(report, indent=1, ensure_ascii=False).encode())
