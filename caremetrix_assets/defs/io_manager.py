"""The IO manager: publishes what a step has staged and audited, and gives readers the partitions they ask for."""

from datetime import date
from typing import Any

import dagster as dg

from caremetrix_assets.lake.reader import Lake, LakeTable
from caremetrix_assets.settings import load_settings
from caremetrix_assets.steps.publish import publish
from caremetrix_assets.steps.staged import Staged


class LakeIOManager(dg.ConfigurableIOManager):
    """Writes tables of the catalog to the lake and reads them as pandas, Arrow or a handle, by annotation."""

    overrides: dict[str, Any] = {}

    def handle_output(self, context: dg.OutputContext, obj: Staged) -> None:
        """Publishes; dates other than the run's own are logged as materializations of their partitions."""
        if not isinstance(obj, Staged):
            raise dg.Failure("Only tables of the catalog are written to the lake.", allow_retries=False)
        own = set(context.asset_partition_keys)
        for day in publish(obj):
            if day.isoformat() not in own:
                context.log_event(dg.AssetMaterialization(asset_key=context.asset_key, partition=day.isoformat()))

    def load_input(self, context: dg.InputContext) -> Any:
        """The partitions of the asking run in one frame: ``pandas.DataFrame`` (default), ``pyarrow.Table`` or ``LakeTable``."""
        import pyarrow as pa  # with pandas half a second of every load of the definitions

        table = Lake.open(load_settings(**self.overrides)).table(context.asset_key.path[-1])
        wanted = context.dagster_type.typing_type
        if wanted is LakeTable:
            return table
        dates = [date.fromisoformat(key) for key in context.asset_partition_keys] if context.has_asset_partitions else None
        return table.to_arrow(dates=dates) if wanted is pa.Table else table.to_pandas(dates=dates)
