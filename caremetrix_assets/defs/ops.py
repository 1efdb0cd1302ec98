"""The assets around the tables: ``ops/drop_ledger`` takes new drops in, ``ops/applied`` closes the run, and where a
Glue catalog is configured ``ops/athena`` shows its result there.
"""

from collections import Counter

import dagster as dg

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.defs.failures import told_without_values
from caremetrix_assets.defs.partitions import keys_of
from caremetrix_assets.defs.resources import LakeResource
from caremetrix_assets.defs.shown import drops_metadata, records
from caremetrix_assets.defs.tables import APPLIED_KEY, LEDGER_KEY, RETRY, asset_key
from caremetrix_assets.serving.athena.sync import sync_lake
from caremetrix_assets.serving.webhook import notify
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets.steps.ingest import finish, take_in
from caremetrix_assets.steps.tally import by_table, summary

REJECTED_TODO = "The tables are as they were. Mend the folder and it is looked at again; `caremetrix drop check FOLDER` says what is wrong."


def ops_assets(catalog: Catalog, partitions: dg.PartitionsDefinition, *, in_athena: bool) -> list[dg.AssetsDefinition]:
    """The ledger in front of all tables and the closing step behind them; ``in_athena``: and the registration after it."""
    around = [_drop_ledger(partitions), _applied(catalog, partitions)]
    return [*around, _athena(partitions)] if in_athena else around


def _drop_ledger(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        key=LEDGER_KEY,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ops_drops",  # not with what comes after the tables: the groups of the graph would form a circle
        kinds={"duckdb", "parquet"},
        owners=["team:data-team"],
        retry_policy=RETRY,
        description="Verifies, types and archives the drops waiting in the inbox; one row per drop ever seen.",
    )
    def drop_ledger(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        run = lake.run_context(context.run, keys_of(context), context.retry_number + 1)
        with told_without_values():
            report = take_in(run, progress=context.log.info)
        for rejected in report.rejected:
            what = f"Drop {rejected.name} was rejected: {str(rejected.reason).rstrip('.')}."
            context.log.warning(what)
            told = notify(lake.settings(), "drop_rejected", what, REJECTED_TODO, drop=rejected.name, run_id=context.run.run_id)
            if told:
                context.log.warning(told)
        lake.refresh_drops()
        metadata = {"drops_accepted": len(report.accepted), "drops_rejected": len(report.rejected), "rows_in": report.rows_in}
        return dg.MaterializeResult(metadata={**metadata, **drops_metadata(Ledger.load(run.storage).history())})

    return drop_ledger


def _applied(catalog: Catalog, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        key=APPLIED_KEY,
        deps=[asset_key(table) for table in catalog.tables.values()],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ops",
        kinds={"parquet"},
        owners=["team:data-team"],
        retry_policy=RETRY,
        description="Closes a run that built every table: the accepted drops count as applied, what stays stale is recorded.",
    )
    def applied(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        run = lake.run_context(context.run, keys_of(context), context.retry_number + 1)
        found = {**finish(run), **summary(run.tallies)}
        context.log.info(found["summary"])
        changed = {"by_table": records(by_table(run.tallies))} if by_table(run.tallies) else {}
        return dg.MaterializeResult(metadata={**{k: v for k, v in found.items() if v is not None}, **changed})

    return applied


def _athena(partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey(["ops", "athena"]),
        deps=[APPLIED_KEY],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="ops",
        kinds={"glue"},
        owners=["team:data-team"],
        retry_policy=RETRY,
        description="Registers new and changed tables in the Glue catalog and moves entity dimensions to their newest snapshot.",
    )
    def athena(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        with told_without_values():
            changes = sync_lake(lake.settings())
        for change in changes:
            if change.action in ("removed", "refused"):
                context.log.warning(f"{change.table} was {change.action}: {change.detail}")
        counted = Counter(change.action for change in changes)
        return dg.MaterializeResult(metadata={f"tables_{action}": count for action, count in sorted(counted.items())})

    return athena
