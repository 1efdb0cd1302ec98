"""What nobody disturbed: a lake after its first drop, the same lake after the second, and every audited version of both.

Compared are all tables, the archive, the quarantine and what the lake knows of its tables. Not compared is the diary of
runs, which names them: ops/dq_results, ops/dq_grades, the ledger's counts of attempts, the lease, the inbox's memory.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.lake.objects import Storage
from caremetrix_assets.lake.storage import LocalStorage
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.failures.reader import SHOWN
from caremetrix_assets_tests.service.compose import ROOT
from caremetrix_assets_tests.sources.drops import minimal, write_files

FIRST, SECOND = "2025-01-31", "2025-02-01"
COMPARED = (*SHOWN, "quarantine/", "ops/drops/", "ops/state/", "ops/built.json", "ops/lake.json", "ops/stale/")
FEW = "caremetrix_assets_tests.failures.few_tables"


def content(storage: Storage) -> dict[str, str]:
    """sha256 by key of everything that must be the same whatever happened on the way."""
    return {i.key: hashlib.sha256(storage.read(i.key)).hexdigest() for prefix in COMPARED for i in storage.list(prefix)}


@dataclass(frozen=True)
class History:
    """``inbox`` holds both drops, ``lake`` the first one's tables; ``before`` and ``after`` what :func:`content` says of both states."""

    root: Path
    before: dict[str, str]
    after: dict[str, str]

    @property
    def inbox(self) -> Path:
        """Both drops."""
        return self.root / "inbox"

    @property
    def lake(self) -> Path:
        """The lake after the first drop."""
        return self.root / "first"

    def audited(self) -> dict[str, Any]:
        """What a reader may see, and what it must see from the beginning to the end."""
        shown = {key for key in {*self.before, *self.after} if key.startswith(SHOWN)}
        versions = {key: [s for s in (self.before.get(key), self.after.get(key)) if s] for key in sorted(shown)}
        return {"versions": versions, "there": sorted(key for key in shown if key in self.before and key in self.after)}


def make_history(root: Path) -> History:
    """Two small drops, applied one after the other by runs that nobody disturbs."""
    places = known_places(load_catalog())
    files = minimal()
    visit = str(files["encounters.csv"]).splitlines()
    write_files(root / "inbox" / FIRST, files)
    seal(root / "inbox" / FIRST, date.fromisoformat(FIRST), places)
    more = [visit[1].replace("e1", f"e{n}").replace("2025-01-02", f"2025-01-{n:02d}") for n in range(3, 9)]
    write_files(root / "inbox" / SECOND, {"encounters.csv": "\n".join([visit[0], *more, ""])})
    seal(root / "inbox" / SECOND, date.fromisoformat(SECOND), places, kind="delta")
    (root / "first-inbox").mkdir()
    (root / "first-inbox" / FIRST).symlink_to(root / "inbox" / FIRST)
    run_few(root / "first", root / "first-inbox")
    before = content(LocalStorage(root / "first"))
    subprocess.run(["cp", "-r", root / "first", root / "second"], check=True)
    run_few(root / "second", root / "inbox")
    after = content(LocalStorage(root / "second"))
    assert before != after
    return History(root, before, after)


def few_command(lake: Path, inbox: Path) -> list[str]:
    """``caremetrix run`` over few tables."""
    return [sys.executable, "-m", FEW, "run", "--lake", str(lake), "--inbox", str(inbox)]


def environment(**settings: str) -> dict[str, str]:
    """This process's environment, and settings by name without their prefix."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **{f"CAREMETRIX_{name}": value for name, value in settings.items()}}


def run_few(lake: Path, inbox: Path, *, fails: bool = False, **settings: str) -> str:
    """Runs to the end and returns what was said; asserts how it ended."""
    done = subprocess.run(
        few_command(lake, inbox), env=environment(**settings), capture_output=True, text=True, timeout=240, cwd=lake.parent
    )
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def reading(history: History, folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """A reader over the lake of ``env`` while inside; afterwards it must have seen nothing that no run audited."""
    audited, result = folder / "audited.json", folder / "seen.json"
    audited.write_text(json.dumps(history.audited()), "utf-8")
    words = [sys.executable, "-m", "caremetrix_assets_tests.failures.reader", str(audited), str(result)]
    process = subprocess.Popen(words, env=dict(env), stdin=subprocess.DEVNULL)
    try:
        _wait_for_rounds(result, 1, process)
        yield
        _wait_for_rounds(result, int(result.with_suffix(".json.rounds").read_text("utf-8") or 0) + 2, process)
    finally:
        result.with_suffix(".json.stop").touch()
        process.wait(timeout=120)
    seen = json.loads(result.read_text("utf-8"))
    assert seen["wrong"] == []
    assert seen["reads"] > len(history.audited()["there"])


def _wait_for_rounds(result: Path, rounds: int, process: subprocess.Popen[bytes]) -> None:
    deadline, counter = time.monotonic() + 120, result.with_suffix(".json.rounds")
    while not counter.exists() or int(counter.read_text("utf-8") or 0) < rounds:
        assert process.poll() is None, "the reader ended"
        assert time.monotonic() < deadline, "the reader does not read"
        time.sleep(0.02)
