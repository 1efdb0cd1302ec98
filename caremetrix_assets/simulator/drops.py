"""The folders a simulation reads: what they hold, whether they are sealed, their date, and their order.

Reading the files is ``state``; verifying hashes is left to ingestion, which every drop passes anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from caremetrix_assets.errors import InputError, ServiceError, UsageError
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.sources.inbox import PRACTICE, check_layout, classify, csv_names, drop_of
from caremetrix_assets.sources.manifest import MANIFEST, SUCCESS, Kind, Manifest, date_in_name, parse_manifest

LEDGER = ("claims", "claims_transactions")


@dataclass(frozen=True)
class Source:
    """One drop as the simulator sees it. ``files`` are the Synthea files by name, parts in order; practice files are not read."""

    path: Path
    drop_date: date
    kind: Kind
    producer: str
    sequence: int
    is_sealed: bool
    deletes: bool = False
    history_start: date | None = None
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def order(self) -> tuple[date, int, str]:
        """Place in drop order, as far as a folder tells."""
        return self.drop_date, self.sequence, self.path.name


def open_source(path: Path, known: Collection[str], drop_date: date | None = None, kind: Kind | None = None) -> Source:
    """A folder as a source; ``known``: ``contracts.known_places``. ``drop_date`` and ``kind`` are for an unsealed one.

    ServiceError when there is no folder, UsageError when its date is unknown or another, InputError for a wrong layout.
    """
    path = path.expanduser().absolute()
    if not path.is_dir():
        raise ServiceError(f"{path} is not a folder; name the folder that holds the CSV files.")
    storage = LocalStorage(path)
    names = csv_names(info.key for info in storage.list())
    if storage.exists(MANIFEST):
        manifest = parse_manifest(storage.read(MANIFEST), path.name)
        return _sealed(path, manifest, known, drop_date, kind)
    check_layout(names, known, path.name)
    sealed = storage.exists(SUCCESS)
    found = date_in_name(path.name) if drop_date is None or sealed else drop_date
    if found is None:
        raise UsageError(f"{path.name} is not sealed and its name holds no date; say --date YYYY-MM-DD, the day of the export.")
    return Source(path, found, kind or "full", "default", 0, sealed, files=_files(path, names, known))


def _sealed(path: Path, manifest: Manifest, known: Collection[str], drop_date: date | None, kind: Kind | None) -> Source:
    if drop_date not in (None, manifest.drop_date) or kind not in (None, manifest.kind):
        raise UsageError(f"{path.name} is sealed as a {manifest.kind} drop of {manifest.drop_date}; leave --date and --kind out.")
    inbox = LocalStorage(path.parent)
    inside = {info.key.removeprefix(f"{path.name}/"): info for info in inbox.list(f"{path.name}/")}
    drop_of(inbox, path.name, manifest, inside, known)
    return Source(
        path,
        manifest.drop_date,
        manifest.kind,
        manifest.producer,
        manifest.sequence,
        True,
        manifest.deletes,
        manifest.history_start,
        _files(path, sorted(manifest.files), known),
    )


def _files(path: Path, names: Sequence[str], known: Collection[str]) -> dict[str, tuple[Path, ...]]:
    found: dict[str, list[tuple[int, Path]]] = {}
    for name in names:
        role, file, part = classify(name, known)
        if role == "synthea" and file is not None:
            found.setdefault(file, []).append((part or 0, path / name))
    return {file: tuple(p for _, p in sorted(parts)) for file, parts in found.items()}


def in_order(drop: Source, history: Sequence[Source]) -> list[Source]:
    """History and drop in drop order; UsageError when a folder is given twice or history is younger than the drop."""
    for source in history:
        if source.path == drop.path:
            raise UsageError(f"{drop.path.name} is its own history; --history names the earlier drops only.")
        if source.drop_date > drop.drop_date:
            raise UsageError(f"{source.path.name} is dated {source.drop_date}, after {drop.path.name}; --history names earlier drops.")
    if len({s.path for s in history}) < len(history):
        raise UsageError("A folder is given as --history twice.")
    return sorted([*history, drop], key=lambda s: s.order)


def check_place(drop: Source, out: Path | None, own_files: Collection[str], marker: str) -> None:
    """Where the feed may go. UsageError for a sealed drop without ``out``, an ``out`` in use, or files of somebody else.

    ``own_files`` are the names the simulator writes under practice/, ``marker`` the file by which it knows them again.
    """
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out} exists and is not empty; --out names a new folder.")
        return
    if drop.is_sealed:
        raise UsageError(f"{drop.path.name} is sealed, nothing may be added to it; say --out FOLDER for a drop of its own.")
    practice = drop.path / PRACTICE
    there = sorted(p.name for p in practice.iterdir()) if practice.is_dir() else []
    if there and marker not in there:
        raise UsageError(f"{practice} holds {there[0]}, which the simulator did not write; it is off where a practice sends its own feed.")
    strange = [name for name in there if name != marker and name.removesuffix(".gz") not in own_files]
    if strange:
        raise InputError(f"{practice} holds {strange[0]}, which is no file of the simulator; take it away.")
