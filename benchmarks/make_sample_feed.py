"""Makes the practice part of the sample drops anew: ``python -m benchmarks.make_sample_feed [FOLDER]``.

Each folder gets what the practice simulator makes for it, with the drops before it as history: all rows with the full
drop, what is new or changed with the deltas. The manifests are written again, so the drops get new ids; Synthea's files
stay as they are. Run it after a change of the simulator or of its defaults, and commit what it changed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.simulator.run import Order, Workshop, simulate
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.inbox import PRACTICE
from caremetrix_assets.sources.manifest import MANIFEST, Manifest, parse_manifest
from caremetrix_assets.sources.seal import seal
from caremetrix_assets.sources.simulated import SIMULATION

SAMPLE = Path(__file__).parent.parent / "sample_drops"


def main(sample: Path) -> None:
    """Makes the feed of every drop in ``sample``, oldest first; one folder after the other is replaced when it is complete."""
    catalog, done = load_catalog(), list[Path]()
    for folder in _in_order(sample):
        with TemporaryDirectory(dir=sample.parent, prefix=".sample-") as work:
            print(f"{folder.relative_to(sample)}: {_renew(folder, done, Path(work), catalog):,} rows")
        done.append(folder)


def _in_order(sample: Path) -> list[Path]:
    folders = [path.parent for path in sample.rglob(MANIFEST)]
    if not folders:
        sys.exit(f"{sample} holds no drop.")
    return sorted(folders, key=lambda f: (_manifest(f).drop_date, _manifest(f).sequence, f.name))


def _manifest(folder: Path) -> Manifest:
    return parse_manifest((folder / MANIFEST).read_bytes(), folder.name)


def _renew(folder: Path, history: list[Path], work: Path, catalog: Catalog) -> int:
    """Simulates a copy of the drop without its practice part, seals it as the drop is sealed, and puts it in place."""
    head, copy = _manifest(folder), work / folder.name
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(MANIFEST, PRACTICE))
    order = Order(copy, history, drop_date=head.drop_date, kind=head.kind)
    rows = simulate(order, catalog, Workshop(work / "work"), pack=True).rows
    dates = {"history_start": head.history_start}
    seal(copy, head.drop_date, known_places(catalog), head.kind, head.producer, head.sequence, deletes=head.deletes, **dates)
    (copy / PRACTICE / SIMULATION).unlink()
    if not any((copy / PRACTICE).iterdir()):
        (copy / PRACTICE).rmdir()
    shutil.rmtree(folder)
    shutil.move(copy, folder)
    return sum(rows.values())


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else SAMPLE)
