"""The slow, patient reader: splits any file into records and says what is wrong with each, with its exact line.

Used only for files that DuckDB's strict reader refuses or whose lines are not its records. Typing is ``typing_sql``.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from caremetrix_assets.errors import InputError
from caremetrix_assets.sources.scan import MAX_RECORD, Scan

BOM = b"\xef\xbb\xbf"
# A quoted field may run over line ends; a quote that stays open for longer than this was not meant as one.
MAX_RECORD_LINES = 50

RAGGED_ROW = "ragged_row"
NOT_UTF8 = "not_utf8"
NUL_BYTE = "nul_byte"
OPEN_QUOTE = "unterminated_quote"
STRAY_QUOTE = "stray_quote"
TOO_LONG = "too_long"
# What is kept of a record that is too long: enough to know it by.
SHOWN_BYTES = 1_000
MAX_HEADER = 1 << 16


class _Cut(bytes):
    """The beginning of a line that is longer than a record may be."""


@dataclass(frozen=True)
class Record:
    """One record after the header. ``line`` counts from 1 with the header as 1; ``fields`` is empty when ``rule`` is set."""

    line: int
    fields: list[str]
    rule: str | None
    text: str


def records(path: Path, width: int, max_record: int = MAX_RECORD) -> Iterator[Record]:
    """All records of a plain file in file order; ``width`` is the header's number of fields. Blank lines are no records.

    A record that is not ``width`` fields of UTF-8 text carries the rule it breaks and its text, undecodable bytes
    spelled out. An open quote costs its own line only. Of a line longer than ``max_record`` bytes the beginning is kept.
    """
    with open(path, "rb", buffering=1 << 20) as source:
        lines = _Lines(source, max_record)
        lines.next()
        while (line := lines.next()) is not None:
            if line.strip(b"\r\n"):
                yield _record(lines, line, width)


def original_texts(path: Path, width: int, wanted: Collection[int], by_line: bool, max_record: int = MAX_RECORD) -> dict[int, str]:
    """The text of the records that start at the ``wanted`` lines; ``by_line`` when every line is one record."""
    if by_line:
        with open(path, "rb") as source:
            found = ((number, line) for number, line in enumerate(source, 1) if number in wanted)
            return {number: _text(line) for number, line in found}
    return {r.line: r.text for r in records(path, width, max_record) if r.line in wanted}


def header_line(source: IO[bytes], name: str) -> bytes:
    """The first line of an open file; InputError when it is longer than any header."""
    line = source.readline(MAX_HEADER + 1)
    if len(line) > MAX_HEADER:
        raise InputError(f"{name}: the first line is longer than {MAX_HEADER} bytes, so it is no header.")
    return line


def header_fields(line: bytes) -> list[str] | None:
    """The names in a header line, without byte order mark and outer blanks; None for no byte.

    Undecodable bytes are spelled out, so such a name matches no column.
    """
    if not line:
        return None
    names = next(csv.reader([_text(line.removeprefix(BOM))]), None) or [""]
    return [name.strip() for name in names]


def count_records(found: Scan) -> int:
    """Data records of a scanned CSV, as a manifest counts them: header and blank lines left out."""
    with open(found.plain, "rb") as source:
        fields = header_fields(header_line(source, found.path.name))
    if fields is None:
        return 0
    if found.has_quotes or found.has_long_line:
        return sum(1 for _ in records(found.plain, len(fields), found.max_record))
    with open(found.plain, "rb") as source:
        source.readline()
        return sum(1 for line in source if line.strip(b"\r\n"))


class _Lines:
    """Physical lines with a number, and the power to step back."""

    def __init__(self, source: BinaryIO, longest: int) -> None:
        self._source = source
        self.longest = longest
        self._back: list[bytes] = []
        self.number = 0

    def next(self) -> bytes | None:
        line = self._back.pop() if self._back else self._read()
        if not line:
            return None
        self.number += 1
        return line

    def _read(self) -> bytes:
        line = self._source.readline(self.longest + 1)
        if len(line) <= self.longest or line.endswith(b"\n"):
            return line
        while (rest := self._source.readline(self.longest)) and not rest.endswith(b"\n"):
            pass
        return _Cut(line[:SHOWN_BYTES])

    def put_back(self, lines: list[bytes]) -> None:
        self._back.extend(reversed(lines))
        self.number -= len(lines)


def _record(lines: _Lines, line: bytes, width: int) -> Record:
    start = lines.number
    bad = _bytes_rule(line)
    if bad is not None:
        return Record(start, [], bad, _text(line))
    if b'"' not in line:
        return _checked(start, line.decode().rstrip("\r\n").split(","), line, width)
    taken: list[bytes] = []
    size = len(line)
    while True:
        whole = line + b"".join(taken)
        fields, rule = _split(whole.decode())
        if rule != OPEN_QUOTE:
            break
        more = lines.next() if len(taken) < MAX_RECORD_LINES else None
        size += len(more or b"")
        if more is None or size > lines.longest or _bytes_rule(more) is not None:
            if more is not None:
                taken.append(more)
            lines.put_back(taken)
            return Record(start, [], OPEN_QUOTE, _text(line))
        taken.append(more)
    if taken and (rule is not None or len(fields) != width):  # the quote closed somewhere by accident
        lines.put_back(taken)
        return Record(start, [], OPEN_QUOTE, _text(line))
    if rule is not None:
        return Record(start, [], rule, _text(line))
    return _checked(start, fields, whole, width)


def _split(text: str) -> tuple[list[str], str | None]:
    try:
        return next(csv.reader([text], strict=True)), None
    except csv.Error as error:
        if "field larger" in str(error):  # of the quoted fields of a damaged file Python reads 128 KB at most
            return [], TOO_LONG
        return [], OPEN_QUOTE if "unexpected end" in str(error) else STRAY_QUOTE


def _checked(start: int, fields: list[str], whole: bytes, width: int) -> Record:
    if len(fields) != width:
        return Record(start, [], RAGGED_ROW, _text(whole))
    return Record(start, fields, None, _text(whole))


def _bytes_rule(line: bytes) -> str | None:
    if isinstance(line, _Cut):
        return TOO_LONG
    if b"\0" in line:
        return NUL_BYTE
    if line.isascii():
        return None
    try:
        line.decode()
    except UnicodeDecodeError:
        return NOT_UTF8
    return None


def _text(line: bytes) -> str:
    """A line as text that any Parquet reader takes: undecodable bytes and NUL spelled out, no line end."""
    return line.decode("utf-8", "backslashreplace").replace("\0", "\\x00").rstrip("\r\n")
