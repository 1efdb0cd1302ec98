"""The glance at a summary mart: totals per period, nothing of a person, nothing where there is no single total."""

from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.steps.preview import preview

COLUMNS = {"period_grain": "text", "period_start": "date", "breakdown": "text", "provider_key": "key", "payer": "text", "visits": "int"}
TABLE = Table.model_construct(
    name="mart_small",
    columns=tuple(Column(name=n, type=t, doc="-", privacy="internal") for n, t in COLUMNS.items()),  # type: ignore[arg-type]
)


def staged(tmp_path: Path, *rows: str) -> list[dict[str, str]]:
    path = tmp_path / "mart.parquet"
    with duckdb.connect() as con:
        con.execute(f"copy (from (values {', '.join(rows)}) as t ({', '.join(COLUMNS)})) to '{path}' (format parquet)")
        return preview(con, TABLE, path)


def test_totals_stand_side_by_side_per_period(tmp_path: Path):
    day = "('day', date '2025-12-07', 'total', -3, 'all', 4)"
    month = "('month', date '2025-12-01', 'total', -3, 'all', 1234)"
    one = "('day', date '2025-12-07', 'provider', 77, 'all', 4)"
    assert staged(tmp_path, month, one, day) == [{"measure": "visits", "day": "4", "month": "1,234"}]


def test_several_totals_of_a_period_are_not_shown(tmp_path: Path):
    assert staged(tmp_path, *("('day', date '2025-12-07', 'total', -3, 'all', 4)",) * 2) == []
