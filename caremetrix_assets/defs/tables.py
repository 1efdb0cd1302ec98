"""Catalog to assets: one asset per table, its three checks, its metadata. What a step does is in ``steps/``."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from caremetrix_assets.audit.model import Group
from caremetrix_assets.audit.results import summaries
from caremetrix_assets.catalog.lineage import column_lineage
from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.defs.failures import told_without_values
from caremetrix_assets.defs.partitions import keys_of
from caremetrix_assets.defs.progress import tell
from caremetrix_assets.defs.resources import LakeResource
from caremetrix_assets.defs.shown import records, run_metadata
from caremetrix_assets.steps.build import build
from caremetrix_assets.steps.publish import publish
from caremetrix_assets.steps.staged import Staged

GROUPS: dict[Group, bool] = {"contract": True, "integrity": True, "watch": False}
LEDGER_KEY, APPLIED_KEY = dg.AssetKey(["ops", "drop_ledger"]), dg.AssetKey(["ops", "applied"])
# Infrastructure only: data errors are raised as failures that Dagster does not retry.
RETRY = dg.RetryPolicy(max_retries=2, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def asset_key(table: Table) -> dg.AssetKey:
    """``[layer, table]``."""
    return dg.AssetKey([table.layer, table.name])


def table_assets(catalog: Catalog, partitions: dg.PartitionsDefinition, engine: str = "duckdb") -> list[dg.AssetsDefinition]:
    """One asset per table of the catalog; ``engine`` runs the SELECTs, and DuckDB replays the raw tables."""
    return [_table_asset(catalog, t, partitions, "duckdb" if t.layer == "raw" else engine) for t in catalog.tables.values()]


def _deps(catalog: Catalog, table: Table) -> list[dg.AssetKey]:
    read = [asset_key(catalog.tables[name]) for name in table.after if name in catalog.tables]
    return [LEDGER_KEY, *read] if table.layer == "raw" else read


def _table_asset(catalog: Catalog, table: Table, partitions: dg.PartitionsDefinition, engine: str) -> dg.AssetsDefinition:
    key = asset_key(table)

    @dg.asset(
        key=key,
        deps=_deps(catalog, table),
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec(name, asset=key, blocking=blocks) for name, blocks in GROUPS.items()],
        description=_description(table),
        metadata=_definition_metadata(table),
        group_name=table.group,
        kinds={engine, "parquet"},
        owners=[f"team:{table.owner}"],
        code_version=table.definition,
        retry_policy=RETRY,
        io_manager_key="lake_io",
    )
    def build_asset(context: dg.AssetExecutionContext, lake: LakeResource) -> Iterator[Any]:
        run = lake.run_context(context.run, keys_of(context), context.retry_number + 1)
        with told_without_values(f"{table.name}: "):
            staged = build(run, table)
            tell(staged)
        found = summaries(staged.results)
        for group, blocks in GROUPS.items():
            yield _check_result(found.get(group, []), group, blocks)
        if staged.blocked is not None:
            for day in publish(staged):
                context.log_event(dg.AssetMaterialization(asset_key=key, partition=day.isoformat()))
            raise dg.Failure(_blocked_message(staged), allow_retries=False)
        yield dg.Output(staged, metadata={**run_metadata(staged), **_lineage_metadata(context.instance, catalog, table)})

    return build_asset


def _description(table: Table) -> str:
    warnings = "".join(f"\n- {w}" for w in table.warnings)
    return f"{table.doc}\n\nGrain: {table.grain}." + (f"\n\nMind:{warnings}" if warnings else "")


def _definition_metadata(table: Table) -> dict[str, Any]:
    columns = [dg.TableColumn(c.name, c.sql_type, c.doc, dg.TableColumnConstraints(nullable=not c.required)) for c in table.columns]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": table.name,
        "refresh": table.refresh,
        "sources": table.sources,
        "usage": dg.MetadataValue.md("\n\n".join(f"```sql\n{query}\n```" for query in table.usage)),
    }


def _lineage_metadata(instance: dg.DagsterInstance, catalog: Catalog, table: Table) -> dict[str, Any]:
    """Where each column's value comes from, as Dagster shows it beside the columns.

    An instance in memory ends with its run, so nobody could look it up there: a tenth of a run is spared.
    """
    if instance.is_ephemeral:
        return {}
    found = {
        column: [dg.TableColumnDep(asset_key(catalog.tables[name]), source) for name, source in sources if name in catalog.tables]
        for column, sources in column_lineage(catalog, table).items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage({c: deps for c, deps in found.items() if deps})} if found else {}


def _check_result(rules: list[dict[str, Any]], group: str, blocks: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=group,
        passed=all(rule["status"] == "passed" for rule in rules),
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata={"rules": records(rules)} if rules else {"note": "Nothing was rebuilt, so nothing was checked."},
    )


def _blocked_message(staged: Staged) -> str:
    return (
        f"{staged.table.name}: {', '.join(staged.blocking_rules)} failed for {staged.blocked}; nothing from that date on was published, "
        f"readers keep the last good data. See `caremetrix checks --table {staged.table.name}`."
    )
