"""Whether what a contract says under ``narrow`` can be: tables and columns it names, and a query that asks for no day."""

from __future__ import annotations

from collections.abc import Mapping

from caremetrix_assets.catalog.models import Table
from caremetrix_assets.errors import UsageError


def check_narrow(tables: Mapping[str, Table]) -> None:
    """Raises UsageError naming file, table and column of the first mistake."""
    for table in tables.values():
        plan = table.narrow
        if plan is None:
            continue
        where = f"{table.name}.yml: narrow"
        if not table.by_event_date or table.asks_for_newest or "drop_ledger" in table.upstream:
            raise UsageError(f"{where}: only a fact or event dimension whose query asks for no date of the run can be computed in part.")
        if not table.has(plan.own):
            raise UsageError(f"{where}: own names column {plan.own!r}, which the table does not have.")
        driving = tables.get(plan.driving)
        if driving is None or plan.driving not in table.upstream or table.read_mode(driving) != "state":
            raise UsageError(f"{where}: driving names {plan.driving!r}, which is no raw table that {table.name}.sql reads.")
        for key, via in {f"{plan.driving}.{plan.by}": plan.by, **plan.found_by}.items():
            name, _, column = key.partition(".")
            if name not in tables or name not in table.upstream or not tables[name].has(column):
                raise UsageError(f"{where}: {key} is no column of a table that {table.name}.sql reads.")
            if not driving.has(via):
                raise UsageError(f"{where}: {key} is found by {via!r}, which is no column of {plan.driving}.")
