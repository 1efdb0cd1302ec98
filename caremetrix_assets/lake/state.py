"""What the lake knows about itself in small JSON files: per table its partitions, what is built, the start date.

Plain values in, plain values out; nothing here decides what is stale. What lives elsewhere: the drop ledger and
``dq_results`` (tables of their own), the lease (``lease``).
"""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from caremetrix_assets.errors import ServiceError, UsageError
from caremetrix_assets.lake.layout import BUILT_KEY, LAKE_KEY, state_key
from caremetrix_assets.lake.storage import Conflict, MissingObject, Storage


@dataclass(frozen=True)
class PartitionState:
    """One published partition: its rows, the hash of its rows, its file's sha256, and what it was computed from."""

    rows: int
    row_hash: str
    sha256: str
    fingerprint: str


@dataclass
class TableState:
    """One table: definition hash, fingerprint of its inputs, partitions by ISO date (``2025-01-31``), free extras (JSON)."""

    definition: str = ""
    fingerprint: str = ""
    partitions: dict[str, PartitionState] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class BuiltState:
    """The lake as a whole: newest date every table is built to (None: nothing yet) and free extras (JSON)."""

    newest_date: date | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def load_table(storage: Storage, table: str) -> TableState:
    """The state of a table; an empty one when it was never built. ServiceError when the file is damaged."""
    key = state_key(table)
    document = _read_json(storage, key)
    if document is None:
        return TableState()
    try:
        partitions = {str(date.fromisoformat(day)): PartitionState(**values) for day, values in document.pop("partitions").items()}
        return TableState(partitions=partitions, **document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _damaged(storage, key) from error


def save_table(storage: Storage, table: str, state: TableState) -> None:
    """Replaces the state of a table; the same state gives the same bytes."""
    _write_json(storage, state_key(table), asdict(state))


def load_built(storage: Storage) -> BuiltState:
    """What is built; an empty state for a new lake. ServiceError when the file is damaged."""
    document = _read_json(storage, BUILT_KEY)
    if document is None:
        return BuiltState()
    try:
        newest = document["newest_date"]
        return BuiltState(None if newest is None else date.fromisoformat(newest), dict(document["extra"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(storage, BUILT_KEY) from error


def save_built(storage: Storage, state: BuiltState) -> None:
    """Replaces what is built; the same state gives the same bytes."""
    newest = None if state.newest_date is None else state.newest_date.isoformat()
    _write_json(storage, BUILT_KEY, {"newest_date": newest, "extra": state.extra})


def read_start_date(storage: Storage) -> date | None:
    """The opening partition fixed for this lake; None for a new lake."""
    document = _read_json(storage, LAKE_KEY)
    if document is None:
        return None
    try:
        return date.fromisoformat(document["start_date"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(storage, LAKE_KEY) from error


def fix_start_date(storage: Storage, start: date) -> date:
    """Fixes the lake's start date if it has none yet and returns it; UsageError when it has another one."""
    fixed = read_start_date(storage)
    if fixed is None:
        try:
            _write_json(storage, LAKE_KEY, {"start_date": start.isoformat()}, if_absent=True)
        except Conflict:  # another process was first, or this write's answer was lost: what stands there decides
            pass
        fixed = read_start_date(storage)
    if fixed != start:
        raise UsageError(f"The lake {storage.url} starts on {fixed}, not on {start}: leave CAREMETRIX_START_DATE away or use a new lake.")
    return start


def _read_json(storage: Storage, key: str) -> dict[str, Any] | None:
    try:
        document = json.loads(storage.read(key))
    except MissingObject:
        return None
    except ValueError as error:
        raise _damaged(storage, key) from error
    if not isinstance(document, dict):
        raise _damaged(storage, key)
    return document


def _write_json(storage: Storage, key: str, document: dict[str, Any], *, if_absent: bool = False) -> None:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    storage.write(key, text.encode() + b"\n", if_absent=if_absent)


def _damaged(storage: Storage, key: str) -> ServiceError:
    return ServiceError(f"{key} in the lake {storage.url} is damaged: restore it from a backup, or start a new lake from the drops.")
