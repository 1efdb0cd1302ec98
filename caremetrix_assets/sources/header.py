"""Binds the header of a file to the columns of its contract, by name and never by position."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from caremetrix_assets.catalog.models import Column
from caremetrix_assets.errors import InputError
from caremetrix_assets.sources.contracts import RawFile
from caremetrix_assets.sources.records import header_fields, header_line


@dataclass(frozen=True)
class Bound:
    """A contract column found in a file: at which place of the header, and under which of its accepted names."""

    column: Column
    place: int
    header: str


@dataclass(frozen=True)
class Binding:
    """What a header holds: bound columns in contract order, the names nobody knows, and the number of its fields."""

    bound: tuple[Bound, ...]
    unknown: tuple[str, ...]
    width: int

    @property
    def names(self) -> tuple[str, ...]:
        """Contract columns the file has."""
        return tuple(b.column.name for b in self.bound)

    def of(self, name: str) -> Bound | None:
        """The binding of a contract column; None when the file lacks it."""
        return next((b for b in self.bound if b.column.name == name), None)


def bind(file: RawFile, fields: list[str], where: str) -> Binding:
    """The binding of a header; names are compared without regard to upper and lower case.

    InputError naming ``where`` (the file) and the column when a name stands twice or a needed column is missing. A
    name of a headerless file is somebody's data, so messages quote names of the contract only.
    """
    names = [field.upper() for field in fields]
    doubled = sorted(name for name, n in Counter(names).items() if n > 1 and name)
    bound, taken = [], set()
    for column in file.columns:
        header = next((h for h in column.header_names if h in names), None)
        if header in doubled:
            raise InputError(f"{where}: the header names column {header} more than once.")
        if header is not None:
            bound.append(Bound(column, names.index(header), header))
            taken.add(header)
    missing = [c for c in file.needed if c.name not in {b.column.name for b in bound}]
    if missing:
        wanted = ", ".join(" or ".join(c.header_names) for c in missing)
        raise InputError(f"{where}: the header lacks the required column{'s' if len(missing) > 1 else ''} {wanted}.")
    if doubled:
        raise InputError(f"{where}: the header has a column name more than once.")
    unknown = tuple(f or "(blank)" for f, name in zip(fields, names, strict=True) if name not in taken)
    return Binding(tuple(bound), unknown, len(fields))


def header_of(path: Path, name: str) -> list[str] | None:
    """The header's fields of a plain or packed CSV; None for a file without a byte. InputError when it cannot be unpacked."""
    if not name.endswith(".gz"):
        with open(path, "rb") as plain:
            return header_fields(header_line(plain, name))
    try:
        with gzip.open(path, "rb") as source:
            return header_fields(header_line(cast("IO[bytes]", source), name))
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is not a whole gzip file; copy it again.") from error


def check_parts(file: RawFile, bindings: Mapping[str, Binding | None]) -> tuple[list[str], list[str]]:
    """Problems and warnings of the headers of one file, whole or in parts; None stands for a part without a byte."""
    bound = {name: binding for name, binding in bindings.items() if binding is not None}
    first, problems, warnings = next(iter(bound), ""), [], []
    for name, binding in bound.items():
        if {b.header for b in binding.bound} != {b.header for b in bound[first].bound}:
            problems.append(f"{name}: its header is not that of {first}; the parts of a file have one header.")
        if binding.unknown:
            warnings.append(f"{name}: no known release has the columns {', '.join(binding.unknown)}; they are not read.")
    for name in bindings.keys() - bound.keys():
        if not bound and file.source.required:
            problems.append(f"{name} is empty, without even a header; the file is required.")
        else:
            warnings.append(f"{name} is empty; read as without rows.")
    return problems, warnings
