"""Progress of a run on the terminal, and the summary at its end."""

from __future__ import annotations

from collections import Counter
from datetime import date
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from caremetrix_assets.catalog.load import TABLES, load_catalog, read_yaml
from caremetrix_assets.cli.output import OPTIONS, err, is_terminal, note
from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.lake.state import load_table
from caremetrix_assets.serving.query import query
from caremetrix_assets.settings import Settings
from caremetrix_assets.steps.staged import Staged

HEADLINES = TABLES / "headlines.yml"


class Progress:
    """Hears of finished tables; draws a bar on a terminal, writes a plain line per table otherwise."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.done = 0
        self.total = len(load_catalog().tables)
        self._bar: RichProgress | None = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        from caremetrix_assets.defs.progress import LISTENERS, WAITERS

        LISTENERS.append(self.heard)
        WAITERS.append(note)
        if is_terminal():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = RichProgress(*columns, console=err, transient=True)
            self._task = self._bar.add_task("starting", total=self.total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        from caremetrix_assets.defs.progress import LISTENERS, WAITERS

        LISTENERS.remove(self.heard)
        WAITERS.remove(note)
        if self._bar:
            self._bar.stop()
            self._bar = None

    def heard(self, staged: Staged) -> None:
        """One table is staged and audited."""
        self.done += 1
        self.statuses.update(r.status for r in staged.results)
        if self._bar:
            self._bar.update(self._task, advance=1, description=staged.table.name)
        elif not OPTIONS.as_json:
            note(f"{staged.table.name}: {len(staged.partitions)} partitions new, {staged.rows} rows, {staged.seconds:.1f} s")


def summary(settings: Settings, day: date, seconds: float, progress: Progress, *, ok: bool) -> dict[str, Any]:
    """What a run came to: tables, rows, checks, seconds, headline numbers, where to look next; ``text`` for people."""
    lake = Lake.open(settings)
    states = {name: load_table(lake.storage, name) for name in lake.catalog.tables}
    built = [s for s in states.values() if s.partitions]
    rows = sum(p.rows for s in built for p in s.partitions.values())
    found = progress.statuses
    document: dict[str, Any] = {
        "date": day,
        "tables": len(built),
        "rows": rows,
        "checks": {s: found.get(s, 0) for s in ("passed", "warned", "failed", "error", "not_applicable")},
        "seconds": round(seconds, 1),
        "headlines": headlines(lake),
        "lake": lake.url,
    }
    text = _text(document, sum(len(s.extra.get("stale", [])) for s in built)) if ok else _failed(document)
    return {**document, "text": text}


def headlines(lake: Lake) -> dict[str, Any]:
    """The headline numbers of ``tables/headlines.yml``; a number whose table is not built yet is left out."""
    result: dict[str, Any] = {}
    for item in read_yaml(HEADLINES)["numbers"]:
        try:
            values = query(lake, item["sql"]).to_pylist()
        except CaremetrixError:
            continue
        if values:
            result[item["title"]] = next(iter(values[0].values()))
    return result


def _failed(document: dict[str, Any]) -> str:
    checks = document["checks"]
    return (
        f"[bold]Not finished[/] after {document['seconds']} s; readers keep the last good data, and the next run goes on from there. "
        f"Checks: {checks['passed']:,} passed, {checks['failed'] + checks['error']:,} failed."
    )


def _text(document: dict[str, Any], stale: int) -> str:
    checks = document["checks"]
    failed = checks["failed"] + checks["error"]
    lines = [
        f"[bold]Built to {document['date']}[/]: {document['tables']} tables, {document['rows']:,} rows, in {document['seconds']} s.",
        f"Checks: {checks['passed']:,} passed, {checks['warned']:,} warned, {failed:,} failed, "
        f"{checks['not_applicable']:,} not applicable.",
        *(f"{title}: {value:,}" for title, value in document["headlines"].items() if value is not None),
    ]
    if stale:
        lines.append("Older partitions are stale: `caremetrix run --restate` rebuilds them, `caremetrix tables` lists them.")
    option = f" --lake {document['lake']}"
    example = read_yaml(HEADLINES)["example"]
    lines += [
        f"Next: caremetrix tables{option}",
        f"      caremetrix checks{option} --status warned",
        f'      caremetrix query{option} "{example}"',
    ]
    return "\n".join(lines)
