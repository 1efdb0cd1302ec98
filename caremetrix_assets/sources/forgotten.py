"""The list of the forgotten, ``ops/forgotten``: hashes of ids that must never come back, and whether a forgetting is under way.

The list holds no id, only its sha256: ``file`` names the source file whose row the id was, ``id_hash`` is the hash. Which
rows name somebody on the list is ``forget_rows``; removing them is ``forget``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.lake.objects import Storage

FORGOTTEN_KEY = "ops/forgotten/forgotten.parquet"
PENDING_KEY = "ops/forgotten/pending.json"
SCHEMA = pa.schema([("file", pa.string()), ("id_hash", pa.string())])
# ``listed``: nothing is removed yet. ``found``: every id of the person is on the list and out of the check results.
# ``erased``: archive and quarantine are clean, the tables are still to be rebuilt.
Stage = Literal["listed", "found", "erased"]


@dataclass(frozen=True)
class Forgotten:
    """Hashes by source file, as ``(file, hash)``."""

    entries: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def load(cls, storage: Storage) -> Forgotten:
        """The lake's list; empty when nobody was ever forgotten."""
        if not storage.exists(FORGOTTEN_KEY):
            return cls()
        table = pq.read_table(storage.local_path(FORGOTTEN_KEY), partitioning=None)
        return cls(frozenset(zip(table["file"].to_pylist(), table["id_hash"].to_pylist(), strict=True)))

    def adding(self, entries: Iterable[tuple[str, str]]) -> Forgotten:
        """The list with more hashes; nothing ever leaves it."""
        return Forgotten(self.entries | set(entries))

    def save(self, storage: Storage) -> None:
        """Writes the list whole; the same list gives the same bytes."""
        target = BytesIO()
        pq.write_table(self.to_arrow(), target, compression="zstd")
        storage.write(FORGOTTEN_KEY, target.getvalue())

    def to_arrow(self) -> pa.Table:
        """The list in order, for a DuckDB relation."""
        rows = sorted(self.entries)
        return pa.table([[f for f, _ in rows], [h for _, h in rows]], schema=SCHEMA)

    def __bool__(self) -> bool:
        return bool(self.entries)


def hash_of(identifier: str) -> str:
    """How an id stands on the list: sha256 of its UTF-8 text, 64 hexadecimal digits."""
    return hashlib.sha256(identifier.encode()).hexdigest()


def pending(storage: Storage) -> Stage | None:
    """How far a forgetting has come that is not finished; None when there is none."""
    if not storage.exists(PENDING_KEY):
        return None
    stage: Stage = json.loads(storage.read(PENDING_KEY))["stage"]
    return stage


def set_pending(storage: Storage, stage: Stage | None) -> None:
    """Notes how far it has come; None: everything is done."""
    if stage is None:
        storage.delete(PENDING_KEY)
        return
    storage.write(PENDING_KEY, json.dumps({"stage": stage}).encode() + b"\n")
