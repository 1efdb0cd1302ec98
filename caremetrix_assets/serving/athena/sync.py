"""Makes the Glue catalog say what the contracts and the lake say: tables, changes in place, the pointers of dimensions.

Only what differs is called for, so a second sync changes nothing, and one that was interrupted is simply repeated.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, NamedTuple

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.serving.athena.compare import POINTER, differences, is_ours
from caremetrix_assets.serving.athena.definition import Definition, definitions, place_of
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets.settings import Settings

Action = Literal["created", "changed", "moved", "unchanged", "dropped", "removed", "refused"]


class Change(NamedTuple):
    """What became of one table. ``moved``: only its pointer; ``removed``: no longer in the catalog, still in Glue."""

    table: str
    action: Action
    detail: str = ""


def sync_lake(settings: Settings, *, drop_removed: bool = False) -> list[Change]:
    """Registers the settings' lake in the settings' database; UsageError for a folder in AWS, which could not read it."""
    if settings.is_local and settings.glue_endpoint is None:
        raise UsageError("Athena reads a lake in a bucket only: set CAREMETRIX_LAKE to s3://bucket/prefix, or pass --lake.")
    lake = Lake.open(settings)
    return sync(Glue.of(settings), definitions(lake.catalog, place_of(lake, settings)), drop_removed=drop_removed)


def sync(glue: Glue, wanted: list[Definition], *, drop_removed: bool = False) -> list[Change]:
    """Creates and changes tables and their database; tables of former contracts are dropped only when asked for.

    A table of one of our names that somebody else registered is refused, and everything else is done all the same.
    """
    found = glue.tables()
    if found is None:
        glue.create_database()
        found = {}
    changes = [_table(glue, one, found.get(one.name)) for one in wanted]
    for name in removed_tables(wanted, found):
        if drop_removed:
            glue.drop(name)
        changes.append(Change(name, "dropped" if drop_removed else "removed", "no contract has this name"))
    return changes


def removed_tables(wanted: list[Definition], found: dict[str, dict[str, Any]]) -> list[str]:
    """Tables registered from here whose contract is gone."""
    return sorted(name for name, table in found.items() if is_ours(table) and name not in {one.name for one in wanted})


def summary_of(changes: list[Change]) -> str:
    """``3 created, 1 moved, 76 unchanged``."""
    counted = Counter(change.action for change in changes)
    return ", ".join(f"{counted[action]} {action}" for action in Action.__args__ if counted[action])  # type: ignore[attr-defined]


def _table(glue: Glue, wanted: Definition, found: dict[str, Any] | None) -> Change:
    if found is None:
        glue.create(wanted)
        return Change(wanted.name, "created")
    if not is_ours(found):
        return Change(wanted.name, "refused", "a table of this name was registered by somebody else; drop it, or use another database")
    different = differences(wanted, found)
    if not different:
        return Change(wanted.name, "unchanged")
    moved = {d.kind for d in different} == {POINTER}
    glue.update(wanted, found, keep_version=not moved)
    return Change(wanted.name, "moved" if moved else "changed", "; ".join(f"{d.kind}: {d.detail}" for d in different))
