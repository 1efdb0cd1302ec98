"""``caremetrix run`` over a folder: killed, without disk, without memory. A reader sees audited data only, the next run heals."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caremetrix_assets.lake.storage import LocalStorage
from caremetrix_assets_tests.failures.history import History, content, environment, few_command, reading, run_few


@pytest.fixture
def lake(history: History, tmp_path: Path) -> Path:
    """A lake that has the first drop, in a folder of its own."""
    return Path(shutil.copytree(history.lake, tmp_path / "lake" / "data"))


@pytest.fixture
def small_disk(history: History, tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """A lake that has the first drop on a disk with no room for the second one, and a way to give it room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this user may not mount a disk")
    try:
        shutil.copytree(history.lake, disk / "data")
        used = shutil.disk_usage(disk).used

        def resize(size: str) -> None:
            subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)

        resize(str(used + 64 * 1024))
        yield disk / "data", resize
    finally:
        subprocess.run(["umount", disk], check=True)


def published_since(lake: Path, before: dict[str, str]) -> int:
    """How many objects of the tables are new or changed."""
    now = content(LocalStorage(lake))
    return sum(value != before.get(key) for key, value in now.items() if not key.startswith("ops/"))


@pytest.mark.parametrize("objects", [1, 4])
def test_a_run_killed_while_it_publishes(history: History, lake: Path, tmp_path: Path, objects: int) -> None:
    env = environment(LAKE=str(lake))
    with reading(history, tmp_path, env):
        run = subprocess.Popen(few_command(lake, history.inbox), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while published_since(lake, history.before) < objects and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL, "the run ended before it was killed"
        assert content(LocalStorage(lake)) != history.after
        run_few(lake, history.inbox)
    assert content(LocalStorage(lake)) == history.after


def test_a_full_disk(history: History, small_disk: tuple[Path, Callable[[str], None]], tmp_path: Path) -> None:
    lake, resize = small_disk
    env = environment(LAKE=str(lake))
    with reading(history, tmp_path, env):
        said = run_few(lake, history.inbox, fails=True, TEMP_DIR=str(tmp_path / "work"))
        assert "the disk is full" in said, said
        resize("64m")
        run_few(lake, history.inbox, TEMP_DIR=str(tmp_path / "work"))
    assert content(LocalStorage(lake)) == history.after


def test_too_little_memory_for_the_engine(history: History, lake: Path, tmp_path: Path) -> None:
    with reading(history, tmp_path, environment(LAKE=str(lake))):
        said = run_few(lake, history.inbox, fails=True, MEMORY_LIMIT="1MB")
        assert "CAREMETRIX_MEMORY_LIMIT" in said, said
        run_few(lake, history.inbox)
    assert content(LocalStorage(lake)) == history.after
