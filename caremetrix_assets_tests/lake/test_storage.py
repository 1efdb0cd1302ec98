"""What every storage promises, on a folder, on moto's server and on a real one."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.storage import Conflict, LocalStorage, MissingObject, ObjectInfo, Storage, open_storage

Place = Callable[[], Storage]


class TestObjects:
    def test_nothing_is_there_at_first(self, storage: Storage):
        assert storage.list() == []
        assert storage.list("raw/") == []
        assert storage.info("raw/a.txt") is None
        assert not storage.exists("raw/a.txt")
        storage.delete("raw/a.txt")
        with pytest.raises(MissingObject, match=r"raw/a\.txt is not there"):
            storage.read("raw/a.txt")
        with pytest.raises(MissingObject, match=r"raw/a\.txt is not there"):
            storage.local_path("raw/a.txt")

    def test_what_is_written_is_read(self, storage: Storage):
        etag = storage.write("raw/a.txt", b"one")
        assert storage.read("raw/a.txt") == b"one"
        assert storage.local_path("raw/a.txt").read_bytes() == b"one"
        assert storage.exists("raw/a.txt")
        assert storage.info("raw/a.txt") == ObjectInfo("raw/a.txt", 3, etag)
        assert storage.list() == [ObjectInfo("raw/a.txt", 3, etag)]

    def test_a_write_replaces(self, storage: Storage):
        first = storage.write("a.txt", b"one")
        second = storage.write("a.txt", b"two")
        assert first != second
        assert storage.read("a.txt") == b"two"
        assert storage.local_path("a.txt").read_bytes() == b"two"
        assert len(storage.list()) == 1

    def test_an_empty_object(self, storage: Storage):
        storage.write("empty", b"")
        assert storage.read("empty") == b""
        assert storage.local_path("empty").read_bytes() == b""
        assert [info.size for info in storage.list()] == [0]

    def test_names_with_blanks_and_umlauts(self, storage: Storage):
        keys = ["a b/c d.csv", "a+b=c&d%20.csv", "größe/naïve.csv"]
        for key in keys:
            storage.write(key, key.encode())
        assert [info.key for info in storage.list()] == sorted(keys)
        assert [storage.read(key).decode() for key in keys] == keys

    def test_delete_removes_one(self, storage: Storage):
        storage.write("a/1", b"1")
        storage.write("a/2", b"2")
        storage.delete("a/1")
        assert [info.key for info in storage.list()] == ["a/2"]
        with pytest.raises(MissingObject):
            storage.read("a/1")

    def test_a_prefix_is_the_beginning_of_a_key(self, storage: Storage):
        for key in ("raw/raw_a/1", "raw/raw_a2/1", "raw/raw_b/1", "rawer"):
            storage.write(key, b"")
        assert [info.key for info in storage.list("raw/raw_a")] == ["raw/raw_a/1", "raw/raw_a2/1"]
        assert [info.key for info in storage.list("raw/raw_a/")] == ["raw/raw_a/1"]
        assert [info.key for info in storage.list("raw")] == ["raw/raw_a/1", "raw/raw_a2/1", "raw/raw_b/1", "rawer"]

    def test_more_keys_than_one_answer_holds(self, storage: Storage):
        keys = [f"many/{number:05}" for number in range(1005)]
        shuffled = random.Random(1).sample(keys, len(keys))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: storage.write(key, b"x"), shuffled))
        assert [info.key for info in storage.list("many/")] == keys

    def test_no_key_leads_out_of_the_root(self, storage: Storage, tmp_path: Path):
        source = tmp_path / "source"
        source.write_bytes(b"x")
        actions: list[Callable[[str], object]] = [storage.read, storage.info, storage.exists, storage.local_path, storage.delete]
        actions += [lambda key: storage.write(key, b"x"), lambda key: storage.put_file(key, source)]
        for key in ["/etc/passwd", "../outside", "a/../../outside", "a//b", "./a", ".hidden", "a/.tmp-1", "a\nb"]:
            for action in [*actions, storage.list]:
                with pytest.raises(UsageError, match="is not a key"):
                    action(key)
        for key in ["", "a/"]:  # prefixes, but not keys
            for action in actions:
                with pytest.raises(UsageError, match="is not a key"):
                    action(key)
        assert source.exists()


class TestConditions:
    def test_if_absent_writes_once(self, storage: Storage):
        etag = storage.write("a", b"1", if_absent=True)
        with pytest.raises(Conflict, match="by somebody else"):
            storage.write("a", b"2", if_absent=True)
        assert storage.read("a") == b"1"
        assert storage.info("a") == ObjectInfo("a", 1, etag)

    def test_if_match_replaces_what_was_read(self, storage: Storage):
        first = storage.write("a", b"1")
        second = storage.write("a", b"2", if_match=first)
        assert storage.read("a") == b"2"
        with pytest.raises(Conflict, match="by somebody else"):
            storage.write("a", b"3", if_match=first)
        assert storage.read("a") == b"2"
        assert storage.info("a") == ObjectInfo("a", 1, second)

    def test_both_conditions_exclude_each_other(self, storage: Storage):
        with pytest.raises(ValueError, match="exclude each other"):
            storage.write("a", b"1", if_absent=True, if_match="x")

    def test_one_of_many_creates(self, place: Place):
        storages = [place() for _ in range(3)]

        def create(number: int) -> bool:
            try:
                storages[number % 3].write("a", str(number).encode(), if_absent=True)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            created = list(pool.map(create, range(24)))
        assert created.count(True) == 1
        assert storages[0].read("a") == str(created.index(True)).encode()

    def test_no_increment_is_lost(self, place: Place):
        storages = [place() for _ in range(3)]
        storages[0].write("count", b"0", if_absent=True)

        def increment(number: int) -> None:
            storage = storages[number % 3]
            while True:
                info = storage.info("count")
                assert info is not None
                try:
                    storage.write("count", str(int(storage.read("count")) + 1).encode(), if_match=info.etag)
                except Conflict:
                    continue
                return

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(increment, range(16)))
        assert storages[0].read("count") == b"16"


class TestFiles:
    def test_a_file_is_published_and_gone(self, storage: Storage, tmp_path: Path):
        path = tmp_path / "staged.parquet"
        path.write_bytes(b"rows")
        etag = storage.put_file("facts/f.parquet", path)
        assert not path.exists()
        assert storage.read("facts/f.parquet") == b"rows"
        assert storage.list() == [ObjectInfo("facts/f.parquet", 4, etag)]

    def test_a_published_file_replaces(self, storage: Storage, tmp_path: Path):
        etags = []
        for text in (b"one", b"two"):
            (tmp_path / "staged").write_bytes(text)
            etags.append(storage.put_file("f", tmp_path / "staged"))
        assert etags[0] != etags[1]
        assert storage.read("f") == b"two"

    def test_a_file_that_is_not_there(self, storage: Storage, tmp_path: Path):
        with pytest.raises(MissingObject, match="staged is not there"):
            storage.put_file("f", tmp_path / "staged")
        assert storage.list() == []

    def test_a_path_for_a_version(self, storage: Storage):
        etag = storage.write("a.parquet", b"1")
        path = storage.local_path("a.parquet", etag)
        assert path.read_bytes() == b"1"
        assert path.suffix == ".parquet"
        newer = storage.write("a.parquet", b"2")
        assert storage.local_path("a.parquet", newer).read_bytes() == b"2"
        with pytest.raises(Conflict, match="was replaced while it was in use"):
            storage.local_path("a.parquet", "0" * 32)

    def test_sweep_leaves_objects_alone(self, storage: Storage):
        storage.write("a", b"1")
        assert storage.sweep(0) == 0
        assert storage.read("a") == b"1"


class TestAddresses:
    def test_a_path_is_a_folder(self, tmp_path: Path):
        storage = open_storage(f"{tmp_path}/lake")
        assert isinstance(storage, LocalStorage)
        assert storage.url == str(tmp_path / "lake")
        assert not (tmp_path / "lake").exists()

    def test_a_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        assert open_storage("~/lake").url == str(tmp_path / "lake")

    @pytest.mark.parametrize("url", ["s3://lake", "s3://lake/", "s3://lake/a/b/"])
    def test_a_bucket(self, url: str):
        assert open_storage(url).url == url.rstrip("/")

    @pytest.mark.parametrize("url", ["", " ", "gs://user:sesame@lake", "s3:///a", "s3://", "s3://user:sesame@lake/a", "s3://lake/../other"])
    def test_other_addresses_are_refused_and_not_repeated(self, url: str):
        with pytest.raises(UsageError) as refusal:
            open_storage(url)
        assert "sesame" not in str(refusal.value)
