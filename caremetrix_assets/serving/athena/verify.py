"""Compares the three places that say what a table is: its contract, the Glue catalog, the newest file in the lake."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow.parquet as pq

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.layout import object_key
from caremetrix_assets.lake.reader import Lake, LakeTable
from caremetrix_assets.lake.storage import MissingObject
from caremetrix_assets.serving.athena.compare import differences, is_ours
from caremetrix_assets.serving.athena.definition import Definition, definitions, place_of
from caremetrix_assets.serving.athena.glue import Glue
from caremetrix_assets.serving.athena.sync import removed_tables
from caremetrix_assets.settings import Settings


class Finding(NamedTuple):
    """A table that a reader in Athena would see wrong or not at all, and why."""

    table: str
    difference: str
    detail: str


def verify_lake(settings: Settings) -> list[Finding]:
    """All findings for the settings' lake and database, table by table; changes nothing."""
    lake = Lake.open(settings)
    wanted = definitions(lake.catalog, place_of(lake, settings))
    found = Glue.of(settings).tables()
    if found is None:
        return [Finding("", "missing database", f"there is no {settings.glue_database}; run `caremetrix athena sync`")]
    findings = [finding for one in wanted for finding in (*_registered(one, found.get(one.name)), *_file(lake.table(one.name)))]
    return findings + [Finding(name, "removed table", "no contract has this name") for name in removed_tables(wanted, found)]


def _registered(wanted: Definition, found: dict[str, Any] | None) -> list[Finding]:
    if found is None:
        return [Finding(wanted.name, "missing table", "it is not in Glue")]
    findings = [] if is_ours(found) else [Finding(wanted.name, "other table", "somebody else registered a table of this name")]
    return findings + [Finding(wanted.name, d.kind, d.detail) for d in differences(wanted, found)]


def _file(table: LakeTable) -> list[Finding]:
    """What Athena would read wrong: types of the newest file that are not the contract's, a pointer to nothing."""
    newest = table.newest()
    if newest is None:
        return []
    key = object_key(table.contract.layer, table.name, newest)
    try:
        schema = pq.read_schema(table.lake.storage.local_path(key))
    except MissingObject:
        return [Finding(table.name, "missing snapshot", f"the lake's pointer says {newest}, which is not there")]
    except pq.ArrowInvalid as error:
        raise ServiceError(f"{key} is not a readable Parquet file; run `caremetrix run` to publish it again.") from error
    ours = {f.name: f.type for f in table.schema()}
    theirs = {f.name: f.type for f in schema}
    said = [f"{name} is not in the file" for name in ours if name not in theirs]
    said += [f"{name} is in the file only" for name in theirs if name not in ours]
    said += [f"{name} is {theirs[name]} in the file" for name, kind in ours.items() if theirs.get(name, kind) != kind]
    return [Finding(table.name, "file columns", f"{'; '.join(said)} (partition {newest})")] if said else []
