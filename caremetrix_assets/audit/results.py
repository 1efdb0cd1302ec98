"""What an audit leaves behind: rows of ``ops/dq_results``, and the summaries that a Dagster check shows.

Results are only ever added: one Parquet object per run attempt and table. Grades and metrics are ``grades``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

from caremetrix_assets.audit.model import Group, RuleResult
from caremetrix_assets.audit.registry import CHECKS
from caremetrix_assets.lake.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa

RESULTS = "ops/dq_results"
WORST = ("failed", "error", "warned", "passed", "not_applicable")


def result_schema() -> pa.Schema:
    """Columns of ``ops/dq_results`` in order."""
    import pyarrow as pa

    texts = ("check_name", "layer", "table_name", "run_id")
    return pa.schema(
        [
            *((n, pa.string()) for n in texts),
            ("attempt", pa.int32()),
            *((n, pa.string()) for n in ("check_kind", "severity", "status", "reason")),
            ("rows_checked", pa.int64()),
            ("rows_failed", pa.int64()),
            ("threshold", pa.decimal128(9, 4)),
            ("sample_keys", pa.string()),
            ("seconds", pa.float64()),
            ("drop_ids", pa.string()),
            ("partition_date", pa.date32()),
        ]
    )


def write_results(
    storage: Storage,
    results: Sequence[RuleResult],
    *,
    run_id: str,
    attempt: int,
    newest: date,
    drop_ids: Mapping[date, Sequence[str]] | None = None,
) -> str | None:
    """Adds the results of one table in one attempt of a run; returns the object's key, None when there are none.

    ``newest`` is the newest date of the run, whose month is the folder. ``drop_ids`` are, by partition, the drops that
    made it stale, oldest first.
    """
    import pyarrow as pa

    if not results:
        return None
    stale = drop_ids or {}
    rows = [_row(r, run_id, attempt, stale.get(r.partition_date, ())) for r in results]
    key = f"{RESULTS}/{newest:%Y-%m}/{run_id}.{attempt}.{results[0].table_name}.parquet"
    storage.write(key, to_parquet(pa.Table.from_pylist(rows, schema=result_schema())))
    return key


def _row(result: RuleResult, run_id: str, attempt: int, drop_ids: Sequence[str]) -> dict[str, Any]:
    row = result._asdict()
    del row["group"]
    threshold = result.threshold.quantize(Decimal("0.0001"))
    return {**row, "run_id": run_id, "attempt": attempt, "threshold": threshold, "drop_ids": " ".join(drop_ids)}


def to_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a Parquet file."""
    import pyarrow.parquet as pq

    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read_results(
    storage: Storage,
    *,
    table: str | None = None,
    date: date | None = None,
    status: str | None = None,
    check: str | None = None,
    run_id: str | None = None,
) -> pa.Table:
    """All results, of all attempts, that match what is given; columns as ``result_schema``, empty when there are none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = []
    for info in storage.list(f"{RESULTS}/"):
        month, run, file_table = _parts(info.key)
        if (table and file_table != table) or (run_id and run != run_id) or (date and month < f"{date:%Y-%m}"):
            continue
        found.append(read_parquet(storage, info.key, result_schema()))
    rows = pa.concat_tables(found) if found else result_schema().empty_table()
    for column, wanted in (("partition_date", date), ("status", status), ("check_name", check)):
        if wanted is not None:
            rows = rows.filter(pc.equal(rows[column], wanted))
    return rows


def read_parquet(storage: Storage, key: str, schema: pa.Schema) -> pa.Table:
    """One object as a table of a schema."""
    import pyarrow.parquet as pq

    return pq.read_table(storage.local_path(key), partitioning=None).cast(schema)


def _parts(key: str) -> tuple[str, str, str]:
    """Month, run and table of an object's key."""
    _, _, month, file = key.split("/")
    run, _, table = file.removesuffix(".parquet").rsplit(".", 2)
    return month, run, table


def drop_result(check: str, table_name: str, drop_date: date, *, checked: int, failed: int, keys: Iterable[str] = ()) -> RuleResult:
    """A result about a drop as a whole (``drop_complete``, ``keys_redrawn``), from counts that the reader of drops has."""
    known = CHECKS[check]
    bad = Decimal(failed) > known.threshold * checked
    status = ("failed" if known.severity == "blocking" else "warned") if bad else "passed"
    shown = " ".join(keys) if bad else ""
    fixed = (known.group, known.severity, status, None, checked, failed, known.threshold, shown, 0.0, drop_date)
    return RuleResult(check, "drop", table_name, "sql", *fixed)  # type: ignore[arg-type]


def summaries(results: Iterable[RuleResult]) -> dict[Group, list[dict[str, Any]]]:
    """Per asset check (``contract``, ``integrity``, ``watch``) a row per rule: worst status, counts, failing dates.

    Rules that did not apply on any date are left out; a rule's counts are summed over its dates.
    """
    rules: dict[tuple[Group, str], list[RuleResult]] = {}
    for r in results:
        rules.setdefault((r.group, r.check_name), []).append(r)
    found: dict[Group, list[dict[str, Any]]] = {}
    for (group, name), rows in rules.items():
        status = min((r.status for r in rows), key=WORST.index)
        if status == "not_applicable":
            continue
        bad = [r for r in rows if r.status in ("failed", "error", "warned")]
        found.setdefault(group, []).append(
            {
                "rule": name,
                "status": status,
                "rows_checked": sum(r.rows_checked or 0 for r in rows),
                "rows_failed": sum(r.rows_failed or 0 for r in rows),
                "dates": ", ".join(r.partition_date.isoformat() for r in bad),
            }
        )
    return {g: sorted(rows, key=lambda row: WORST.index(row["status"])) for g, rows in found.items()}
