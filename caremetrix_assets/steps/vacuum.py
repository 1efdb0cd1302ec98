"""What a lake no longer needs: finding it and removing it. Readers are not disturbed, and a run afterwards changes nothing.

Snapshots: a table's state forgets them first, then their objects go, so a killed vacuum leaves objects that the next one
finds. Working folders are ``tidy``, the archive is ``sources/fold``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.lake.objects import ObjectInfo
from caremetrix_assets.lake.reader import partitions_of
from caremetrix_assets.lake.state import load_built, load_table, save_table
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings
from caremetrix_assets.sources import fold as folding
from caremetrix_assets.sources.base import Base
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.steps.retention import EXPIRED_TO, expired_to, is_month_end
from caremetrix_assets.steps.tidy import remove_all, size_of, stale_work

# A run takes six hours at most before Dagster ends it.
STALE_HOURS = 24.0


@dataclass
class Plan:
    """What would go: working folders, snapshots by table, archive objects, drops to fold."""

    folders: list[Path] = field(default_factory=list)
    snapshots: dict[str, dict[date, ObjectInfo]] = field(default_factory=dict)
    leftovers: list[ObjectInfo] = field(default_factory=list)
    fold: list[str] = field(default_factory=list)

    def rows(self) -> list[dict[str, object]]:
        """One line per kind, for people and programs."""
        snapshots = [info for infos in self.snapshots.values() for info in infos.values()]
        return [
            {"what": "stale working folders", "count": len(self.folders), "bytes": sum(map(size_of, self.folders))},
            {"what": "expired snapshots", "count": len(snapshots), "bytes": sum(i.size for i in snapshots)},
            {"what": "archive objects nobody needs", "count": len(self.leftovers), "bytes": sum(i.size for i in self.leftovers)},
            {"what": "drops to fold", "count": len(self.fold), "bytes": None},
        ]


def plan(settings: Settings, storage: Storage, catalog: Catalog, fold_before: date | None = None) -> Plan:
    """Looks and changes nothing."""
    found = Plan(folders=stale_work(settings.work_dir, STALE_HOURS))
    newest, ledger = load_built(storage).newest_date, Ledger.load(storage)
    if newest is not None:
        last = expired_to(newest, settings.snapshot_retention_days)
        for table in (t for t in catalog.tables.values() if t.dimension == "entity"):
            old = _expired(storage, table, last)
            if old:
                found.snapshots[table.name] = old
    found.leftovers = list(folding.leftovers(storage, ledger))
    if fold_before is not None:
        base = Base.load(storage)
        folded = base.drop_ids if base else ()
        found.fold = [e.name for e in folding.to_fold(ledger, fold_before) if e.drop_id not in folded]
    return found


def vacuum(
    settings: Settings, storage: Storage, catalog: Catalog, fold_before: date | None = None, check: Callable[[], None] = lambda: None
) -> Plan:
    """Removes what :func:`plan` finds and says what it was. Needs the lake's lease, whose ``check`` it calls before it writes."""
    if fold_before is not None:
        folding.fold(storage, Ledger.load(storage), fold_before, settings.work_dir, settings.threads, settings.duckdb_memory, check)
    found = plan(settings, storage, catalog)
    newest = load_built(storage).newest_date
    for name, objects in found.snapshots.items():
        check()
        state = load_table(storage, name)
        kept = {day: part for day, part in state.partitions.items() if date.fromisoformat(day) not in objects}
        last = expired_to(newest, settings.snapshot_retention_days).isoformat() if newest else ""
        extra = {**state.extra, EXPIRED_TO: max(last, state.extra.get(EXPIRED_TO, ""))}
        save_table(storage, name, replace(state, partitions=kept, extra=extra))
        for info in objects.values():
            storage.delete(info.key)
    for info in found.leftovers:
        check()
        storage.delete(info.key)
    remove_all(found.folders)
    storage.sweep(STALE_HOURS)
    return found


def _expired(storage: Storage, table: Table, last: date) -> dict[date, ObjectInfo]:
    """Snapshots up to ``last`` that are no month end; never the newest of the table."""
    found = partitions_of(storage, table)
    newest = max(found, default=None)
    return {day: info for day, info in found.items() if day <= last and day != newest and not is_month_end(day)}
