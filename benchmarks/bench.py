"""Measures a first load, the next night's full export and a delta against plain DuckDB converting the same CSV files to Parquet.

Prints a table and keeps it as JSON; decides nothing and is no test. The drops come from ``make_drops.py``.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks import marts
from benchmarks.make_drops import ROOT, make_drops

CONVERT = """
import sys, time
from pathlib import Path
import duckdb
source, target = Path(sys.argv[1]), Path(sys.argv[2])
for path in sorted(source.glob("*.csv")):
    duckdb.execute(f"copy (select * from read_csv('{path}', header = true)) to '{target / path.stem}.parquet' (compression zstd)")
"""


class Measured(NamedTuple):
    """One measured command."""

    step: str
    rows: int
    seconds: float
    peak_mb: float
    exit_code: int


def tree_memory(pid: int) -> int:
    """Resident bytes of a process and its descendants; 0 where there is no /proc or the process has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(tree_memory(int(child)) for child in children)


def measure(step: str, rows: int, command: list[str], log: Path) -> Measured:
    """Run a command to its end; its output goes to ``log``."""
    peak = 0
    ended = threading.Event()
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.1):
                peak = max(peak, tree_memory(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - started
        ended.set()
        watcher.join()
    return Measured(step, rows, seconds, peak / 1e6, code)


def rows_in(drop: Path) -> int:
    """Rows of a drop by its manifest."""
    return sum(entry["rows"] for entry in json.loads((drop / "manifest.json").read_text())["files"].values())


def bench(work: Path, drops: list[Path]) -> list[Measured]:
    """Plain conversion of the first drop, then a fresh lake fed drop by drop, then a run with nothing new."""
    for name in ("plain", "inbox", "lake"):
        shutil.rmtree(work / name, ignore_errors=True)
        (work / name).mkdir(parents=True)
    results = [
        measure(
            "plain DuckDB, full export",
            rows_in(drops[0]),
            [sys.executable, "-c", CONVERT, str(drops[0]), str(work / "plain")],
            work / "plain.log",
        )
    ]
    run = [str(Path(sys.executable).with_name("caremetrix")), "run", "--inbox", str(work / "inbox"), "--lake", str(work / "lake")]
    steps = [*zip(("first load", "next full export", "delta"), drops, strict=True), ("nothing new", None)]
    for step, drop in steps:
        print(f"Measuring: {step}", flush=True)
        if drop:
            shutil.copytree(drop, work / "inbox" / drop.name, copy_function=os.link)
        results.append(measure(step, rows_in(drop) if drop else 0, run, work / f"{step.replace(' ', '-')}.log"))
    return results


def show(results: list[Measured], megabytes: float) -> None:
    """The table; the ratio is to the plain conversion of the full export."""
    plain = results[0].seconds
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, DuckDB {version('duckdb')}, Dagster {version('dagster')}"
    table = Table(title=f"{megabytes:,.0f} MB of CSV on {machine}")
    for column in ("step", "rows of the drop", "seconds", "peak MB", "x plain", "exit"):
        table.add_column(column, justify="left" if column == "step" else "right")
    for one in results:
        table.add_row(
            one.step, f"{one.rows:,}", f"{one.seconds:.1f}", f"{one.peak_mb:,.0f}", f"{one.seconds / plain:.1f}", str(one.exit_code)
        )
    Console().print(table)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / ".caremetrix" / "bench", help="scratch folder: drops, lake, logs, results")
    parser.add_argument(
        "--rows", type=int, default=3_100_000, help="rows of the first drop, about; 3.1 million are 1,000 patients with ten years each"
    )
    parser.add_argument("--source", type=Path, default=ROOT / "sample_drops", help="a folder of sealed drops to copy from")
    arguments = parser.parse_args()
    drops = make_drops(arguments.work / "drops", arguments.rows, arguments.source)
    results = bench(arguments.work, drops)
    (arguments.work / "result.json").write_text(json.dumps([one._asdict() for one in results], indent=2))
    show(results, sum(path.stat().st_size for path in drops[0].glob("*.csv")) / 1e6)
    failed = [one.step for one in results if one.exit_code]
    if failed:
        print(f"Failed: {', '.join(failed)}; the logs are in {arguments.work}", file=sys.stderr)
        sys.exit(1)
    print("Measuring: each mart", flush=True)
    each = marts.build_each(arguments.work / "lake")
    (arguments.work / "marts.json").write_text(json.dumps([one._asdict() for one in each], indent=2))
    marts.show(each, "Each mart for one new day")


if __name__ == "__main__":
    main()
