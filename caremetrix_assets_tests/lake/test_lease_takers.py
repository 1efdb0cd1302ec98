"""Several takers of one lease, as threads and as processes."""

import logging
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake import lease as lease_module
from caremetrix_assets.lake.lease import Lease, is_gone, this_process
from caremetrix_assets.lake.storage import LocalStorage, Storage
from caremetrix_assets_tests.lake.test_lease import stands, written

Place = Callable[[], Storage]
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "POLL_SECONDS", 0.02)


def count_under_lease(place: Place, holder: str, times: int) -> None:
    """Counts in a way that loses numbers when two do it at once."""
    storage = place()
    for _ in range(times):
        with Lease(storage, holder) as lease:
            number = int(storage.read("count"))
            time.sleep(0.01)
            lease.check()
            storage.write("count", str(number + 1).encode())


def count_in_folder(root: Path, holder: str, times: int) -> None:
    logging.disable()
    lease_module.POLL_SECONDS = 0.02
    count_under_lease(lambda: LocalStorage(root), holder, times)


class TestTakers:
    def test_threads_take_turns(self, place: Place):
        place().write("count", b"0")
        threads = [threading.Thread(target=count_under_lease, args=(place, f"run {number}", 4)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert place().read("count") == b"16"

    def test_processes_take_turns(self, tmp_path: Path):
        LocalStorage(tmp_path).write("count", b"0")
        processes = [SPAWN.Process(target=count_in_folder, args=(tmp_path, f"run {number}", 8)) for number in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * 4
        assert LocalStorage(tmp_path).read("count") == b"32"

    def test_only_one_takes_over_what_a_killed_writer_left(self, place: Place):
        stands(place(), "killed", -lease_module.CLOCK_SECONDS - 1)
        taken: list[str] = []

        def take(number: int) -> None:
            lease = Lease(place(), f"run {number}", timeout_seconds=0)
            try:
                lease.acquire()
            except ServiceError:
                return
            taken.append(f"run {number}")

        threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert taken == [written(place())["holder"]]


def test_a_killed_holder_on_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    code = (
        "import sys, time; from caremetrix_assets.lake.lease import Lease; from caremetrix_assets.lake.storage import LocalStorage\n"
        "lease = Lease(LocalStorage(sys.argv[1]), 'run dead'); lease.acquire(); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(ServiceError, match="still being written by run dead"):
        Lease(LocalStorage(tmp_path), "run next", timeout_seconds=0).acquire()
    holder.kill()
    holder.communicate()
    with Lease(LocalStorage(tmp_path), "run next", timeout_seconds=0) as lease:
        lease.check()


def test_only_a_process_of_this_pid_namespace_can_be_gone() -> None:
    pid, started, namespace = this_process().split("/")
    assert not is_gone(this_process())
    assert is_gone(f"{pid}/{int(started) + 1}/{namespace}")
    assert not is_gone(f"{pid}/{int(started) + 1}/1")
    assert not is_gone("")
