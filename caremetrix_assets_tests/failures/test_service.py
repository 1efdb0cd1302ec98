"""The whole service, with one part killed or taken away in the middle of a run: it comes to rest with the bytes of an undisturbed run.

Minutes: ``make failures``. A reader in another process sees audited data only, through all of it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.s3 import S3Options, S3Storage
from caremetrix_assets.lake.storage import LocalStorage, Storage
from caremetrix_assets_tests.failures.history import FEW, FIRST, History, content, reading
from caremetrix_assets_tests.lake.conftest import s3_credentials
from caremetrix_assets_tests.service.stack import Stack

pytestmark = [pytest.mark.failures, pytest.mark.s3server, pytest.mark.timeout(1500)]
__all__ = ["s3_credentials"]
SETTLED_SECONDS = 900


def kill_worker(stack: Stack) -> None:
    for pid in stack.workers():
        os.kill(pid, signal.SIGKILL)


def kill_everything(stack: Stack) -> None:
    for name in ("code", "daemon", "postgres", "object-store"):
        stack.lose(name, whole=True)


FAULTS: dict[str, Callable[[Stack], None]] = {
    "run worker killed": kill_worker,
    "daemon killed": lambda stack: stack.lose("daemon"),
    "code server killed, its worker lives on": lambda stack: stack.lose("code"),
    "code server killed with its worker": lambda stack: stack.lose("code", whole=True),
    "database restarted": lambda stack: stack.lose("postgres", number=signal.SIGQUIT, away=5),
    "database away for half a minute": lambda stack: stack.lose("postgres", number=signal.SIGQUIT, away=30),
    "object store restarted": lambda stack: stack.lose("object-store"),
    "object store away for a minute": lambda stack: stack.lose("object-store", away=60),
    "everything killed": kill_everything,
}


@pytest.fixture
def stack(history: History) -> Iterator[Stack]:
    """The service over a bucket that holds the lake after the first drop."""
    with Stack(FIRST, FEW) as found:
        found.up("postgres", "object-store", "buckets")
        lake, local = lake_of(found), LocalStorage(history.lake)
        for info in local.list():
            lake.write(info.key, local.read(info.key))
        found.up("code", "webserver", "daemon")
        yield found


def lake_of(stack: Stack) -> Storage:
    options = S3Options(f"http://127.0.0.1:{stack.ports['object-store']}", "us-east-1", True, stack.root / "cache")
    return S3Storage("s3://caremetrix-lake", options)


def changed(lake: Storage, before: dict[str, str]) -> int:
    """How many objects of the tables are new or changed."""
    return sum(value != before.get(key) for key, value in content(lake).items() if not key.startswith("ops/"))


def is_settled(stack: Stack, lake: Storage, after: dict[str, str]) -> bool:
    """The lake is the undisturbed one, and nothing runs or waits any more."""
    statuses = stack.ui.statuses()
    try:
        same = content(lake) == after
    except ServiceError:
        return False
    return same and bool(statuses) and set(statuses) <= {"SUCCESS", "FAILURE", "CANCELED"} and "SUCCESS" in statuses


@pytest.mark.usefixtures("s3_credentials")
@pytest.mark.parametrize("fault", FAULTS)
def test_the_service_heals_itself(history: History, stack: Stack, tmp_path: Path, fault: str) -> None:
    lake = lake_of(stack)
    with reading(history, tmp_path, stack.env("code")):
        stack.do(["python", "/opt/caremetrix/store.py", "bring", str(history.inbox)], "sample")
        stack.until(lambda: changed(lake, history.before), "the run publishes", 300)
        assert content(lake) != history.after, "the run was over before it was disturbed"
        FAULTS[fault](stack)
        stack.until(lambda: is_settled(stack, lake, history.after), "the lake is that of an undisturbed run", SETTLED_SECONDS)
    stack.until(lambda: all(stack.is_healthy(name) for name in stack.running), "every service is healthy", 240)
