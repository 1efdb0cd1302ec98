"""All rules of a table: what its contract implies, then its own ``checks``. Running them is ``evaluate``."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from caremetrix_assets.audit.model import Offenders, Rule
from caremetrix_assets.audit.rules_columns import column_rules
from caremetrix_assets.audit.rules_dims import dim_rules
from caremetrix_assets.audit.rules_facts import fact_rules
from caremetrix_assets.audit.rules_marts import mart_rules
from caremetrix_assets.audit.rules_raw import raw_rules
from caremetrix_assets.audit.rules_tables import table_rules
from caremetrix_assets.audit.rules_watch import watch_rules
from caremetrix_assets.catalog.load import GIVEN_RELATIONS
from caremetrix_assets.catalog.models import Catalog, SqlCheck, Table
from caremetrix_assets.catalog.sqltext import names_in

GIVEN = GIVEN_RELATIONS | {"dq_metrics"}


def rules_of(catalog: Catalog, table: Table) -> tuple[Rule, ...]:
    """The rules of ``table`` in the order of their results.

    A check in the contract replaces the generic rules of that name (``windows_monotone``, or one column's,
    ``value_in_range.lead_time_days``).
    """
    generic = [r for r in _generic(catalog, table) if r.name not in table.checks and r.check not in table.checks]
    return (*generic, *(_own(table, name, check) for name, check in table.checks.items()))


def _generic(catalog: Catalog, table: Table) -> Iterator[Rule]:
    yield from table_rules(catalog, table)
    yield from column_rules(table)
    if table.layer == "raw":
        yield from raw_rules(catalog, table)
    elif table.layer == "dims":
        yield from dim_rules(catalog, table)
    elif table.layer == "marts":
        yield from mart_rules(catalog, table)
    if table.by_event_date:
        yield from fact_rules(catalog, table)
    yield from watch_rules(catalog, table)


def _own(table: Table, name: str, check: SqlCheck) -> Rule:
    """A check of the contract; the relations that it names must be there for it to apply. A warning is always watched."""
    needs = names_in(check.sql) | (names_in(check.not_applicable_when) if check.not_applicable_when else frozenset())
    return Rule(
        name=name,
        check=name,
        group="watch" if check.severity == "warn" else check.group,
        severity=check.severity,
        threshold=Decimal(check.threshold),
        test=Offenders(check.sql, unless=check.not_applicable_when),
        needs=frozenset(needs - GIVEN - {table.name}),
    )
