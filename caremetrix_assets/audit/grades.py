"""Grades of partitions, and the metrics kept for drift checks. One object per table and month, rows replaced by date.

Results themselves are ``results``; what is measured is ``metrics``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from caremetrix_assets.audit.environment import Environment, Metric
from caremetrix_assets.audit.metrics import measure
from caremetrix_assets.audit.model import AuditContext, RuleResult, Staged
from caremetrix_assets.audit.results import read_parquet, to_parquet
from caremetrix_assets.audit.rules_watch import LAST
from caremetrix_assets.catalog.models import Catalog, Table
from caremetrix_assets.lake.storage import Storage

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

GRADES = "ops/dq_grades"
METRICS = "ops/dq_metrics"
# highest share of warnings of each letter, in hundredths
LIMITS = (("A", 0), ("B", 10), ("C", 25))


class Grade(NamedTuple):
    """The letter of one partition of one table, and what it was made of."""

    table_name: str
    grade: str | None
    checks_applicable: int
    checks_not_applicable: int
    checks_warned: int
    checks_failed: int
    run_id: str
    partition_date: date


def grade(results: Iterable[RuleResult], run_id: str) -> list[Grade]:
    """A grade per table and date. ``F``: a blocking check failed or could not run; else by the share of warnings, checks
    in error included: ``A`` none, ``B`` up to 0.10, ``C`` up to 0.25, ``D`` above; None when nothing was applicable.
    """
    groups: dict[tuple[str, date], list[RuleResult]] = {}
    for r in results:
        groups.setdefault((r.table_name, r.partition_date), []).append(r)
    return [_grade(table, day, rows, run_id) for (table, day), rows in sorted(groups.items())]


def _grade(table: str, day: date, rows: Sequence[RuleResult], run_id: str) -> Grade:
    applicable = [r for r in rows if r.status != "not_applicable"]
    failed = sum(r.severity == "blocking" and r.status in ("failed", "error") for r in rows)
    warned = sum(r.severity == "warn" and r.status in ("warned", "error") for r in rows)
    letter: str | None = None
    if failed:
        letter = "F"
    elif applicable:
        letter = next((name for name, limit in LIMITS if 100 * warned <= limit * len(applicable)), "D")
    return Grade(table, letter, len(applicable), len(rows) - len(applicable), warned, failed, run_id, day)


def grade_schema() -> pa.Schema:
    """Columns of ``ops/dq_grades`` in order."""
    import pyarrow as pa

    counts = ("checks_applicable", "checks_not_applicable", "checks_warned", "checks_failed")
    columns = [("table_name", pa.string()), ("grade", pa.string()), *((c, pa.int32()) for c in counts)]
    return pa.schema([*columns, ("run_id", pa.string()), ("partition_date", pa.date32())])


def metric_schema() -> pa.Schema:
    """Columns of ``ops/dq_metrics`` in order."""
    import pyarrow as pa

    texts = ("table_name", "column_name", "metric", "category")
    return pa.schema([*((n, pa.string()) for n in texts), ("value", pa.float64()), ("partition_date", pa.date32())])


def collect_metrics(con: duckdb.DuckDBPyConnection, catalog: Catalog, table: Table, staged: Staged, context: AuditContext) -> list[Metric]:
    """Rows, null shares and headline rates of the staged dates; the connection is that of the audit."""
    return measure(Environment(con, catalog, table, staged, context))


def write_grades(storage: Storage, grades: Sequence[Grade]) -> None:
    """Keeps the grades, in place of earlier ones of the same table and date."""
    _replace(storage, GRADES, grade_schema(), [g._asdict() for g in grades])


def write_metrics(storage: Storage, metrics: Sequence[Metric]) -> None:
    """Keeps the metrics, in place of earlier ones of the same table and date."""
    _replace(storage, METRICS, metric_schema(), [m._asdict() for m in metrics])


def read_grades(storage: Storage, table: str | None = None) -> pa.Table:
    """The grades of one table, or of all."""
    return _read(storage, [i.key for i in storage.list(f"{GRADES}/{table}/" if table else f"{GRADES}/")], grade_schema())


def read_metrics(storage: Storage, table: str, first: date, last: date) -> pa.Table:
    """What drift checks of partitions ``first`` … ``last`` compare with: their metrics and those of the 14 dates before."""
    months = [i.key for i in storage.list(f"{METRICS}/{table}/") if i.key <= _key(METRICS, table, last)]
    chosen: list[str] = []
    earlier: set[date] = set()
    for key in reversed(months):
        if len(earlier) >= LAST:
            break
        chosen.insert(0, key)
        earlier |= {d for d in _read(storage, [key], metric_schema())["partition_date"].to_pylist() if d < first}
    return _read(storage, chosen, metric_schema())


def _key(prefix: str, table: str, day: date) -> str:
    return f"{prefix}/{table}/{day:%Y-%m}.parquet"


def _read(storage: Storage, keys: Sequence[str], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables([schema.empty_table(), *(read_parquet(storage, key, schema) for key in keys)])


def _replace(storage: Storage, prefix: str, schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> None:
    import pyarrow as pa

    by_key: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_key.setdefault(_key(prefix, row["table_name"], row["partition_date"]), []).append(row)
    for key, new in by_key.items():
        dates = {row["partition_date"] for row in new}
        kept = [r for r in _read(storage, [key], schema).to_pylist() if r["partition_date"] not in dates] if storage.exists(key) else []
        storage.write(key, to_parquet(pa.Table.from_pylist([*kept, *new], schema=schema)))
