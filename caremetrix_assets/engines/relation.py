"""What a query reads of the lake, said once for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from caremetrix_assets.catalog.models import Table


@dataclass(frozen=True)
class LakeRelation:
    """A table as a query reads it: the objects of the partitions in sight, oldest first, local files that together hold the
    same rows, and whether they are a change log of which the query reads the newest state.
    """

    table: Table
    keys: tuple[str, ...]
    paths: tuple[Path, ...]
    is_log: bool = False
