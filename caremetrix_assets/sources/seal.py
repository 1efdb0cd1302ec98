"""Makes a drop of a folder: counts and hashes its CSV files and writes ``manifest.json`` last, in one step.

What a sealed folder would do to a lake is ``check``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from caremetrix_assets.errors import InputError, ServiceError, UsageError
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.sources.inbox import PRACTICE, check_layout, classify, csv_names
from caremetrix_assets.sources.manifest import MANIFEST, FileEntry, Kind, Manifest, parse_manifest, unsafe_name
from caremetrix_assets.sources.records import count_records
from caremetrix_assets.sources.scan import scan
from caremetrix_assets.sources.simulated import Simulation, read_simulation


def seal(
    folder: Path,
    drop_date: date,
    known: Collection[str],
    kind: Kind = "full",
    producer: str = "default",
    sequence: int = 0,
    *,
    deletes: bool = False,
    history_start: date | None = None,
    practice_start: date | None = None,
) -> Manifest:
    """Seals a local folder and returns its manifest; ``known``: ``contracts.known_places``.

    Every CSV file of the folder is listed, whatever its name; files of the practice simulator are marked, and their first
    day is the practice start unless another is given. Sealing a sealed folder again with the same result does nothing.
    InputError when it holds no file that counts, a file twice, or a manifest that says something else.
    """
    simulation = read_simulation(folder / PRACTICE)
    if practice_start is None and simulation is not None:
        practice_start = simulation.start
    starts = {"history_start": history_start, "practice_start": practice_start}
    head = {"drop_date": drop_date, "kind": kind, "producer": producer, "sequence": sequence, "deletes": deletes, **starts}
    storage = LocalStorage(folder)
    manifest = manifest_of(storage, known, head)
    if storage.exists(MANIFEST):
        if parse_manifest(storage.read(MANIFEST), folder.name) == manifest:
            return manifest
        raise InputError(f"{folder} is sealed already and its manifest says something else; delete {MANIFEST} to seal it anew.")
    storage.write(MANIFEST, manifest.text().encode(), if_absent=True)
    return manifest


def manifest_of(storage: LocalStorage, known: Collection[str], head: Mapping[str, Any]) -> Manifest:
    """The manifest of a folder as it lies there, ``head`` being all of it but the files; writes nothing."""
    if not storage.root.is_dir():
        raise ServiceError(f"{storage.root} is not a folder.")
    where = storage.root.name
    names = csv_names(info.key for info in storage.list())
    unsafe = next((name for name in names if unsafe_name(name)), None)
    if unsafe is not None:
        raise InputError(f"{where}: file name {unsafe!r} {unsafe_name(unsafe)}; rename it.")
    if not any(classify(name, known)[0] != "other" for name in names):
        raise InputError(f"{storage.root}: no Synthea CSV file in it or in its csv folder, and no practice file.")
    check_layout(names, known, where)
    simulation = read_simulation(storage.root / PRACTICE)
    try:
        return Manifest(**head, files={name: _marked(entry_of(storage.root / name, name), name, simulation) for name in names})
    except ValidationError as error:
        detail = error.errors()[0]
        raise UsageError(f"{'.'.join(str(part) for part in detail['loc'])}: {detail['msg']}.") from error


def entry_of(path: Path, name: str) -> FileEntry:
    """Hash and number of records of one CSV file; InputError when it cannot be unpacked."""
    with TemporaryDirectory() as folder:
        found = scan(path, name, Path(folder) / "plain")
        return FileEntry(sha256=found.sha256, rows=count_records(found))


def _marked(entry: FileEntry, name: str, simulation: Simulation | None) -> FileEntry:
    return entry if simulation is None else simulation.mark(name, entry)
