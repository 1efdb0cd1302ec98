"""Drop folders from literal texts, an inbox and a lake in a temporary folder, and what an archive holds afterwards."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.lake.layout import drop_file_key, drop_prefix
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.sources.contracts import RawFile, known_places, raw_files
from caremetrix_assets.sources.examine import ReadOptions
from caremetrix_assets.sources.intake import Taken, take_in
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.sources.manifest import Manifest
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.sources.releases import release_files

TODAY = date(2026, 1, 31)
Content = str | bytes


def minimal(**changes: Content | None) -> dict[str, Content]:
    """The files a first full drop needs, release 3.3, one row each; ``changes`` by file name, None leaves a file out."""
    needed = ("patients", "encounters", "organizations", "providers", "payers")
    files: dict[str, Content | None] = {f"{n}.csv": release_files("3.3")[f"{n}.csv"] for n in needed}
    files.update({f"{name}.csv": content for name, content in changes.items()})
    return {name: content for name, content in files.items() if content is not None}


def write_files(folder: Path, files: Mapping[str, Content]) -> None:
    """Writes texts as UTF-8; a name ending in ``.gz`` is packed unless its content is bytes."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") and isinstance(content, str) else data)


@dataclass
class Lab:
    """An inbox, a lake and the package's own contracts."""

    root: Path
    limit: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        self.inbox, self.lake = LocalStorage(self.root / "inbox"), LocalStorage(self.root / "lake")
        self.catalog = load_catalog()
        self.files: dict[str, RawFile] = raw_files(self.catalog)

    @property
    def options(self) -> ReadOptions:
        return ReadOptions(self.root / "work", limit=self.limit)

    @property
    def ledger(self) -> Ledger:
        return Ledger.load(self.lake)

    def drop(self, name: str, files: Mapping[str, Content], day: str = "2025-01-31", **sealing: Any) -> Manifest:
        """A sealed folder of the inbox."""
        write_files(self.root / "inbox" / name, files)
        return seal(self.root / "inbox" / name, date.fromisoformat(day), known_places(self.catalog), **sealing)

    def take_in(self, today: date = TODAY) -> list[Taken]:
        """Everything that is due, in drop order."""
        return list(take_in(self.inbox, self.lake, self.catalog, self.ledger, today, self.options))

    def take(self, files: Mapping[str, Content], name: str = "drop", day: str = "2025-01-31", **sealing: Any) -> Taken:
        """One drop, sealed and taken in."""
        self.drop(name, files, day, **sealing)
        (taken,) = self.take_in()
        return taken

    def rejection(self, files: Mapping[str, Content], **sealing: Any) -> str:
        """Why the lake refuses the drop; nothing of it may be left but its ledger entry."""
        taken = self.take(files, **sealing)
        assert taken.entry.status == "rejected", taken.entry
        assert self.lake.list(drop_prefix(taken.entry.drop_id)) == [] == self.lake.list("quarantine/")
        assert list((self.root / "work").iterdir()) == []
        return taken.entry.reason or ""

    def rows(self, taken: Taken, file: str) -> list[dict[str, Any]]:
        """All archived records of a file, in file order."""
        return read(self.lake.local_path(drop_file_key(taken.entry.drop_id, file)))

    def manifest(self, name: str, **changes: Any) -> None:
        """Rewrites keys of a sealed folder's manifest."""
        path = self.root / "inbox" / name / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def read(path: Path) -> list[dict[str, Any]]:
    """A Parquet file as dicts, in file order."""
    with duckdb.connect() as con:
        cursor = con.execute(f"from read_parquet('{path}')")
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
