"""``caremetrix vacuum``: removes what the lake no longer needs, folds old drops."""

from __future__ import annotations

from typing import Annotated

import typer

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.look import LakeOption
from caremetrix_assets.cli.output import OPTIONS, command, day_of, note, show
from caremetrix_assets.lake.lease import Lease
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.settings import load_settings


@command
def vacuum(
    fold_before: Annotated[
        str | None, typer.Option("--fold-before", help="Fold drops dated up to this day; they can then not be withdrawn, nor others come.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and leave it.")] = False,
    lake: LakeOption = None,
) -> None:
    """Removes stale staging and expired snapshots, folds old drops. Example: caremetrix vacuum --dry-run"""
    from caremetrix_assets.steps import vacuum as steps

    settings, catalog = load_settings(lake=lake), load_catalog()
    storage = open_lake(settings)
    until = day_of(fold_before, "--fold-before") if fold_before else None
    found = steps.plan(settings, storage, catalog, until)
    folded = found.fold
    if not dry_run:
        with Lease(storage, "caremetrix vacuum", on_wait=note) as lease:
            found = steps.vacuum(settings, storage, catalog, until, lease.check)
    found.fold = folded
    show(found.rows(), title="Would be removed" if dry_run else "Removed")
    if OPTIONS.as_json:
        return
    for name, objects in found.snapshots.items():
        note(f"{name}: {len(objects)} snapshots")
    for name in folded:
        note(f"{'would fold' if dry_run else 'folded'} {name}")
