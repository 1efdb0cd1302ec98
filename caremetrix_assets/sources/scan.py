"""One pass over a file's bytes: hash, unpacking, encoding, line count, and what a fast reader must not be given.

Says nothing about columns or values (``reader``); splitting damaged files into records is ``records``.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from caremetrix_assets.errors import InputError

CHUNK = 2 << 20
MAX_RECORD = 1 << 20
_NAN = re.compile(b"NaN")  # twice as fast as `in`
_GZIP = 31  # zlib's window bits for a gzip member with header and checksum


@dataclass(frozen=True)
class Limits:
    """The largest file, unpacked, and the longest record (so the longest field too) that are read, in bytes."""

    file: float = float("inf")
    record: int = MAX_RECORD


@dataclass(frozen=True)
class Scan:
    """What one pass found. ``plain`` is the file itself or its unpacked copy; ``size`` counts the plain bytes.

    ``lines`` counts physical lines, the last one with or without a line end; ``has_one_end`` is False when carriage
    returns stand alone or before some line ends only; ``has_long_line`` when a line is longer than ``max_record``. A line
    may still be no record: blank, or part of a quoted field.
    """

    path: Path
    plain: Path
    sha256: str
    size: int
    lines: int
    is_utf8: bool
    has_quotes: bool
    has_nul: bool
    has_nan: bool
    has_one_end: bool
    has_long_line: bool = False
    max_record: int = MAX_RECORD

    @property
    def may_be_read_fast(self) -> bool:
        """True when DuckDB's strict reader may try the file."""
        return self.is_utf8 and not self.has_nul and self.has_one_end and not self.has_long_line


def scan(path: Path, name: str, unpacked: Path, limits: Limits | None = None) -> Scan:
    """Reads ``path`` once; a ``.gz`` named so by ``name`` is unpacked into ``unpacked``.

    InputError when it is damaged or, unpacked, larger than allowed; reading stops there.
    """
    limits = limits or Limits()
    digest, counter = hashlib.sha256(), _Counter(limits.record)
    with open(path, "rb", buffering=0) as source:
        if name.endswith(".gz"):
            with open(unpacked, "wb", buffering=0) as target:
                for chunk in _unpack(source, digest.update, name):
                    _check_size(counter.size + len(chunk), name, limits)
                    target.write(chunk)
                    counter.add(chunk)
        else:
            while chunk := source.read(CHUNK):
                _check_size(counter.size + len(chunk), name, limits)
                digest.update(chunk)
                counter.add(chunk)
    counter.finish()
    return Scan(
        path=path,
        plain=unpacked if name.endswith(".gz") else path,
        sha256=digest.hexdigest(),
        size=counter.size,
        lines=counter.newlines + (counter.size > 0 and counter.last != b"\n"),
        is_utf8=counter.is_utf8,
        has_quotes=counter.has_quotes,
        has_nul=counter.has_nul,
        has_nan=counter.has_nan,
        has_one_end=counter.returns in (0, counter.newlines) and counter.returns == counter.pairs,
        has_long_line=counter.has_long_line,
        max_record=limits.record,
    )


def _check_size(size: int, name: str, limits: Limits) -> None:
    if size > limits.file:
        raise InputError(
            f"{name} holds more than {limits.file / 2**30:.4g} GB, the limit for a file; cut it into parts (<name>-1.csv, <name>-2.csv) "
            "or raise CAREMETRIX_MAX_FILE_GB."
        )


def sha256_of(path: Path) -> str:
    """The hash alone, 64 hexadecimal digits."""
    with open(path, "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _unpack(source: BinaryIO, seen: Callable[[bytes], None], name: str) -> Iterator[bytes]:
    """Plain chunks of a gzip file with one or more members; InputError when it ends early or is damaged."""
    member, started, done = zlib.decompressobj(_GZIP), False, False
    try:
        while data := source.read(CHUNK):
            seen(data)
            while data:
                if done:
                    member, done = zlib.decompressobj(_GZIP), False
                started = True
                yield member.decompress(data, CHUNK)
                done = member.eof
                data = member.unused_data if done else member.unconsumed_tail
    except zlib.error as error:
        raise InputError(f"{name} is not a whole gzip file ({error}); copy it again.") from error
    if not started or not done:
        raise InputError(f"{name} is a gzip file that ends too early; copy it again.")


class _Counter:
    """Facts about the plain bytes, chunk by chunk."""

    def __init__(self, max_line: int) -> None:
        self.max_line, self.has_long_line, self._open = max_line, False, 0
        self.size = self.newlines = self.returns = self.pairs = 0
        self.is_utf8, self.has_quotes, self.has_nul, self.has_nan = True, False, False, False
        self.last = b""
        self._tail = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def add(self, chunk: bytes) -> None:
        if not chunk:
            return
        seam = self._tail + chunk[:2]
        self.size += len(chunk)
        self.newlines += chunk.count(b"\n")
        self.has_quotes = self.has_quotes or b'"' in chunk
        self.has_nul = self.has_nul or b"\0" in chunk
        self.has_nan = self.has_nan or bool(_NAN.search(chunk) or _NAN.search(seam))
        if b"\r" in chunk or b"\r" in self._tail:
            self.returns += chunk.count(b"\r")
            self.pairs += chunk.count(b"\r\n") + (self._tail[-1:] == b"\r" and chunk[:1] == b"\n")
        self._check_encoding(chunk)
        self._check_lines(chunk)
        self.last = chunk[-1:]
        self._tail = (self._tail + chunk)[-2:] if len(chunk) < 2 else chunk[-2:]

    def finish(self) -> None:
        if self._decoder is not None and self.is_utf8:
            self._check(b"", final=True)

    def _check_lines(self, chunk: bytes) -> None:
        """Looks for a line end in every stretch of the longest line, which is a few searches a chunk."""
        if self.has_long_line:
            return
        first = chunk.find(b"\n")
        if first < 0 or self._open + first > self.max_line:
            self._open += len(chunk)
            self.has_long_line = self._open > self.max_line
            return
        at = first + 1
        while len(chunk) - at > self.max_line:
            end = chunk.rfind(b"\n", at, at + self.max_line + 1)
            if end < 0:
                self.has_long_line = True
                return
            at = end + 1
        self._open = len(chunk) - chunk.rfind(b"\n") - 1

    def _check_encoding(self, chunk: bytes) -> None:
        if not self.is_utf8 or (self._decoder is None and chunk.isascii()):
            return
        self._check(chunk, final=False)
        if self._decoder is not None and self._decoder.getstate()[0] == b"":
            self._decoder = None  # nothing is pending: the next chunk may be looked at by itself

    def _check(self, chunk: bytes, final: bool) -> None:
        self._decoder = self._decoder or codecs.getincrementaldecoder("utf-8")()
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError:
            self.is_utf8 = False
