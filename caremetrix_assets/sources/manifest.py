"""manifest.json: what a drop says about itself, its identity, and names that stay inside the folder.

Finding folders is ``inbox``, writing a manifest is ``seal``, comparing it with the files is ``archive``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from caremetrix_assets.errors import InputError

MANIFEST = "manifest.json"
SUCCESS = "_SUCCESS"
# a manifest of 28 files in a thousand parts each has 4 MB
MAX_BYTES = 16 << 20
Kind = Literal["full", "delta"]
_DATE_IN_NAME = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileEntry(_Strict):
    """One file of a drop: sha256 of its bytes as they lie in the folder, and its data records (header not counted).

    ``rows`` is null where nobody counted: in folders sealed by ``_SUCCESS``.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int | None = Field(ge=0)
    simulated: bool = False
    seed: int | None = None
    parameters: str | None = None


class Manifest(_Strict):
    """A drop's manifest. ``drop_id`` is its identity; ``text()`` its canonical spelling."""

    drop_date: date
    kind: Kind = "full"
    producer: str = Field(default="default", pattern=r"^\S(.{0,98}\S)?$")
    sequence: int = Field(default=0, ge=0, le=2**31 - 1)
    deletes: bool = False
    history_start: date | None = None
    practice_start: date | None = None
    files: dict[str, FileEntry]

    @field_validator("producer")
    @classmethod
    def _plain(cls, producer: str) -> str:
        if not producer.isprintable():
            raise ValueError("has control characters")
        return producer

    @field_validator("files")
    @classmethod
    def _safe_names(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        for name in files:
            problem = unsafe_name(name)
            if problem:
                raise ValueError(f"file name {name!r} {problem}")
        if len({name.casefold() for name in files}) < len(files):
            raise ValueError("two file names differ in upper and lower case only")
        return files

    @property
    def drop_id(self) -> str:
        """See :func:`drop_id_of`."""
        hashes = {name: entry.sha256 for name, entry in self.files.items()}
        return drop_id_of(hashes, self.kind, self.drop_date, self.sequence, self.producer, self.deletes)

    def text(self) -> str:
        """The manifest as ``drop seal`` writes it: files in name order, what is at its default and optional left out."""
        data = self.model_dump(mode="json", exclude_none=True)
        files = {n: {k: v for k, v in e.items() if v is not False} for n, e in sorted(data.pop("files").items())}
        return json.dumps({**data, "files": files}, indent=2, ensure_ascii=False) + "\n"


def drop_id_of(hashes: dict[str, str], kind: str, drop_date: date, sequence: int, producer: str, deletes: bool) -> str:
    """The drop's identity: 64 hexadecimal digits of sha256 over this JSON text, UTF-8, without blanks, keys sorted.

    ``{"deletes":false,"drop_date":"2026-01-02","files":[["patients.csv.gz","<sha256>"],…],"kind":"full",``
    ``"producer":"default","sequence":0}`` with files sorted by name (code points) and characters beyond ASCII in JSON's
    four-digit escapes. The folder's name, row counts and the manifest's own spelling do not count.
    """
    content = {
        "deletes": deletes,
        "drop_date": drop_date.isoformat(),
        "files": [[name, hashes[name]] for name in sorted(hashes)],
        "kind": kind,
        "producer": producer,
        "sequence": sequence,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def parse_manifest(data: bytes, where: str) -> Manifest:
    """The manifest in ``data``; InputError with ``where``, the key and what it should be."""
    try:
        content = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique_keys)
    except RecursionError as error:
        raise InputError(f"{where}: {MANIFEST} is nested too deeply.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{where}: {MANIFEST} is not JSON ({error}).") from error
    except _DoubleKey as error:
        raise InputError(f"{where}: {MANIFEST} has the key {error.args[0]!r} twice.") from error
    if not isinstance(content, dict):
        raise InputError(f"{where}: {MANIFEST} is not a JSON object.")
    try:
        return Manifest.model_validate_json(json.dumps(content))
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"]) or "content"
        raise InputError(f"{where}: {MANIFEST}: {key}: {detail['msg']}.") from error


class _DoubleKey(Exception):
    pass


def _unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DoubleKey(key)
        result[key] = value
    return result


def unsafe_name(name: str) -> str | None:
    """Why a file name of a manifest may not be used, or None: it must be relative, plain, and stay inside the folder."""
    parts = name.split("/")
    if not name or name.startswith("/") or "" in parts:
        return "is not a relative path"
    if ".." in parts or "." in parts:
        return "leaves the folder"
    if "\\" in name or re.match(r"^[A-Za-z]:", name):
        return "is not written with '/' only"
    if any(part.startswith(".") for part in parts):
        return "names a hidden file"
    if not name.isprintable():
        return "has control characters"
    return None


def date_in_name(name: str) -> date | None:
    """The first ``YYYY-MM-DD`` or ``YYYYMMDD`` in a folder's name that is a date; None when there is none."""
    for year, _, month, day in _DATE_IN_NAME.findall(name):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:  # 2025-13-45 is somebody's number, not a date
            continue
    return None
