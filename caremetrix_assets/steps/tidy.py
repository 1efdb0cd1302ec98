"""Working folders that killed processes left: finding and removing them. What the lake holds is ``vacuum``."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

CACHE = "cache"  # downloads of a bucket's objects look after themselves
_OF_A_PROCESS = re.compile(r".+-(?P<pid>\d+)")


def stale_work(work_dir: Path, older_than_hours: float) -> list[Path]:
    """What stands in the working folder, belongs to no process that lives here, and was not touched for that long."""
    if not work_dir.is_dir():
        return []
    limit = time.time() - older_than_hours * 3600
    return sorted(e for e in work_dir.iterdir() if e.name != CACHE and not _lives(e) and _newest(e) <= limit)


def size_of(path: Path) -> int:
    """Bytes of a file or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(p.lstat().st_size for p in files if p.is_file())


def remove_all(paths: Iterable[Path]) -> None:
    """Removes files and folders; one that somebody else removes meanwhile is no matter."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _lives(entry: Path) -> bool:
    match = _OF_A_PROCESS.fullmatch(entry.name)
    if match is None:
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _newest(entry: Path) -> float:
    """When anything in it was last written."""
    times = [entry.lstat().st_mtime, *(p.lstat().st_mtime for p in entry.rglob("*"))] if entry.is_dir() else [entry.lstat().st_mtime]
    return max(times)
