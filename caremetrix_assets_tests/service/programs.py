"""Where the servers' programs are on this machine, and a process that is started again when it ends."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

RESTART_SECONDS = 1.0


def postgres_program(name: str) -> str:
    """The path of one of Postgres's programs: TEST_POSTGRES (its folder), the PATH, Debian's place; else the test is skipped."""
    folders = [os.environ.get("TEST_POSTGRES", ""), *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
    found = shutil.which(name, path=folders[0]) or shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        pytest.skip(f"no {name} on the PATH or in TEST_POSTGRES")
    return found


def object_store_program() -> str:
    """The path of versitygw; without it the test is skipped."""
    found = os.environ.get("TEST_S3_SERVER") or shutil.which("versitygw")
    if found is None:
        pytest.skip("no versitygw on the PATH or in TEST_S3_SERVER")
    return found


def database_user() -> str | None:
    """Postgres refuses to run as root: who runs it then."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Supervised:
    """One command under compose's restart policy ``unless-stopped``: whenever it ends, it is started again."""

    def __init__(self, command: list[str], env: Mapping[str, str], log: Path, user: str | None = None) -> None:
        self.command, self.env, self.log, self.user = command, dict(env), log, user
        self.starts = 0
        self._pause = RESTART_SECONDS
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Starts it and keeps it running."""
        self._launch()
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process id of the newest start."""
        assert self._process is not None
        return self._process.pid

    def kill(self, number: signal.Signals = signal.SIGKILL, *, whole: bool = False, away: float = RESTART_SECONDS) -> None:
        """Sends a signal, to its children too when ``whole`` (as when a container ends); it is back ``away`` seconds later."""
        self._pause = away
        process, starts = self._process, self.starts
        assert process is not None
        (os.killpg if whole else os.kill)(process.pid, number)
        process.wait(timeout=60)
        deadline = time.monotonic() + away + 60
        while self.starts == starts and time.monotonic() < deadline:
            time.sleep(0.05)
        self._pause = RESTART_SECONDS

    def stop(self) -> None:
        """Ends it and everything it started, for good."""
        self._stopped.set()
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(timeout=20)
        self._watcher.join(timeout=20)

    def _launch(self) -> None:
        with open(self.log, "ab") as sink:
            self._process = subprocess.Popen(
                self.command, env=self.env, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, user=self.user, start_new_session=True
            )
        self.starts += 1

    def _watch(self) -> None:
        while not self._stopped.is_set():
            assert self._process is not None
            self._process.wait()
            if self._stopped.wait(self._pause):
                return
            self._launch()
