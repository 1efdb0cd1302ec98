"""The one daily partitions definition of a lake, in UTC. Its start is fixed once per lake."""

from datetime import date

import dagster as dg


def daily(start: date) -> dg.DailyPartitionsDefinition:
    """Days from the opening partition to today (``end_offset=1``: today's drop can run today)."""
    return dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC", end_offset=1)


def keys_of(context: dg.AssetExecutionContext) -> list[date]:
    """The dates the step was asked for, oldest first."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)
