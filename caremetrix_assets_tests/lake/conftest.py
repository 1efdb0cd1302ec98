"""Storages for the tests of the lake: a folder, a bucket in moto's server, a bucket in a real server when there is one.

The real one is versitygw, found through TEST_S3_SERVER (the path of its binary) or on the PATH; without it its tests
are skipped.
"""

import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from caremetrix_assets.lake.s3 import S3Options, S3Storage
from caremetrix_assets.lake.storage import LocalStorage, Storage
from caremetrix_assets_tests.service.programs import free_port, object_store_program

ACCESS_KEY, SECRET_KEY = "AKIATESTACCESS", "TestSecretOfTheTests"


@pytest.fixture
def s3_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "no_such_file"))


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def real_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary, port = object_store_program(), free_port()
    command = [binary, "--quiet", "--access", ACCESS_KEY, "--secret", SECRET_KEY, "--port", f"127.0.0.1:{port}"]
    server = subprocess.Popen([*command, "posix", str(tmp_path_factory.mktemp("versitygw"))], stdout=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        if server.poll() is not None:
            pytest.fail(f"the S3 server ended with {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the S3 server does not listen after 10 s")


@pytest.fixture(params=["folder", pytest.param("moto", marks=pytest.mark.s3server), pytest.param("real", marks=pytest.mark.s3server)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Storage]:
    """Opens the same new place every time it is called, as several processes would."""
    if request.param == "folder":
        return lambda: LocalStorage(tmp_path / "lake")
    request.getfixturevalue("s3_credentials")
    return bucket_at(request.getfixturevalue(f"{request.param}_endpoint"), tmp_path)


@pytest.fixture
def storage(place: Callable[[], Storage]) -> Storage:
    return place()


def bucket_at(endpoint: str, tmp_path: Path) -> Callable[[], S3Storage]:
    bucket = f"lake-{uuid.uuid4().hex[:12]}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    options = S3Options(endpoint=endpoint, cache_dir=tmp_path / "cache")
    return lambda: S3Storage(f"s3://{bucket}/some/prefix", options)


@pytest.fixture
def moto_bucket(s3_credentials: None, moto_endpoint: str, tmp_path: Path) -> S3Storage:
    return bucket_at(moto_endpoint, tmp_path)()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept between attempts."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept
