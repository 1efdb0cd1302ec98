"""The inbox: which folders are drops, what they hold, and what is wrong with them before any file is opened.

A look costs a listing and the manifests; only folders sealed by ``_SUCCESS`` are hashed, once per change. Hashes and
rows of the files are verified where they are read (``examine``); what has been seen before is the ``ledger``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from caremetrix_assets.errors import InputError, UsageError
from caremetrix_assets.lake.objects import ObjectInfo, Storage
from caremetrix_assets.sources.manifest import MANIFEST, MAX_BYTES, SUCCESS, FileEntry, Manifest, date_in_name, parse_manifest
from caremetrix_assets.sources.memory import Memory

Role = Literal["synthea", "practice", "other"]
PRACTICE = "practice"
_CSV = (".csv", ".csv.gz")
_NAME = re.compile(r"(?P<folder>csv/|practice/)?(?P<file>[a-z_]+)(?:-(?P<part>\d{1,9}))?\.csv(?:\.gz)?")


@dataclass(frozen=True)
class DropFile:
    """One file of a drop. ``file`` and ``part`` are set for files that are read, ``entry`` is what the manifest says of it."""

    name: str
    key: str
    etag: str
    role: Role
    entry: FileEntry
    file: str | None = None
    part: int | None = None


@dataclass(frozen=True)
class Drop:
    """A complete drop whose files are all there; ``unlisted`` CSV files lie in the folder and are not part of it."""

    name: str
    drop_id: str
    manifest: Manifest
    files: tuple[DropFile, ...]
    unlisted: tuple[str, ...] = ()

    @property
    def has_synthea(self) -> bool:
        """True unless the drop holds the practice feed alone."""
        return any(f.role == "synthea" for f in self.files)

    @property
    def read(self) -> dict[str, tuple[DropFile, ...]]:
        """The files that are read, Synthea's and the practice feed's, by name, parts in numeric order."""
        found: dict[str, list[DropFile]] = defaultdict(list)
        for item in self.files:
            if item.file is not None:
                found[item.file].append(item)
        return {name: tuple(sorted(items, key=lambda f: f.part or 0)) for name, items in sorted(found.items())}

    def names(self, role: Role) -> list[str]:
        """Names of the files of one role, sorted."""
        return sorted(f.name for f in self.files if f.role == role)


@dataclass(frozen=True)
class Candidate:
    """A folder of the inbox. ``complete``: ``drop`` may be read. ``incomplete`` or ``rejected``: ``reason`` says why.

    ``drop_id`` names the ledger's row. A folder that cannot be identified by its content gets an id of its own.
    ``fingerprint`` changes when any file of the folder is written again.
    """

    name: str
    status: Literal["complete", "incomplete", "rejected"]
    drop_id: str
    drop: Drop | None = None
    manifest: Manifest | None = None
    reason: str | None = None
    fingerprint: str = ""


def look(inbox: Storage, known: Collection[str], memory: Memory | None = None) -> list[Candidate]:
    """Every folder of the inbox as a candidate, by name. ``known``: ``contracts.known_places``.

    UsageError when the inbox itself is a drop.
    """
    folders: dict[str, list[ObjectInfo]] = defaultdict(list)
    for info in inbox.list():
        folder, slash, rest = info.key.partition("/")
        if not slash and folder in (MANIFEST, SUCCESS):
            raise UsageError(f"{inbox.url} is a drop itself; the inbox is the folder that holds it.")
        if slash and rest:
            folders[folder].append(info)
    memory = memory or Memory()
    return [look_at(inbox, folder, objects, known, memory) for folder, objects in sorted(folders.items())]


def look_at(inbox: Storage, folder: str, objects: Iterable[ObjectInfo], known: Collection[str], memory: Memory) -> Candidate:
    """One folder of the inbox as a candidate; ``objects`` are all that lie in it."""
    inside = inside_of(folder, objects)
    state = json.dumps([[info.key, info.etag] for info in sorted(inside.values())])
    return replace(_candidate(inbox, folder, inside, known, memory), fingerprint=hashlib.sha256(state.encode()).hexdigest())


def inside_of(folder: str, objects: Iterable[ObjectInfo]) -> dict[str, ObjectInfo]:
    """The objects of a folder by their name in it."""
    return {info.key[len(folder) + 1 :]: info for info in objects}


def _candidate(inbox: Storage, folder: str, inside: dict[str, ObjectInfo], known: Collection[str], memory: Memory) -> Candidate:
    if problem := _unsafe(inbox, folder, inside):
        return Candidate(folder, "rejected", _own_id(folder), reason=problem)
    if MANIFEST in inside:
        data = inbox.read(inside[MANIFEST].key)
        try:
            manifest = parse_manifest(data, folder)
        except InputError as error:
            return Candidate(folder, "rejected", _own_id(folder, data), reason=str(error))
    elif SUCCESS in inside:
        drop_date = date_in_name(folder)
        if drop_date is None:
            reason = f"{folder}: sealed by {SUCCESS}, but its name holds no date (YYYY-MM-DD); rename it or seal it."
            return Candidate(folder, "rejected", _own_id(folder), reason=reason)
        entries = {n: FileEntry(sha256=memory.sha256(inbox, inside[n]), rows=None) for n in csv_names(inside)}
        manifest = Manifest(drop_date=drop_date, files=entries)
    else:
        reason = f"{folder}: neither {MANIFEST} nor {SUCCESS}; seal it when it is complete."
        if sealed := sorted({n.split("/")[0] for n in inside if n.endswith((f"/{MANIFEST}", f"/{SUCCESS}"))}):
            reason = f"{folder}: holds other drops ({', '.join(sealed[:3])}); only what lies in the inbox itself is read, move them there."
        return Candidate(folder, "incomplete", _own_id(folder), reason=reason)
    try:
        return Candidate(folder, "complete", manifest.drop_id, drop_of(inbox, folder, manifest, inside, known), manifest)
    except InputError as error:
        return Candidate(folder, "rejected", manifest.drop_id, None, manifest, str(error))


def classify(name: str, known: Collection[str]) -> tuple[Role, str | None, int | None]:
    """Role of a file by its name in the folder; for a file that is read also which one, and the number of its part."""
    match = _NAME.fullmatch(name)
    if match is None:
        return "other", None, None
    is_practice = match["folder"] == f"{PRACTICE}/"
    if (f"{PRACTICE}/{match['file']}" if is_practice else match["file"]) not in known:
        return "other", None, None
    return "practice" if is_practice else "synthea", match["file"], int(match["part"]) if match["part"] else None


def csv_names(names: Iterable[str]) -> list[str]:
    """The names of CSV files, plain or packed, sorted: what counts for a drop."""
    return sorted(name for name in names if name.endswith(_CSV))


def check_layout(names: Iterable[str], known: Collection[str], where: str) -> None:
    """InputError when a file is there twice: whole and in parts, plain and packed, in the folder and under csv/."""
    found: dict[str, list[tuple[int | None, str]]] = defaultdict(list)
    for name in sorted(names):
        _, file, part = classify(name, known)
        if file is not None:
            found[file].append((part, name))
    for file, items in sorted(found.items()):
        parts = [part for part, _ in items]
        shown = " and ".join(name for _, name in items[:3])
        if None in parts and len(set(parts)) > 1:
            raise InputError(f"{where}: {file} is there whole and in parts ({shown}); leave one of both.")
        if len(set(parts)) < len(parts):
            raise InputError(f"{where}: {file} is there more than once ({shown}); leave one.")


def drop_of(inbox: Storage, folder: str, manifest: Manifest, inside: Mapping[str, ObjectInfo], known: Collection[str]) -> Drop:
    """The drop that a manifest makes of a folder; InputError when a file is missing, there twice, or outside."""
    missing = sorted(set(manifest.files) - set(inside))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"{folder}: {MANIFEST} lists {missing[0]}{more}, which the folder does not hold.")
    check_layout(manifest.files, known, folder)
    files = []
    for name, entry in sorted(manifest.files.items()):
        role, file, part = classify(name, known)
        info = inside[name]
        _check_inside(inbox, folder, info)
        files.append(DropFile(name, info.key, info.etag, role, entry, file, part))
    unlisted = tuple(n for n in csv_names(inside) if n not in manifest.files)
    return Drop(folder, manifest.drop_id, manifest, tuple(files), unlisted)


def _unsafe(inbox: Storage, folder: str, inside: Mapping[str, ObjectInfo]) -> str | None:
    """Why nothing of a folder may be opened, or None: its seal or, without a manifest, a file of it leads out of the folder."""
    opened = [MANIFEST] if MANIFEST in inside else [SUCCESS, *csv_names(inside)] if SUCCESS in inside else []
    for name in opened:
        if not f"{folder}/{name}".isprintable():
            return f"{folder}: the name of the folder or of a file has control characters; rename it."
        try:
            _check_inside(inbox, folder, inside[name])
        except InputError as error:
            return str(error)
    if MANIFEST in inside and inside[MANIFEST].size > MAX_BYTES:
        return f"{folder}: {MANIFEST} has {inside[MANIFEST].size} bytes; {MAX_BYTES} is the limit."
    return None


def _check_inside(inbox: Storage, folder: str, info: ObjectInfo) -> None:
    """A link in a local folder may lead anywhere; an object of a bucket may not."""
    if inbox.url.startswith("s3://"):
        return
    root = Path(inbox.url)
    if not (root / info.key).resolve().is_relative_to((root / folder).resolve()):
        raise InputError(f"{folder}: {info.key} is a link that leads out of the folder.")


def _own_id(folder: str, content: bytes = b"") -> str:
    """An id for a folder without a drop id: 64 hexadecimal digits of its name and its manifest's bytes."""
    return hashlib.sha256(b"unidentified\n" + folder.encode() + b"\n" + content).hexdigest()
