"""A bucket: the download cache, broken downloads, uploads in parts, and what a listing leaves out."""

import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake import s3
from caremetrix_assets.lake.s3 import S3Options, S3Storage
from caremetrix_assets.lake.storage import Conflict
from caremetrix_assets_tests.lake.conftest import SECRET_KEY
from caremetrix_assets_tests.lake.servers import server_breaking_downloads


class CountingClient:
    """Passes requests on and notes their names."""

    def __init__(self, client: Any) -> None:
        self.client, self.calls = client, list[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self.client, name)


@pytest.mark.s3server
class TestCache:
    def counted(self, storage: S3Storage) -> CountingClient:
        storage._connected = CountingClient(storage._client())
        return storage._connected

    def test_an_object_is_downloaded_once(self, moto_bucket: S3Storage):
        etag = moto_bucket.write("raw/a.parquet", b"rows")
        client = self.counted(moto_bucket)
        paths = {moto_bucket.local_path("raw/a.parquet", etag) for _ in range(3)} | {moto_bucket.local_path("raw/a.parquet")}
        assert len(paths) == 1
        assert client.calls == ["get_object", "head_object"]

    def test_the_version_that_was_asked_for_stays_readable(self, moto_bucket: S3Storage):
        old = moto_bucket.write("a", b"old")
        path = moto_bucket.local_path("a", old)
        new = moto_bucket.write("a", b"new")
        assert moto_bucket.local_path("a", new).read_bytes() == b"new"
        assert path.read_bytes() == b"old"
        assert moto_bucket.local_path("a", old) == path

    def test_old_versions_are_forgotten_after_an_hour_without_reader(self, moto_bucket: S3Storage):
        old = moto_bucket.local_path("a", moto_bucket.write("a", b"old"))
        used = moto_bucket.local_path("a", moto_bucket.write("a", b"used"))
        long_ago = time.time() - s3.OLD_VERSION_SECONDS - 1
        os.utime(old, (long_ago, long_ago))
        moto_bucket.local_path("a", moto_bucket.write("a", b"new"))
        assert not old.exists()
        assert used.exists()

    def test_an_hour_begins_anew_with_every_reader(self, moto_bucket: S3Storage):
        etag = moto_bucket.write("a", b"old")
        path = moto_bucket.local_path("a", etag)
        os.utime(path, (0, 0))
        moto_bucket.local_path("a", etag)
        moto_bucket.local_path("a", moto_bucket.write("a", b"new"))
        assert path.exists()

    def test_buckets_do_not_share(self, moto_bucket: S3Storage):
        moto_bucket.write("a", b"one")
        other = S3Storage(f"s3://{moto_bucket.bucket}/other", moto_bucket.options)
        other.write("a", b"one")
        assert moto_bucket.local_path("a") != other.local_path("a")

    def test_patients_rows_are_private(self, moto_bucket: S3Storage):
        moto_bucket.write("raw/a", b"rows")
        path = moto_bucket.local_path("raw/a")
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0

    def test_a_cache_that_cannot_be_written(self, moto_bucket: S3Storage, tmp_path: Path):
        moto_bucket.write("a", b"rows")
        (tmp_path / "cache").write_bytes(b"")
        with pytest.raises(ServiceError, match="cache/.* cannot be written: a file stands where a folder is needed"):
            moto_bucket.local_path("a")

    def test_a_replaced_version_leaves_no_file(self, moto_bucket: S3Storage, tmp_path: Path):
        old = moto_bucket.write("a", b"old")
        moto_bucket.write("a", b"new")
        with pytest.raises(Conflict, match="was replaced while it was in use"):
            moto_bucket.local_path("a", old)
        assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.usefixtures("s3_credentials")
class TestBrokenDownloads:
    BODY = bytes(range(256)) * 4096

    def test_a_download_that_breaks_begins_anew(self, tmp_path: Path, no_waiting: list[float]):
        with server_breaking_downloads(self.BODY, broken_times=2) as host:
            storage = S3Storage("s3://lake", S3Options(endpoint=f"http://{host}", cache_dir=tmp_path / "cache"))
            assert storage.local_path("a", "0123").read_bytes() == self.BODY
        with server_breaking_downloads(self.BODY, broken_times=2) as host:
            assert S3Storage("s3://lake", S3Options(endpoint=f"http://{host}")).read("a") == self.BODY

    def test_half_an_object_is_never_taken_for_one(self, tmp_path: Path, no_waiting: list[float]):
        with server_breaking_downloads(self.BODY, broken_times=99) as host:
            storage = S3Storage("s3://lake", S3Options(endpoint=f"http://{host}", cache_dir=tmp_path / "cache"))
            for action in (lambda: storage.read("a"), lambda: storage.local_path("a", "0123")):
                with pytest.raises(ServiceError, match=r"s3://lake/a cannot be read"):
                    action()
        assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


@pytest.mark.s3server
class TestParts:
    def test_a_large_file_arrives_whole(self, moto_bucket: S3Storage, tmp_path: Path):
        data = os.urandom(1 << 20) * 33
        (tmp_path / "staged").write_bytes(data)
        etag = moto_bucket.put_file("a", tmp_path / "staged")
        assert etag.endswith("-3")
        assert moto_bucket.local_path("a", etag).read_bytes() == data
        assert not (tmp_path / "staged").exists()

    def test_a_failed_upload_leaves_no_parts_and_keeps_the_file(
        self, moto_bucket: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        from botocore.exceptions import ConnectionClosedError

        moto_bucket.write("a", b"old")
        staged = tmp_path / "staged"
        staged.write_bytes(bytes(33 << 20))
        client = moto_bucket._client()

        def break_down(**_: object) -> None:
            raise ConnectionClosedError(endpoint_url="http://store")

        monkeypatch.setattr(client, "complete_multipart_upload", break_down)
        with pytest.raises(ServiceError, match="cannot be written: no answer"):
            moto_bucket.put_file("a", staged)
        assert staged.stat().st_size == 33 << 20
        assert moto_bucket.read("a") == b"old"
        assert client.list_multipart_uploads(Bucket=moto_bucket.bucket).get("Uploads", []) == []

    def test_sweep_ends_uploads_that_were_never_completed(self, moto_bucket: S3Storage):
        client = moto_bucket._client()
        for key in ("some/prefix/a", "elsewhere/a"):
            client.create_multipart_upload(Bucket=moto_bucket.bucket, Key=key)
        assert moto_bucket.sweep(50 * 365 * 24) == 0  # moto begins every upload in 2010
        assert moto_bucket.sweep(0) == 1
        assert [upload["Key"] for upload in client.list_multipart_uploads(Bucket=moto_bucket.bucket)["Uploads"]] == ["elsewhere/a"]


@pytest.mark.s3server
def test_the_root_of_a_bucket(moto_bucket: S3Storage):
    root = S3Storage(f"s3://{moto_bucket.bucket}", moto_bucket.options)
    moto_bucket.write("a", b"x")
    root.write("some/prefixed", b"y")
    assert [info.key for info in root.list()] == ["some/prefix/a", "some/prefixed"]
    assert [info.key for info in moto_bucket.list()] == ["a"]


@pytest.mark.s3server
def test_folder_markers_and_hidden_objects_are_left_out(moto_bucket: S3Storage):
    client = moto_bucket._client()
    for key in ("some/prefix/", "some/prefix/raw/", "some/prefix/raw/.DS_Store", "some/prefix/.x/a", "some/prefix/raw/a"):
        client.put_object(Bucket=moto_bucket.bucket, Key=key, Body=b"")
    assert [info.key for info in moto_bucket.list()] == ["raw/a"]


@pytest.mark.s3server
def test_nothing_is_logged_that_names_a_credential(moto_bucket: S3Storage, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    moto_bucket.write("a", b"x")
    moto_bucket.local_path("a")
    assert SECRET_KEY not in caplog.text
