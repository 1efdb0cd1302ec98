"""Where the archived rows of a drop are: an object per file of its own, or, once folded, a part of the base drop.

The base keeps every different row of a file once (``rows``: the archive's columns and ``row_no``) and, per folded drop,
which row stood at which place (``places``: drop_id, place, row_no, source_file, source_line, is_superseded). So a folded
drop can be read as it was. Folding is ``fold``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.layout import BASE_KEY, DROPS_PREFIX, base_key, drop_file_key, drop_report_key
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.sources.sql import PARQUET, literal

PLACE_COLUMNS = ("source_file", "source_line", "is_superseded")


@dataclass(frozen=True)
class Base:
    """Which drops are folded, up to which date, and in which folder their rows are."""

    folded_to: date
    folder: str
    drop_ids: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def load(cls, storage: Storage) -> Base | None:
        """The lake's base drop; None when nothing was ever folded."""
        if not storage.exists(BASE_KEY):
            return None
        found: dict[str, Any] = json.loads(storage.read(BASE_KEY))
        return cls(date.fromisoformat(found["folded_to"]), found["folder"], tuple(found["drop_ids"]), tuple(found["files"]))

    def save(self, storage: Storage) -> None:
        """Makes this the lake's base drop."""
        content = {"folded_to": self.folded_to.isoformat(), "folder": self.folder, "drop_ids": self.drop_ids, "files": self.files}
        storage.write(BASE_KEY, json.dumps(content, indent=1).encode() + b"\n")


def archived_ids(storage: Storage) -> set[str]:
    """Drops with a report in the archive, whatever their status; it is written last, so their files are whole."""
    keys = {info.key for info in storage.list(DROPS_PREFIX)}
    ids = {key.removeprefix(DROPS_PREFIX).split("/")[0] for key in keys}
    return {drop_id for drop_id in ids if drop_report_key(drop_id) in keys}


class Archive:
    """The archived files of all drops, for reading. ``work_dir`` takes the files that are put together from the base."""

    def __init__(self, storage: Storage, work_dir: Path) -> None:
        self.storage, self.work_dir = storage, work_dir
        self.base = Base.load(storage)

    def is_folded(self, drop_id: str) -> bool:
        """Whether the drop's rows are in the base."""
        return self.base is not None and drop_id in self.base.drop_ids

    def has(self, drop_id: str, file: str) -> bool:
        """Whether the drop has an archived file of this name."""
        if self.base is not None and self.is_folded(drop_id):
            return file in self.base.files
        return self.storage.exists(drop_file_key(drop_id, file))

    def path(self, drop_id: str, file: str) -> Path:
        """A local file with all records of the drop's file, in file order; not to be changed."""
        if self.base is None or not self.is_folded(drop_id):
            return self.storage.local_path(drop_file_key(drop_id, file))
        out = self.work_dir / "unfolded" / self.base.folder / drop_id / f"{file}.parquet"
        if not out.exists():
            out.parent.mkdir(parents=True, exist_ok=True)
            unfold(self.storage, self.base, drop_id, file, out)
        return out


def unfold(storage: Storage, base: Base, drop_id: str, file: str, out: Path) -> None:
    """Writes one file of a folded drop as it stood in its archive."""
    if file not in base.files:
        raise ServiceError(f"The base drop lacks {file}, which the report of drop {drop_id[:12]} names; restore it from a backup.")
    rows, places = (literal(storage.local_path(base_key(base.folder, file, part))) for part in ("rows", "places"))
    moved = ", ".join(f"p.{column} as {column}" for column in PLACE_COLUMNS)
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(
            f"copy (select r.* exclude (row_no) replace ({moved}) from read_parquet({places}) as p "
            f"inner join read_parquet({rows}) as r on r.row_no = p.row_no where p.drop_id = {literal(drop_id)} order by p.place) "
            f"to {literal(out)} {PARQUET}"
        )
