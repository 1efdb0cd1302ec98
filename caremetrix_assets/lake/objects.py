"""What a storage promises: objects by key, atomic and conditional writes, and the rules for keys.

Every write is atomic (a reader sees the old bytes or the new ones) and may be conditional, which is what the lease
and the once-only start date build on. What lives elsewhere: the implementations (``local``, ``s3``) and the choice
between them (``storage``).
"""

from pathlib import Path
from typing import NamedTuple, Protocol

from caremetrix_assets.errors import ServiceError, UsageError


class MissingObject(ServiceError):
    """No object has this key."""


class Conflict(ServiceError):
    """The condition of a read or write did not hold: somebody else was first."""


class ObjectInfo(NamedTuple):
    """One object: key relative to the root, size in bytes, and a text that changes with every write."""

    key: str
    size: int
    etag: str


class Storage(Protocol):
    """Objects under one root. Keys are relative, ``/``-separated, and no part of them starts with a dot (UsageError).

    All methods raise ServiceError when the folder or bucket is not there or refuses. A key that is ever written
    conditionally is always written conditionally.
    """

    url: str

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """Objects whose key starts with ``prefix``, sorted by key; a folder or prefix that is not there has none."""

    def info(self, key: str) -> ObjectInfo | None:
        """Size and etag of one object; None when it is not there."""

    def exists(self, key: str) -> bool:
        """Whether the object is there."""

    def read(self, key: str) -> bytes:
        """The object's bytes; MissingObject when it is not there."""

    def local_path(self, key: str, etag: str | None = None) -> Path:
        """A local file with the object's bytes, to be read only; MissingObject, or Conflict when it no longer has ``etag``."""

    def write(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """Replaces the object and returns its etag; Conflict when it is there (``if_absent``) or is not ``if_match``.

        Over a network a Conflict may be the caller's own write whose answer was lost: read the object to know.
        """

    def put_file(self, key: str, path: Path) -> str:
        """Publishes a finished local file, which is gone from ``path`` afterwards, and returns the etag."""

    def delete(self, key: str) -> None:
        """Removes the object if it is there."""

    def clear_cache(self) -> None:
        """Removes copies of objects that :meth:`local_path` keeps on this machine; nothing where it keeps none."""

    def sweep(self, older_than_hours: float) -> int:
        """Removes what killed writers left behind that long ago, never an object; returns how many."""


def check_key(key: str) -> str:
    """The key itself; UsageError when it is empty, absolute, unprintable, or a part of it is empty or starts with a dot."""
    if is_hidden(key) or not key.isprintable():
        raise UsageError(f"{key!r} is not a key: relative, parts separated by one '/', no part empty or starting with a dot.")
    return key


def check_prefix(prefix: str) -> str:
    """The prefix itself: empty, a key, or a folder (a key and a slash); else UsageError."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def is_hidden(key: str) -> bool:
    """Whether a listing leaves the key out: unfinished writes, folder markers, files such as ``.DS_Store``."""
    return any(not part or part.startswith(".") for part in key.split("/"))


def check_conditions(if_absent: bool, if_match: str | None) -> None:
    """ValueError when both conditions of a write are given: no object could meet them."""
    if if_absent and if_match is not None:
        raise ValueError("if_absent and if_match exclude each other")
