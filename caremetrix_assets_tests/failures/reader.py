"""A reader in a process of its own: reads every published object over and over and notes what no run ever audited.

``python -m caremetrix_assets_tests.failures.reader AUDITED.json RESULT.json`` reads the lake of the settings until
``RESULT.json.stop`` is there. ``AUDITED.json`` holds, by key, the sha256 of every audited version, and the keys that are
there from the beginning.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.layout import object_key
from caremetrix_assets.lake.objects import MissingObject, Storage
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.settings import load_settings

SHOWN = ("raw/", "dims/", "facts/", "marts/")


class Reader:
    """What was read and what was wrong with it."""

    def __init__(self, storage: Storage, audited: dict[str, list[str]], there: list[str]) -> None:
        self.storage, self.audited = storage, audited
        self.there = set(there)
        self.reads = self.unavailable = 0
        self.wrong: list[str] = []

    def look(self) -> None:
        """Reads every object once; a store that is away is no fault of what it holds."""
        try:
            listed = {info.key for prefix in SHOWN for info in self.storage.list(prefix)}
        except ServiceError:
            self.unavailable += 1
            return
        for key in sorted(listed - self.audited.keys()):
            self.wrong.append(f"{key}: nobody audited it")
        for key in self.audited:
            self._read(key)

    def _read(self, key: str) -> None:
        try:
            data = self.storage.read(key)
        except MissingObject:
            if key in self.there:
                self.wrong.append(f"{key}: missing")
            return
        except ServiceError:
            self.unavailable += 1
            return
        self.reads += 1
        self.there.add(key)
        if hashlib.sha256(data).hexdigest() not in self.audited[key]:
            self.wrong.append(f"{key}: {_described(key, data)}, which no run audited")
        if key.endswith("_latest.json"):
            self._follow(key, data)

    def _follow(self, key: str, data: bytes) -> None:
        newest = date.fromisoformat(json.loads(data)["partition_date"])
        layer, table, _ = key.split("/")
        try:
            if not self.storage.exists(object_key(layer, table, newest)):
                self.wrong.append(f"{key}: points to {newest}, which is not there")
        except ServiceError:
            self.unavailable += 1


def _described(key: str, data: bytes) -> str:
    if not key.endswith(".parquet"):
        return data[:200].decode("utf-8", "replace")
    try:
        return f"{pq.read_metadata(io.BytesIO(data)).num_rows} rows"
    except pa.ArrowInvalid:
        return f"{len(data)} bytes that are no Parquet"


def main() -> None:
    """Reads until told to stop."""
    audited, result = json.loads(Path(sys.argv[1]).read_text("utf-8")), Path(sys.argv[2])
    reader = Reader(open_lake(load_settings()), audited["versions"], audited["there"])
    rounds, stop = 0, result.with_suffix(".json.stop")
    while not stop.exists() and len(reader.wrong) < 100:
        reader.look()
        rounds += 1
        result.with_suffix(".json.rounds").write_text(str(rounds), "utf-8")
        time.sleep(0.02)
    found = {"rounds": rounds, "reads": reader.reads, "unavailable": reader.unavailable, "wrong": reader.wrong}
    result.write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
