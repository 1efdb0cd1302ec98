"""What a run came to, table by table: kept on the run while it goes on, shown at its end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from caremetrix_assets.audit.changes import ROWS

if TYPE_CHECKING:
    from caremetrix_assets.steps.staged import Staged


@dataclass
class Tally:
    """One table: partitions shown anew, rows that differ, results of checks by status, stale days left, seconds."""

    partitions: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    stale: int = 0
    seconds: float = 0.0


def tally(staged: Staged, shown: int) -> Tally:
    """What one step came to; ``shown`` is the number of partitions published or removed."""
    rows: Counter[str] = Counter()
    for change in staged.changes:
        for name in ROWS:
            rows[name] += getattr(change, name) or 0
    return Tally(shown, rows, Counter(r.status for r in staged.results), len(staged.stale), staged.seconds)


def summary(tallies: dict[str, Tally]) -> dict[str, Any]:
    """The run as a whole: numbers of tables, partitions, rows and checks, and a sentence that says them."""
    rows = sum((t.rows for t in tallies.values()), Counter())
    checks = sum((t.checks for t in tallies.values()), Counter())
    changed = sum(t.partitions > 0 for t in tallies.values())
    partitions = sum(t.partitions for t in tallies.values())
    found: dict[str, Any] = {"tables": len(tallies), "tables_changed": changed, "partitions_published": partitions}
    found |= {name: rows[name] for name in ROWS}
    found |= {f"checks_{s}": checks[s] for s in ("passed", "warned", "failed", "error")}
    found["seconds"] = round(sum(t.seconds for t in tallies.values()), 1)
    text = f"{changed} of {len(tallies)} tables changed in {partitions} partitions: {rows[ROWS[0]]} rows added, {rows[ROWS[1]]} changed, "
    text += f"{rows[ROWS[2]]} removed; checks: {checks['passed']} passed, {checks['warned']} warned."
    return {**found, "summary": text}


def by_table(tallies: dict[str, Tally]) -> list[dict[str, Any]]:
    """Tables that changed or warn, as records for a table."""
    return [
        {"table": name, "partitions": t.partitions, **{n: t.rows[n] for n in ROWS}, "warned": t.checks["warned"], "stale_days": t.stale}
        for name, t in tallies.items()
        if t.partitions or t.checks["warned"] or t.stale
    ]
