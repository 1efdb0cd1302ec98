"""Time and peak memory of each mart: its newest day is built and checked anew, each mart in a process of its own.

Nothing is published: the lake stays as it is. Prints a table, decides nothing and is no test: python -m benchmarks.marts --lake LAKE.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from caremetrix_assets.audit.gx import warm_up
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.lake.state import TableState, load_built
from caremetrix_assets.settings import load_settings
from caremetrix_assets.steps.begin import begin_run
from caremetrix_assets.steps.table import build_table


class Built(NamedTuple):
    """One mart of one day: reading, query, writing and checks; ``peak_mb`` is that of the whole process, Python and libraries included."""

    mart: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


def build_here(lake: str, name: str) -> Built:
    """Builds the newest day of one mart in this process as if it had never been built; imports do not count."""
    settings = load_settings(lake=lake, restate_days=0)
    newest = load_built(open_lake(settings)).newest_date
    if newest is None:
        raise SystemExit(f"The lake {lake} holds nothing yet; `caremetrix run` builds it.")
    warm_up().join()
    context = begin_run(settings, "bench", [newest])
    context.remember(name, TableState())
    try:
        cpu = time.process_time()
        staged = build_table(context, context.table(name))
        cpu = time.process_time() - cpu
    finally:
        context.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Built(name, sum(p.rows for p in staged.partitions), staged.seconds, cpu, peak / 1e6)


def build_each(lake: Path) -> list[Built]:
    """Every mart in a process of its own, in the order of their names."""
    found = []
    for mart in sorted(table.name for table in load_catalog().layer("marts")):
        command = [sys.executable, "-m", "benchmarks.marts", "--lake", str(lake), "--mart", mart]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found.append(Built(**json.loads(ended.stdout.splitlines()[-1])))
    return found


def show(built: list[Built], title: str) -> None:
    """The table, slowest first, with the sum."""
    table = Table(title=title)
    for column in ("mart", "rows", "seconds", "CPU seconds", "peak MB"):
        table.add_column(column, justify="left" if column == "mart" else "right")
    for one in sorted(built, key=lambda b: -b.seconds):
        table.add_row(one.mart, f"{one.rows:,}", f"{one.seconds:.2f}", f"{one.cpu_seconds:.2f}", f"{one.peak_mb:,.0f}")
    seconds, cpu = sum(b.seconds for b in built), sum(b.cpu_seconds for b in built)
    table.add_section()
    peak = max((b.peak_mb for b in built), default=0.0)
    table.add_row("all", f"{sum(b.rows for b in built):,}", f"{seconds:.2f}", f"{cpu:.2f}", f"{peak:,.0f}")
    Console().print(table)


def main() -> None:
    """The command line: all marts of a lake as a table, or one of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=Path, required=True, help="a built lake; it is only read")
    parser.add_argument("--mart", help="this one alone, in this process, as JSON")
    arguments = parser.parse_args()
    if arguments.mart:
        print(json.dumps(build_here(str(arguments.lake), arguments.mart)._asdict()))
        return
    show(build_each(arguments.lake), f"Each mart for one new day of {arguments.lake}")


if __name__ == "__main__":
    main()
