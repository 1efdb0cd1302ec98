"""Where Spark finds the lake's objects and leaves its rows.

Executors of this machine, or of a cluster that mounts the lake's folder, use files: the published objects themselves and
the run's working folder. A cluster over a bucket uses the bucket, through Hadoop's ``s3a``: results wait under
``ops/spark/`` until the step has fetched and removed them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from caremetrix_assets.engines.relation import LakeRelation
from caremetrix_assets.lake.storage import Storage

SCRATCH = "ops/spark"


class Places:
    """The files of one table's query."""

    def __init__(self, storage: Storage, work_dir: Path, table: str, is_local: bool) -> None:
        """``is_local``: whether the executors see this machine's files."""
        self._storage = storage
        self._folder = work_dir / "spark" / table
        self._in_bucket = storage.url.startswith("s3://") and not is_local
        self._prefix = f"{SCRATCH}/{work_dir.name}/{table}"

    def rows(self, relation: LakeRelation) -> list[str]:
        """What holds the rows of ``relation``, as Spark names it."""
        return [self._url(key) for key in relation.keys] if self._in_bucket else [_uri(path) for path in relation.paths]

    def written(self, name: str) -> str:
        """Where rows called ``name`` are written."""
        return self._url(f"{self._prefix}/{name}") if self._in_bucket else _uri(self._folder / name)

    def fetched(self, name: str) -> list[Path]:
        """The Parquet files written as ``name``, on this machine."""
        if not self._in_bucket:
            return sorted((self._folder / name).glob("*.parquet"))
        found = self._storage.list(f"{self._prefix}/{name}/")
        return [self._storage.local_path(i.key, i.etag) for i in found if i.key.endswith(".parquet")]

    def clear(self) -> None:
        """Removes what was written."""
        if not self._in_bucket:
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for info in self._storage.list(f"{self._prefix}/"):
            self._storage.delete(info.key)

    def _url(self, key: str) -> str:
        return f"s3a://{self._storage.url.removeprefix('s3://')}/{key}"


def _uri(path: Path) -> str:
    """A file's address; not quoted as in the web (``=`` stays), for Hadoop takes it literally."""
    return f"file://{path.resolve()}"
