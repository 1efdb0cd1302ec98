"""What a step has made and not yet shown to anybody: staged files, audit results, the state to save after publishing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from caremetrix_assets.audit.changes import Change
from caremetrix_assets.audit.environment import Metric
from caremetrix_assets.audit.model import RuleResult
from caremetrix_assets.catalog.models import Table
from caremetrix_assets.lake.state import TableState
from caremetrix_assets.steps.context import RunContext


@dataclass(frozen=True)
class StagedPartition:
    """One audited file waiting to be published."""

    day: date
    path: Path
    rows: int
    row_hash: str
    sha256: str
    fingerprint: str


@dataclass
class Staged:
    """The result of a step. ``partitions`` are to be published oldest first; ``blocked`` is the first date that failed.

    ``fingerprint`` and ``extra`` go into the table's state once everything is published.
    """

    context: RunContext
    table: Table
    state: TableState
    partitions: list[StagedPartition] = field(default_factory=list)
    removed: list[date] = field(default_factory=list)
    refreshed: dict[date, str] = field(default_factory=dict)
    results: list[RuleResult] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    stale: list[date] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    fingerprint: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    blocked: date | None = None
    blocking_rules: tuple[str, ...] = ()
    seconds: float = 0.0
    grade: str | None = None
    preview: list[dict[str, str]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of the table after this step, over all partitions."""
        changed = {p.day.isoformat(): p.rows for p in self.partitions}
        kept = {d: p.rows for d, p in self.state.partitions.items() if d not in {r.isoformat() for r in self.removed}}
        return sum({**kept, **changed}.values())
