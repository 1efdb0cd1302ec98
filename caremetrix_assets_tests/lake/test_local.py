"""A folder under trouble: crashes, full and read-only disks, files in the way, links, several processes."""

import errno
import fcntl
import multiprocessing
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake import local
from caremetrix_assets.lake.storage import Conflict, LocalStorage, MissingObject

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "lake")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB of its own, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True).returncode
    ):
        pytest.skip("this user may not mount a disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fails_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def die_before_rename(root: Path) -> None:
    os.replace = lambda *_: os._exit(9)
    LocalStorage(root).write("a/b", b"new")


class TestCrash:
    def test_a_writer_killed_before_the_rename_changes_nothing(self, storage: LocalStorage):
        etag = storage.write("a/b", b"old")
        process = SPAWN.Process(target=die_before_rename, args=(storage.root,))
        process.start()
        process.join(60)
        assert process.exitcode == 9
        assert len(files_below(storage.root)) == 2
        assert [(info.key, info.etag) for info in storage.list()] == [("a/b", etag)]
        assert storage.read("a/b") == b"old"
        assert storage.sweep(1) == 0
        assert storage.sweep(0) == 1
        assert files_below(storage.root) == ["a/b"]

    def test_sweep_counts_hours(self, storage: LocalStorage):
        storage.write("a/b", b"old")
        left = storage.root / "a" / f"{local.TEMP_PREFIX}1"
        left.write_bytes(b"")
        os.utime(left, (time.time() - 7200, time.time() - 7200))
        assert storage.sweep(3) == 0
        assert storage.sweep(1) == 1

    @pytest.mark.parametrize("conditions", [{}, {"if_absent": True}])
    @pytest.mark.parametrize("step", ["fsync", "replace", "utime"])
    def test_a_failed_write_leaves_nothing_behind(
        self, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, step: str, conditions: dict
    ):
        storage.write("other", b"")
        monkeypatch.setattr(os, step, fails_with(errno.ENOSPC))
        with pytest.raises(ServiceError, match=r"lake/a cannot be written: the disk is full; free space there or name another folder\.$"):
            storage.write("a", b"new", **conditions)
        monkeypatch.undo()
        assert files_below(storage.root) == ["other"]

    def test_a_lost_condition_leaves_nothing_behind(self, storage: LocalStorage):
        storage.write("a", b"old")
        with pytest.raises(Conflict):
            storage.write("a", b"new", if_absent=True)
        with pytest.raises(Conflict):
            storage.write("b", b"new", if_match="1-1")
        assert files_below(storage.root) == ["a"]

    def test_a_file_that_could_not_be_published_stays_where_it_was(
        self, storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        staged = tmp_path / "staged"
        staged.write_bytes(b"rows")
        storage.write("other", b"")
        monkeypatch.setattr(os, "replace", fails_with(errno.EROFS))
        with pytest.raises(ServiceError, match="the disk is read-only"):
            storage.put_file("f", staged)
        assert staged.read_bytes() == b"rows"
        assert files_below(storage.root) == ["other"]

    def test_bytes_are_on_the_disk_before_the_name_is(self, storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        steps: list[str] = []
        fsync, replace = os.fsync, os.replace

        def note_fsync(descriptor: int) -> None:
            steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
            fsync(descriptor)

        def note_rename(source: Path, target: Path) -> None:
            steps.append("rename")
            replace(source, target)

        monkeypatch.setattr(os, "fsync", note_fsync)
        monkeypatch.setattr(os, "replace", note_rename)
        storage.write("a/b", b"x")
        assert steps == ["folder", "folder", "file", "rename", "folder"]
        steps.clear()
        (tmp_path / "staged").write_bytes(b"rows")
        storage.put_file("a/c", tmp_path / "staged")
        assert steps == ["file", "rename", "folder"]


class TestDisk:
    def test_a_full_disk(self, small_disk: Path, tmp_path: Path):
        storage = LocalStorage(small_disk / "lake")
        storage.write("a", b"old")
        with pytest.raises(ServiceError, match="the disk is full; free space there"):
            storage.write("a", bytes(1_000_000))
        staged = tmp_path / "staged"
        staged.write_bytes(bytes(1_000_000))
        with pytest.raises(ServiceError, match="the disk is full; free space there"):
            storage.put_file("b", staged)
        assert staged.stat().st_size == 1_000_000
        assert files_below(small_disk) == ["lake/a"]
        assert storage.read("a") == b"old"

    def test_a_file_from_another_disk(self, small_disk: Path, tmp_path: Path):
        storage = LocalStorage(small_disk / "lake")
        staged = tmp_path / "staged"
        staged.write_bytes(b"rows")
        storage.put_file("a", staged)
        assert not staged.exists()
        assert files_below(small_disk) == ["lake/a"]
        assert storage.read("a") == b"rows"

    def test_a_read_only_disk(self, small_disk: Path):
        storage = LocalStorage(small_disk / "lake")
        etag = storage.write("a", b"old")
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        for write in (
            lambda: storage.write("a", b"new"),
            lambda: storage.write("b/c", b"new"),
            lambda: storage.write("a", b"", if_match=etag),
        ):
            with pytest.raises(ServiceError, match=r"lake/.* cannot be written: the disk is read-only; name another folder\."):
                write()
        with pytest.raises(ServiceError, match="cannot be deleted: the disk is read-only"):
            storage.delete("a")
        assert storage.read("a") == b"old"

    def test_a_place_where_nobody_may_make_folders(self):
        with pytest.raises(ServiceError, match="/proc/self/lake/a cannot be written: "):
            LocalStorage("/proc/self/lake").write("a", b"x")

    def test_a_folder_without_permission(self, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch):
        storage.write("a/b", b"x")
        monkeypatch.setattr(os, "scandir", fails_with(errno.EACCES))
        with pytest.raises(ServiceError, match="cannot be listed: this user has no permission"):
            storage.list()

    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.EBADF])
    def test_a_disk_without_locks(self, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, number: int):
        monkeypatch.setattr(fcntl, "flock", fails_with(number))
        storage.write("a", b"x")
        with pytest.raises(ServiceError, match="lake/b cannot be written: its file system cannot lock; use a folder on a local disk"):
            storage.write("b", b"x", if_absent=True)
        assert files_below(storage.root) == ["a"]

    def test_a_root_that_is_a_file(self, tmp_path: Path):
        (tmp_path / "lake").write_bytes(b"")
        storage = LocalStorage(tmp_path / "lake")
        with pytest.raises(ServiceError, match="lake cannot be listed: a file stands where a folder is needed"):
            storage.list()
        with pytest.raises(ServiceError, match="lake/a cannot be written: a file stands where a folder is needed"):
            storage.write("a", b"x")
        assert not storage.exists("a")

    def test_a_file_in_the_place_of_a_folder(self, storage: LocalStorage, tmp_path: Path):
        storage.write("raw", b"")
        (tmp_path / "staged").write_bytes(b"")
        for write in (lambda: storage.write("raw/a/b", b"x"), lambda: storage.put_file("raw/a", tmp_path / "staged")):
            with pytest.raises(ServiceError, match="raw/a.* cannot be written: a file stands where a folder is needed"):
                write()
        assert storage.list("raw/") == []
        assert storage.info("raw/a") is None
        storage.delete("raw/a")

    def test_a_folder_in_the_place_of_a_file(self, storage: LocalStorage):
        storage.write("raw/a", b"x")
        with pytest.raises(ServiceError, match="raw cannot be written: a folder stands where a file is needed"):
            storage.write("raw", b"x")
        with pytest.raises(MissingObject):
            storage.read("raw")
        storage.delete("raw")
        assert files_below(storage.root) == ["raw/a"]


class TestListing:
    def test_hidden_and_unfinished_files_are_left_out(self, storage: LocalStorage):
        storage.write("raw/a", b"x")
        storage.write("raw/_latest.json", b"x")
        for name in (".DS_Store", f"raw/{local.TEMP_PREFIX}1", ".git/config", "raw/.hidden/a"):
            (storage.root / name).parent.mkdir(exist_ok=True)
            (storage.root / name).write_bytes(b"x")
        os.mkfifo(storage.root / "raw" / "pipe")
        (storage.root / "raw" / "broken").symlink_to("nowhere")
        assert [info.key for info in storage.list()] == ["raw/_latest.json", "raw/a"]

    def test_links_to_folders_are_followed_but_not_in_circles(self, storage: LocalStorage, tmp_path: Path):
        other = tmp_path / "other disk"
        other.mkdir()
        (other / "a").write_bytes(b"x")
        storage.write("raw/b", b"x")
        (storage.root / "facts").symlink_to(other)
        (other / "again").symlink_to(storage.root)
        assert [info.key for info in storage.list()] == ["facts/a", "raw/b"]

    def test_what_vanishes_meanwhile_is_passed_over(self, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch):
        storage.write("raw/a", b"x")
        storage.write("raw/b", b"x")
        scandir = os.scandir

        def scan_and_lose(folder: Path) -> list[os.DirEntry[str]]:
            entries = list(scandir(folder))
            (storage.root / "raw" / "a").unlink(missing_ok=True)
            return entries

        monkeypatch.setattr(os, "scandir", scan_and_lose)
        assert [info.key for info in storage.list()] == ["raw/b"]


class TestEtags:
    def test_every_write_has_another_etag(self, storage: LocalStorage):
        etags = [storage.write("a", str(number % 10).encode()) for number in range(200)]
        assert len(set(etags)) == 200

    def test_a_clock_that_stands_still(self, storage: LocalStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
        first = storage.write("a", b"1")
        second = storage.write("a", b"2", if_match=first)
        (tmp_path / "staged").write_bytes(b"3")
        third = storage.put_file("a", tmp_path / "staged")
        assert len({first, second, third}) == 3

    def test_files_have_the_rights_the_user_gives(self, storage: LocalStorage):
        mask = os.umask(0o027)
        try:
            storage.write("a", b"x")
        finally:
            os.umask(mask)
        assert (storage.root / "a").stat().st_mode & 0o777 == 0o640


def create_or_increment(root: Path, times: int) -> None:
    storage = LocalStorage(root)
    for _ in range(times):
        while True:
            info = storage.info("count")
            number = 0 if info is None else int(storage.read("count"))
            try:
                storage.write("count", str(number + 1).encode(), if_absent=info is None, if_match=info.etag if info else None)
            except Conflict:
                continue
            break


class TestProcesses:
    def test_no_increment_of_several_processes_is_lost(self, storage: LocalStorage):
        processes = [SPAWN.Process(target=create_or_increment, args=(storage.root, 100)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * 4
        assert storage.read("count") == b"400"
        assert files_below(storage.root) == ["count"]
