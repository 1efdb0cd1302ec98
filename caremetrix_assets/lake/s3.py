"""Objects in an S3-compatible bucket: one PUT per object, conditional writes, and a download cache.

boto3 is imported by the first request, so that naming a bucket costs nothing. What lives elsewhere: the interface
and the rules for keys (``objects``), the meaning of a refusal (``aws_errors``).
"""

import hashlib
import os
import re
import shutil
import tempfile
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.aws_errors import code_of, explained, status_of
from caremetrix_assets.lake.local import explained as explained_locally
from caremetrix_assets.lake.local import temporary_file
from caremetrix_assets.lake.objects import Conflict, MissingObject, ObjectInfo, check_conditions, check_key, check_prefix, is_hidden

# A service that is down is reported within 30 s: 5 connections of 3 s and at most 1+2+4+8 s of waiting between them.
CONNECT_SECONDS, READ_SECONDS, ATTEMPTS = 3, 20, 5
PROBE_READ_SECONDS, PROBE_ATTEMPTS = 5, 3
MULTIPART_BYTES = 32 << 20
CHUNK_BYTES = 1 << 20
OLD_VERSION_SECONDS = 3600


@dataclass(frozen=True)
class S3Options:
    """Where the bucket's service is (None: AWS) and where downloads are kept (None: a private folder for temporary files)."""

    endpoint: str | None = None
    region: str | None = None
    path_style: bool = False
    cache_dir: Path | None = None


class S3Storage:
    """A bucket, or the part of it below a prefix. Etags are S3's, without quotes. Safe for use by several threads."""

    def __init__(self, url: str, options: S3Options) -> None:
        """Names the place, ``s3://bucket/prefix``; UsageError when it is not one. Connects to nothing."""
        match = re.fullmatch(r"s3://([A-Za-z0-9][A-Za-z0-9._-]*)(?:/(.*))?", url)
        if match is None:  # the address is not repeated: it may carry a password
            raise UsageError("An address in S3 is s3://bucket/prefix; the one given is not.")
        self.bucket = match[1]
        prefix = (match[2] or "").rstrip("/")
        self._base = f"{check_key(prefix)}/" if prefix else ""
        self.url = f"s3://{self.bucket}/{prefix}".rstrip("/")
        self.options = options
        self._connecting = threading.Lock()
        self._connected: Any = None

    def __repr__(self) -> str:
        return f"S3Storage({self.url!r})"

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See :meth:`Storage.list`."""
        check_prefix(prefix)
        client, found = self._client(), []
        with self._explained("listed", prefix):
            for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._base + prefix):
                for entry in page.get("Contents", ()):
                    found.append(ObjectInfo(entry["Key"][len(self._base) :], entry["Size"], entry["ETag"].strip('"')))
        return sorted(info for info in found if not is_hidden(info.key))

    def info(self, key: str) -> ObjectInfo | None:
        """See :meth:`Storage.info`."""
        from botocore.exceptions import ClientError

        client = self._client()
        with self._explained("read", key):
            try:
                head = client.head_object(**self._object(key))
            except ClientError as error:
                if status_of(error) == 404:
                    return None
                raise
            return ObjectInfo(key, head["ContentLength"], head["ETag"].strip('"'))

    def exists(self, key: str) -> bool:
        """See :meth:`Storage.exists`."""
        return self.info(key) is not None

    def read(self, key: str) -> bytes:
        """See :meth:`Storage.read`."""
        with tempfile.SpooledTemporaryFile(max_size=64 * CHUNK_BYTES) as sink:
            self._download(key, None, sink)  # type: ignore[arg-type]
            sink.seek(0)
            return sink.read()

    def local_path(self, key: str, etag: str | None = None) -> Path:
        """See :meth:`Storage.local_path`: downloaded once per key and etag."""
        if etag is None:
            info = self.info(key)
            if info is None:
                raise MissingObject(f"{self.url}/{key} is not there.")
            etag = info.etag
        path = self._cache_place(key, etag)
        with explained_locally("written", path):
            if path.exists():
                os.utime(path)
                return path
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with temporary_file(path.parent) as temp:
                with open(temp, "xb", opener=_private) as sink:
                    self._download(key, etag, sink)
                    sink.flush()
                    os.fsync(sink.fileno())
                os.replace(temp, path)
            _forget_old_versions(path)
        return path

    def write(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
        """See :meth:`Storage.write`."""
        from botocore.exceptions import ClientError

        check_conditions(if_absent, if_match)
        condition = {"IfNoneMatch": "*"} if if_absent else {} if if_match is None else {"IfMatch": f'"{if_match}"'}
        client = self._client()
        with self._explained("written", key):
            try:
                return str(client.put_object(**self._object(key), Body=data, **condition)["ETag"]).strip('"')
            except ClientError as error:
                if condition and (status_of(error) in (409, 412) or code_of(error) == "NoSuchKey"):
                    raise Conflict(f"{self.url}/{key} was written by somebody else at the same time.") from error
                raise

    def put_file(self, key: str, path: Path) -> str:
        """See :meth:`Storage.put_file`: one PUT, or parts that become an object at the last request."""
        check_key(key)
        if not path.is_file():
            raise MissingObject(f"{path} is not there to be published as {key}.")
        client = self._client()
        with self._explained("written", key):
            if path.stat().st_size <= MULTIPART_BYTES:
                with open(path, "rb") as body:
                    etag = client.put_object(**self._object(key), Body=body)["ETag"]
            else:
                _upload_parts(client, path, self._object(key))
                etag = client.head_object(**self._object(key))["ETag"]
        path.unlink()
        return str(etag).strip('"')

    def delete(self, key: str) -> None:
        """See :meth:`Storage.delete`."""
        client = self._client()
        with self._explained("deleted", key):
            client.delete_object(**self._object(key))

    def clear_cache(self) -> None:
        """See :meth:`Storage.clear_cache`."""
        shutil.rmtree(self._cache_root(), ignore_errors=True)

    def sweep(self, older_than_hours: float) -> int:
        """See :meth:`Storage.sweep`: uploads in parts that were never completed."""
        limit, removed = datetime.now(UTC) - timedelta(hours=older_than_hours), 0
        client = self._client()
        with self._explained("cleaned", ""):
            for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=self._base):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"] <= limit:
                        client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                        removed += 1
        return removed

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self._base + check_key(key)}

    def _explained(self, verb: str, key: str) -> Any:
        return explained(verb, f"{self.url}/{key}".rstrip("/"), self.options.endpoint)

    def _client(self) -> Any:
        """The client, after one look at the bucket: what never answers or does not exist is said soon and clearly."""
        import boto3

        with self._connecting:
            if self._connected is None:
                with self._explained("reached", ""):
                    session = boto3.session.Session()
                    _look(self._make_client(session, PROBE_READ_SECONDS, PROBE_ATTEMPTS), self.bucket)
                    self._connected = self._make_client(session, READ_SECONDS, ATTEMPTS)
            return self._connected

    def _make_client(self, session: Any, read_seconds: int, attempts: int) -> Any:
        from botocore.config import Config

        own = self.options.endpoint is not None
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            retries={"mode": "standard", "total_max_attempts": attempts},
            s3={"addressing_style": "path" if self.options.path_style else "auto"},
            max_pool_connections=16,
            # Stores other than AWS refuse the checksums in trailers that boto3 sends by default since 1.36.
            request_checksum_calculation="when_required" if own else "when_supported",
            response_checksum_validation="when_required" if own else "when_supported",
        )
        no_address = "CAREMETRIX_S3_ENDPOINT is not an address such as http://localhost:9000."
        return client_of(session, "s3", self.options.region, self.options.endpoint, config, no_address)

    def _download(self, key: str, etag: str | None, sink: BinaryIO) -> None:
        """Writes the object's bytes to ``sink``; begins again when the connection breaks within them."""
        from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

        client = self._client()
        wanted = self._object(key) | ({} if etag is None else {"IfMatch": f'"{etag}"'})
        for attempt in range(1, ATTEMPTS + 1):
            sink.seek(0)
            sink.truncate()
            with self._explained("read", key):
                try:
                    answer = client.get_object(**wanted)
                    with closing(answer["Body"]) as body:
                        answer["ETag"]  # a web page has none
                        for chunk in body.iter_chunks(CHUNK_BYTES):
                            sink.write(chunk)
                    return
                except ClientError as error:
                    if code_of(error) == "NoSuchKey":
                        raise MissingObject(f"{self.url}/{key} is not there.") from error
                    if status_of(error) == 412:
                        raise Conflict(f"{self.url}/{key} was replaced while it was in use; run again.") from error
                    raise
                except (ConnectionClosedError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                    if attempt == ATTEMPTS:
                        raise
                    time.sleep(attempt / 2)

    def _cache_place(self, key: str, etag: str) -> Path:
        """Where a download is kept: private to the user, the service and the bucket; keeps the key's suffix."""
        version = hashlib.sha256(etag.encode()).hexdigest()[:32]
        return self._cache_root() / check_key(key) / f"{version}{PurePosixPath(key).suffix}"

    def _cache_root(self) -> Path:
        root = self.options.cache_dir or Path(tempfile.gettempdir()) / f"caremetrix-{os.getuid()}" / "objects"
        source = hashlib.sha256(f"{self.options.endpoint}|{self.bucket}/{self._base}".encode()).hexdigest()[:16]
        return root.expanduser().absolute() / source


def client_of(session: Any, service: str, region: str | None, endpoint: str | None, config: Any, no_address: str) -> Any:
    """A client of an AWS service, or of one like it at ``endpoint``; UsageError with ``no_address`` when that cannot be one."""
    from botocore.exceptions import BotoCoreError

    region = region or session.region_name or "us-east-1"
    try:
        return session.client(service, region_name=region, endpoint_url=endpoint, config=config)
    except ValueError as error:
        if isinstance(error, BotoCoreError):
            raise
        raise UsageError(no_address) from error


def _look(client: Any, bucket: str) -> None:
    """Raises when nobody answers or the bucket is missing; any other refusal is left to the request that needs it."""
    from botocore.exceptions import ClientError

    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if status_of(error) == 404:
            error.response["Error"]["Code"] = "NoSuchBucket"  # the answer to a HEAD has no body that says so
            raise


def _upload_parts(client: Any, path: Path, target: dict[str, str]) -> None:
    """Uploads a large file in parts of 16 MB; parts of a failed upload are aborted."""
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    config = TransferConfig(multipart_threshold=MULTIPART_BYTES, multipart_chunksize=16 << 20, max_concurrency=4)
    with create_transfer_manager(client, config) as manager:
        manager.upload(str(path), target["Bucket"], target["Key"]).result()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _forget_old_versions(newest: Path) -> None:
    """Removes other versions of an object from the cache once no reader has asked for them for an hour."""
    limit = time.time() - OLD_VERSION_SECONDS
    for other in newest.parent.iterdir():
        if other.is_file() and other.stat().st_mtime < limit:
            other.unlink(missing_ok=True)
