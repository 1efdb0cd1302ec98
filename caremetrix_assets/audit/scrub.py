"""Takes keys of forgotten persons out of the kept check results: the one place outside the tables that names rows.

Results stay otherwise as they were; who is forgotten is told by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from caremetrix_assets.audit.results import RESULTS, read_parquet, result_schema, to_parquet
from caremetrix_assets.lake.storage import Storage

if TYPE_CHECKING:
    import pyarrow as pa


def tables_with_samples(storage: Storage) -> set[str]:
    """Names of the tables of which some result names keys."""
    found: set[str] = set()
    for _, rows in _objects(storage):
        found |= {row["table_name"] for row in rows.to_pylist() if row["sample_keys"]}
    return found


def scrub_samples(storage: Storage, ids: set[str], check: Callable[[], None] = lambda: None) -> int:
    """Removes from ``sample_keys`` every key with one of ``ids`` among its parts; how many results named one."""
    count = 0
    for key, rows in _objects(storage):
        records = rows.to_pylist()
        changed = 0
        for row in records:
            kept = " ".join(k for k in (row["sample_keys"] or "").split(" ") if not ids.intersection(k.split("|")))
            changed += kept != (row["sample_keys"] or "")
            row["sample_keys"] = kept if row["sample_keys"] is not None else None
        if changed:
            check()
            storage.write(key, to_parquet(_table(records)))
            count += changed
    return count


def _objects(storage: Storage) -> Iterator[tuple[str, pa.Table]]:
    for info in storage.list(f"{RESULTS}/"):
        yield info.key, read_parquet(storage, info.key, result_schema())


def _table(records: list[dict[str, object]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(records, schema=result_schema())
