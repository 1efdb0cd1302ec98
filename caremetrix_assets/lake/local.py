"""Objects in a local folder: a write is a temporary file, fsync, rename, fsync of the folder.

What lives elsewhere: the interface and the rules for keys (``objects``), the same over a bucket (``s3``).
"""

import errno
import fcntl
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake.objects import Conflict, MissingObject, ObjectInfo, check_conditions, check_key, check_prefix

TEMP_PREFIX = ".tmp-"

_NO_LOCKS = "its file system cannot lock; use a folder on a local disk, or a bucket"
_ADVICE = {
    errno.ENOSPC: "the disk is full; free space there or name another folder",
    errno.EDQUOT: "the disk quota is used up; free space there or name another folder",
    errno.EROFS: "the disk is read-only; name another folder",
    errno.EACCES: "this user has no permission; change the folder's permissions or name another folder",
    errno.EPERM: "this user has no permission; change the folder's permissions or name another folder",
    errno.ENOTDIR: "a file stands where a folder is needed; move it away or name another folder",
    errno.EEXIST: "a file stands where a folder is needed; move it away or name another folder",
    errno.ENOLCK: _NO_LOCKS,  # network file systems lock files only, and not always
    errno.EBADF: _NO_LOCKS,
    errno.EISDIR: "a folder stands where a file is needed; move it away",
}


class LocalStorage:
    """A folder. An etag is size and modification time; conditions hold between all processes of one machine."""

    def __init__(self, root: str | Path) -> None:
        """Names the folder; it need not exist before the first write."""
        self.root = Path(root).expanduser().absolute()
        self.url = str(self.root)

    def __repr__(self) -> str:
        return f"LocalStorage({self.url!r})"

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See :meth:`Storage.list`. Links to folders are followed."""
        folder = check_prefix(prefix).rpartition("/")[0]
        with explained("listed", self.root / folder):
            if self.root.exists() and not self.root.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.url)
            entries = _walk(self.root / folder, f"{folder}/" if folder else "", ())
            return sorted(
                ObjectInfo(key, found.st_size, _etag(found))
                for key, found in entries
                if key.startswith(prefix) and not key.rpartition("/")[2].startswith(".")
            )

    def info(self, key: str) -> ObjectInfo | None:
        """See :meth:`Storage.info`."""
        path = self._path(key)
        with explained("read", path):
            found = _stat_file(path)
        return None if found is None else ObjectInfo(key, found.st_size, _etag(found))

    def exists(self, key: str) -> bool:
        """See :meth:`Storage.exists`."""
        return self.info(key) is not None

    def read(self, key: str) -> bytes:
        """See :meth:`Storage.read`."""
        path = self._path(key)
        with explained("read", path):
            if _stat_file(path) is not None:
                try:
                    return path.read_bytes()
                except FileNotFoundError:  # removed since the line above
                    pass
        raise MissingObject(f"{path} is not there.")

    def local_path(self, key: str, etag: str | None = None) -> Path:
        """See :meth:`Storage.local_path`: the file itself."""
        info = self.info(key)
        if info is None:
            raise MissingObject(f"{self._path(key)} is not there.")
        if etag is not None and info.etag != etag:
            raise Conflict(f"{self._path(key)} was replaced while it was in use; run again.")
        return self._path(key)

    def write(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """See :meth:`Storage.write`."""
        check_conditions(if_absent, if_match)
        path = self._path(key)
        with explained("written", path):
            _make_folder(path.parent)
            with temporary_file(path.parent) as temp:
                with open(temp, "xb") as file:
                    file.write(data)
                    os.fsync(file.fileno())
                if not if_absent and if_match is None:
                    return _publish(temp, path)
                with _locked(path.parent):
                    found = _stat_file(path)
                    if (found is None) != if_absent or (found is not None and _etag(found) != if_match):
                        raise Conflict(f"{path} was written by somebody else at the same time.")
                    return _publish(temp, path)

    def put_file(self, key: str, path: Path) -> str:
        """See :meth:`Storage.put_file`: moved when on the same disk, else copied next to its place and renamed."""
        target = self._path(key)
        if not path.is_file():
            raise MissingObject(f"{path} is not there to be published as {key}.")
        with explained("written", target):
            _make_folder(target.parent)
            with open(path, "rb") as source, temporary_file(target.parent) as temp:
                os.fsync(source.fileno())
                try:
                    return _publish(path, target)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                with open(temp, "xb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                    os.fsync(copy.fileno())
                etag = _publish(temp, target)
            path.unlink()
            return etag

    def delete(self, key: str) -> None:
        """See :meth:`Storage.delete`."""
        path = self._path(key)
        with explained("deleted", path):
            if _stat_file(path) is not None:
                path.unlink(missing_ok=True)
                _sync_folder(path.parent)

    def clear_cache(self) -> None:
        """See :meth:`Storage.clear_cache`: the files are the objects."""

    def sweep(self, older_than_hours: float) -> int:
        """See :meth:`Storage.sweep`: temporary files of writers that were killed."""
        limit = time.time_ns() - int(older_than_hours * 3600e9)
        with explained("cleaned", self.root):
            old = [
                key
                for key, found in _walk(self.root, "", ())
                if key.rpartition("/")[2].startswith(TEMP_PREFIX) and found.st_mtime_ns <= limit
            ]
            for key in old:
                (self.root / key).unlink(missing_ok=True)
        return len(old)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)


@contextmanager
def explained(verb: str, path: Path) -> Iterator[None]:
    """Turns an operating system's error into one sentence with the path and what to do."""
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        advice = _ADVICE.get(number, f"{os.strerror(number) if number else error}; check the disk and the folder")
        raise ServiceError(f"{path} cannot be {verb}: {advice}.") from error


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Key and status of every file below a folder, hidden folders left out; what vanishes meanwhile is passed over."""
    try:
        here = folder.stat()
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    identity = (here.st_dev, here.st_ino)
    if identity in above:  # a link to a folder above itself
        return
    for entry in entries:
        if entry.is_dir():
            if not entry.name.startswith("."):
                yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", (*above, identity))
        elif (found := _stat_file(folder / entry.name)) is not None:
            yield prefix + entry.name, found


def _stat_file(path: Path) -> os.stat_result | None:
    """The status of a regular file; None when there is none of this name."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _etag(found: os.stat_result) -> str:
    return f"{found.st_size}-{found.st_mtime_ns}"


def _make_folder(folder: Path) -> None:
    """Makes the folder and those above it, each one durable before the next."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        _sync_folder(new.parent)


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """A name for a temporary file; whatever is there in the end, also after an error, is removed."""
    temp = folder / f"{TEMP_PREFIX}{uuid.uuid4().hex}"
    try:
        yield temp
    finally:
        temp.unlink(missing_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Excludes other conditional writers in this folder; the kernel lets go when the process dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _publish(source: Path, target: Path) -> str:
    """Renames a complete file to its place and returns the etag; modification times of a name only ever grow."""
    replaced = _stat_file(target)
    oldest = 0 if replaced is None else replaced.st_mtime_ns
    stamp, step = time.time_ns(), 1  # finer than the kernel's own stamps, which stand still for up to 4 ms
    os.utime(source, ns=(stamp, stamp))
    while source.stat().st_mtime_ns <= oldest:  # a clock set back, a disk that keeps whole seconds only
        stamp, step = stamp + step, step * 10
        os.utime(source, ns=(stamp, stamp))
    etag = _etag(source.stat())
    os.replace(source, target)
    _sync_folder(target.parent)
    return etag


def _sync_folder(folder: Path) -> None:
    """Makes renames in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
