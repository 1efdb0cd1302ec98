"""What differs between a table as it should be and as Glue describes it, in words. Both ``sync`` and ``verify`` ask here."""

from __future__ import annotations

from typing import Any, NamedTuple

from caremetrix_assets.serving.athena.definition import OWN_TABLE, AthenaColumn, Definition
from caremetrix_assets.serving.athena.glue import FORMAT, format_of, read_definition

POINTER = "pointer"


class Difference(NamedTuple):
    """One difference: of which kind, and what is there instead of what."""

    kind: str
    detail: str


def is_ours(found: dict[str, Any]) -> bool:
    """Whether the table was registered from here, by ``sync`` or by the DDL; anybody else's table is left alone."""
    return OWN_TABLE in (found.get("Parameters") or {})


def differences(wanted: Definition, found: dict[str, Any]) -> list[Difference]:
    """All differences, the ones that change results first; empty when the table is as it should be."""
    there = read_definition(found)
    asked = [
        _columns(wanted, there),
        _partition(wanted, there),
        _location(wanted, there),
        _format(found),
        _parameters(wanted, there),
        _comments(wanted, there),
    ]
    return [difference for difference in asked if difference]


def _columns(wanted: Definition, there: Definition) -> Difference | None:
    ours, theirs = _types(wanted.columns), _types(there.columns)
    if list(ours.items()) == list(theirs.items()):
        return None
    said = [f"{name} {kind} is missing" for name, kind in ours.items() if name not in theirs]
    said += [f"{name} is too many" for name in theirs if name not in ours]
    said += [f"{name} is {theirs[name]} instead of {kind}" for name, kind in ours.items() if theirs.get(name, kind) != kind]
    return Difference("columns", "; ".join(said) or "another order")


def _types(columns: tuple[AthenaColumn, ...]) -> dict[str, str]:
    return {c.name: c.type for c in columns}


def _partition(wanted: Definition, there: Definition) -> Difference | None:
    ours, theirs = (f"{c.name} {c.type}" if c else "no partitions" for c in (wanted.partition, there.partition))
    return None if ours == theirs else Difference("partitions", f"{theirs} instead of {ours}")


def _location(wanted: Definition, there: Definition) -> Difference | None:
    ours, theirs = wanted.location.rstrip("/"), there.location.rstrip("/")
    if ours == theirs:
        return None
    folder, _, day = ours.rpartition("/")
    if wanted.partition is None and theirs.rpartition("/")[0] == folder:
        return Difference(POINTER, f"{_day(theirs)} is shown instead of {_day(ours)}")
    return Difference("location", f"{theirs or 'nowhere'} instead of {ours}")


def _day(location: str) -> str:
    return location.rpartition("=")[2]


def _format(found: dict[str, Any]) -> Difference | None:
    wanted = format_of({"StorageDescriptor": FORMAT})
    there = format_of(found)
    return None if there == wanted else Difference("format", f"{there[1] or 'no reader'} instead of {wanted[1]}")


def _parameters(wanted: Definition, there: Definition) -> Difference | None:
    ours, theirs = wanted.parameters, there.parameters
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    said = [f"{name} is {theirs.get(name, 'not set')} instead of {ours.get(name, 'not set')}" for name in names]
    return Difference("parameters", "; ".join(said)) if said else None


def _comments(wanted: Definition, there: Definition) -> Difference | None:
    ours, theirs = _texts(wanted), _texts(there)
    changed = sorted(name for name, text in ours.items() if name in theirs and theirs[name] != text)
    return Difference("comments", f"other texts of {', '.join(changed)}") if changed else None


def _texts(definition: Definition) -> dict[str, str]:
    keys = (definition.partition,) if definition.partition else ()
    return {"the table": definition.comment, **{c.name: c.comment for c in (*definition.columns, *keys)}}
