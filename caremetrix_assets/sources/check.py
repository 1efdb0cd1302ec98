"""``drop check``: what taking a folder in would do, without doing it. Writes nothing, neither lake nor folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from caremetrix_assets.catalog.models import Catalog, Column
from caremetrix_assets.errors import InputError
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.archive import compare_with_before, is_first_full, of_folded_time
from caremetrix_assets.sources.contracts import RawFile, known_places, raw_files
from caremetrix_assets.sources.examine import Examination, ReadOptions, examine
from caremetrix_assets.sources.feed import FeedFound, FeedStart, look_into
from caremetrix_assets.sources.inbox import Candidate, Drop, drop_of, inside_of, look_at
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.sources.manifest import date_in_name
from caremetrix_assets.sources.memory import Memory
from caremetrix_assets.sources.seal import manifest_of

_WANTED = {
    **dict.fromkeys(("id", "text"), "a text"),
    **dict.fromkeys(("int", "bigint", "key"), "a whole number"),
    **dict.fromkeys(("number", "rate"), "a number"),
    "money": "an amount such as 12.50",
    "bool": "true or false",
    "date": "a date such as 2026-01-31",
    "ts": "a time such as 2026-01-31T09:05:00Z",
}


@dataclass(frozen=True)
class FileCheck:
    """One source file: records, of these broken and superseded, and rows per broken rule."""

    file: str
    rows: int
    broken: int
    superseded: int
    rules: dict[str, int]


@dataclass(frozen=True)
class RowProblem:
    """One broken row, without its text. ``column`` is None when the whole line is wrong; ``wanted`` says what it should be."""

    file: str
    line: int
    column: str | None
    rule: str
    wanted: str = ""


@dataclass
class DropCheck:
    """What would happen: ``verdict`` in a sentence, why not (``problems``), what to know (``warnings``), files and rows.

    ``starts``: since when the practice feed's money replaces the ledger, by organization.
    """

    name: str
    drop_id: str
    is_acceptable: bool
    verdict: str
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: list[FileCheck] = field(default_factory=list)
    rows: list[RowProblem] = field(default_factory=list)
    starts: list[FeedStart] = field(default_factory=list)


def check(folder: Path, catalog: Catalog, options: ReadOptions, today: date, lake: Storage | None = None) -> DropCheck:
    """Reads a local folder as taking it in would, sealed or not, against the ledger of ``lake`` when there is one.

    An unsealed folder is read as the full drop of the date in its name, else of today.
    """
    inbox, files, known = LocalStorage(folder.expanduser().absolute().parent), raw_files(catalog), known_places(catalog)
    name = folder.expanduser().absolute().name
    objects = inbox.list(f"{name}/")
    candidate = look_at(inbox, name, objects, known, Memory())
    if candidate.status == "incomplete":
        head = {"drop_date": date_in_name(name) or today}
        try:
            manifest = manifest_of(LocalStorage(folder), known, head)
            drop = drop_of(inbox, name, manifest, inside_of(name, objects), known)
        except InputError as error:
            return _refused(candidate, [str(error)])
        result = _examined(drop, inbox, files, options, today, lake)
        result.verdict = f"{name} is not sealed, so it would not be read yet; sealed, it {result.verdict}"
        return result
    if candidate.drop is None:
        return _refused(candidate, [candidate.reason or "cannot be read"])
    result = _examined(candidate.drop, inbox, files, options, today, lake)
    result.verdict = f"{name} {result.verdict}"
    return result


def _refused(candidate: Candidate, problems: list[str]) -> DropCheck:
    return DropCheck(candidate.name, candidate.drop_id, False, f"{candidate.name} would be rejected: {problems[0]}", problems)


def _examined(
    drop: Drop, inbox: Storage, files: Mapping[str, RawFile], options: ReadOptions, today: date, lake: Storage | None
) -> DropCheck:
    ledger = Ledger.load(lake) if lake is not None else Ledger()
    first_full = is_first_full(lake, drop, ledger) if lake is not None else drop.manifest.kind == "full"
    with examine(drop, inbox, files, options, first_full=first_full) as (found, con):
        if lake is not None:
            found.problems += [too_old] if (too_old := of_folded_time(lake, drop)) else []
            earlier = [e.drop_id for e in ledger.before(drop.drop_id, drop.manifest)]
            found.problems += compare_with_before(con, lake, drop, found, earlier, options.work_dir)
        result = DropCheck(drop.name, drop.drop_id, not found.problems, _verdict(drop, found, ledger, today))
        result.problems, result.warnings = found.problems, [*found.warnings, *_clashes(drop, ledger)]
        for name, file in found.files.items():
            m = file.marked
            result.files.append(FileCheck(name, file.rows, m.broken, m.superseded, m.rules))
            result.rows += [_row(files[name], *row) for row in m.first]
            result.warnings += [f"{name}: {m.superseded} rows repeat a key; the last counts."] if m.superseded else []
        if not found.problems:
            _add_feed(result, look_into(con, drop, found, files, lake, ledger))
    result.warnings += [f"{name} is not in the manifest; not read." for name in drop.unlisted]
    return result


def _add_feed(result: DropCheck, feed: FeedFound) -> None:
    result.starts = feed.starts
    result.warnings += [*feed.waiting, *feed.watched]
    result.rows += [RowProblem(r.file, r.line, r.column, r.rule, r.doc) for r in feed.stopping]
    if feed.stopping and result.is_acceptable:
        first = feed.stopping[0]
        where = f"{first.file} line {first.line} breaks {first.rule}"
        result.problems.append(f"{where}: {first.doc} The run would publish nothing of this file until it is mended.")
        result.is_acceptable = False
        result.verdict += f" Then it would stop: {where}."


def _verdict(drop: Drop, found: Examination, ledger: Ledger, today: date) -> str:
    entry = ledger.entries.get(drop.drop_id)
    if entry is not None and entry.status != "seen":
        return f"is known: {entry.status} as {entry.name}; offered again it changes nothing."
    if found.problems:
        return f"would be rejected: {found.problems[0]}"
    rows = sum(file.rows for file in found.files.values())
    if drop.manifest.drop_date > today:
        return f"would wait for its day, {drop.manifest.drop_date}; then its {rows:,} rows would be taken."
    return f"would be taken: {rows:,} rows of {len(found.files)} files, {drop.manifest.kind}, dated {drop.manifest.drop_date}."


def _clashes(drop: Drop, ledger: Ledger) -> list[str]:
    m = drop.manifest
    same = f"the same date ({m.drop_date}), sequence ({m.sequence}) and producer ({m.producer})"
    return [f"{e.name} has {same}; which of both counts last is then left to their ids." for e in ledger.clashes(drop.drop_id, m)]


def _row(file: RawFile, name: str, line: int, broken: str) -> RowProblem:
    rule, _, column = broken.partition(".")
    return RowProblem(name, line, column or None, rule, wanted(file.table.column(column)) if column else "")


def wanted(column: Column) -> str:
    """What a value of a column must look like, in words."""
    text = _WANTED[column.type]
    if column.pattern == "clock":
        text = "a time as HH:MM"
    if column.values:
        text = f"one of {', '.join(column.values)}"
    elif column.min is not None:
        text += f", at least {column.min}"
    if column.when is not None:
        tie = {"exactly": "filled exactly when", "only": "empty unless", "needed": "filled when"}[column.when.rule]
        text += f"; {tie} {column.when.column} is {' or '.join(column.when.values)}"
    return text + ("" if column.required or column.when else "; may be empty")
