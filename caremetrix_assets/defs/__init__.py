"""Everything Dagster and nothing else: assets, checks, IO manager, resources, partitions, jobs, schedule, sensor."""

import warnings
from datetime import date
from typing import Any

import dagster as dg

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.defs.alerts import failed_runs, freshness_check, table_freshness
from caremetrix_assets.defs.automation import everything, marts, new_drops, nightly_refresh
from caremetrix_assets.defs.io_manager import LakeIOManager
from caremetrix_assets.defs.ops import ops_assets
from caremetrix_assets.defs.partitions import daily
from caremetrix_assets.defs.resources import LakeResource
from caremetrix_assets.defs.tables import table_assets
from caremetrix_assets.settings import load_settings

# The parameter is marked beta, the policy is not; a warning per table says nothing to a user.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")


def build_definitions(start: date, overrides: dict[str, Any] | None = None) -> dg.Definitions:
    """All definitions of a lake whose opening partition is ``start``; opens no connection.

    ``overrides`` are settings by name that win over the environment.
    """
    catalog, partitions, chosen = load_catalog(), daily(start), overrides or {}
    settings = load_settings(**chosen)
    return dg.Definitions(
        assets=[
            *ops_assets(catalog, partitions, in_athena=settings.registers_tables),
            *table_assets(catalog, partitions, settings.engine),
        ],
        jobs=[everything, marts],
        schedules=[nightly_refresh],
        sensors=[new_drops, table_freshness, failed_runs],
        asset_checks=[freshness_check],
        resources={"lake": LakeResource(overrides=chosen), "lake_io": LakeIOManager(overrides=chosen)},
        executor=dg.in_process_executor,
    )
