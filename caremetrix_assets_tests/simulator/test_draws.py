"""Nothing depends on another patient, the order of lines, the number of threads or the reader's luck; the seed changes it all."""

import csv
import gzip
import random
import shutil
from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.simulator.feed import KEYS
from caremetrix_assets.simulator.run import Order, Workshop, simulate
from caremetrix_assets_tests.simulator.lab import FULL, SAMPLE, feed_of

PATIENT = {"patients": "Id", "encounters": "PATIENT", "procedures": "PATIENT", "claims": "PATIENTID", "claims_transactions": "PATIENTID"}
SHARED = ("organizations", "providers", "payers")


def rewritten(folder: Path, change) -> Path:
    """The sample's first drop with its rows passed through ``change(file, rows)``."""
    folder.mkdir()
    for file in (*PATIENT, *SHARED):
        with gzip.open(FULL / f"{file}.csv.gz", "rt", newline="") as source:
            header, *rows = csv.reader(source)
        with open(folder / f"{file}.csv", "w", newline="") as target:
            csv.writer(target, lineterminator="\n").writerows([header, *change(file, header, rows)])
    return folder


@pytest.fixture(scope="module")
def half(full_feed, tmp_path_factory):
    """Every second patient, and the feed that these have alone."""
    kept = {row["id"] for row in full_feed.sql("select id from state_patients order by id")[::2]}

    def of_patients(file, header, rows):
        place = header.index(PATIENT[file]) if file in PATIENT else None
        return [row for row in rows if place is None or row[place] in kept]

    return kept, feed_of(rewritten(tmp_path_factory.mktemp("half") / "2025-11-30", of_patients))


@pytest.mark.parametrize("file", KEYS)
def test_half_the_patients_have_their_rows_unchanged(full_feed, half, file):
    kept, alone = half
    together = full_feed.by_key(file)
    assert all(together[key] == row for key, row in alone.by_key(file).items())
    if "patient_id" in next(iter(together.values())):
        assert alone.by_key(file).keys() == {key for key, row in together.items() if row["patient_id"] in kept}
    else:
        assert file == "rooms" or 0 < len(alone.by_key(file)) < len(together)


def test_a_second_population_tells_alone_what_it_tells_among_the_others():
    newborns = SAMPLE / "2025-11-30-newborns"
    alone, together = feed_of(newborns), feed_of(FULL, newborns)
    own = {row["id"] for row in alone.sql("select id from state_patients")}
    assert own and own < {row["id"] for row in together.sql("select id from state_patients")}
    for file in KEYS:
        few, all_rows = alone.by_key(file), together.by_key(file)
        assert {key: all_rows.get(key) for key in few} == few, file
        if few and "patient_id" in next(iter(few.values())):
            assert few.keys() == {key for key, row in all_rows.items() if row["patient_id"] in own}, file


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "practice").iterdir())}


def simulated(folder: Path, work: Path, seed: int = 7, threads: int = 2) -> dict[str, bytes]:
    simulate(Order(folder, seed=seed), load_catalog(), Workshop(work, threads))
    return bytes_of(folder)


def test_shuffled_files_and_threads_give_the_same_bytes(tmp_path):
    lot = random.Random(1)
    plain = rewritten(tmp_path / "2025-11-30", lambda file, header, rows: rows)
    shuffled = rewritten(tmp_path / "2025-11-30-shuffled", lambda file, header, rows: lot.sample(rows, len(rows)))
    first = simulated(plain, tmp_path / "work")
    assert simulated(shuffled, tmp_path / "work", threads=1) == first
    shutil.rmtree(plain / "practice")
    assert simulated(plain, tmp_path / "work") == first


def test_another_seed_is_another_practice_with_the_same_visits(full_feed):
    other = feed_of(FULL, seed=8)
    mine, theirs = full_feed.by_key("appointments"), other.by_key("appointments")
    assert sum(mine[key] == theirs[key] for key in mine.keys() & theirs.keys()) < len(mine) / 50
    named = "select encounter_id from appointments where encounter_id is not null order by 1"
    assert full_feed.sql(named) == other.sql(named)
