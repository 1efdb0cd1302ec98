"""A run that is killed while it publishes: readers see whole partitions, the next run ends in the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from caremetrix_assets_tests.runs import FULL, Place

SELECTION = ("--select", "group:raw or group:dims or key:ops/drop_ledger")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run that nobody kills publishes."""
    straight = Place(tmp_path_factory.mktemp("straight"))
    straight.bring(FULL)
    straight.run(*SELECTION)
    return straight.published()


@pytest.mark.parametrize("objects", [3, 24, 34])
def test_a_killed_run_is_healed_by_the_next_one(place: Place, undisturbed: dict[str, str], objects: int) -> None:
    place.bring(FULL)
    command = [sys.executable, "-c", "from caremetrix_assets.cli import main; main()"]
    options = ["run", "--inbox", str(place.inbox), "--lake", str(place.lake), *SELECTION]
    run = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ})
    deadline = time.monotonic() + 240
    while len(place.published()) < objects and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, "the run ended before it was killed"
    for key in place.published():
        if key.endswith(".parquet"):
            assert pq.read_table(place.lake / key).num_rows > 0
    place.run(*SELECTION)
    assert place.published() == undisturbed
