"""What is said when a store refuses, is not there or does not answer: what, where, what to do, and no credential."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.retries.standard import ExponentialBackoff

from caremetrix_assets.errors import CaremetrixError, UsageError
from caremetrix_assets.lake import s3
from caremetrix_assets.lake.s3 import S3Options, S3Storage
from caremetrix_assets_tests.lake.conftest import ACCESS_KEY, SECRET_KEY
from caremetrix_assets_tests.lake.servers import Answer, server_saying, server_saying_nothing
from caremetrix_assets_tests.service.programs import free_port

PASSWORD = "PasswordOfTheEndpoint"


def actions_on(storage: S3Storage, tmp_path: Path) -> dict[str, Callable[[], object]]:
    staged = tmp_path / "staged"
    staged.write_bytes(b"x")
    return {
        "list": lambda: storage.list("raw/"),
        "info": lambda: storage.info("raw/a"),
        "read": lambda: storage.read("raw/a"),
        "local_path": lambda: storage.local_path("raw/a", "0123"),
        "write": lambda: storage.write("raw/a", b"x"),
        "create": lambda: storage.write("raw/a", b"x", if_absent=True),
        "put_file": lambda: storage.put_file("raw/a", staged),
        "delete": lambda: storage.delete("raw/a"),
        "sweep": lambda: storage.sweep(1),
    }


def refusal_of(action: Callable[[], object]) -> str:
    """The one sentence an action ends with: no credential, no second line, short."""
    with pytest.raises(CaremetrixError) as refusal:
        action()
    text = str(refusal.value)
    assert not any(secret in text for secret in (ACCESS_KEY, SECRET_KEY, PASSWORD)), text
    assert "\n" not in text and text.endswith(".") and len(text) < 260, text
    return text


@pytest.mark.usefixtures("s3_credentials")
class TestRefusals:
    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (Answer(403, "AccessDenied"), "access is denied; check the credentials and their permission"),
            (Answer(403), "access is denied; check the credentials and their permission"),
            (Answer(403, "SomethingNew"), "access is denied; check the credentials and their permission"),
            (Answer(404, "NoSuchBucket"), "the bucket does not exist; create it"),
            (Answer(503, "SlowDown"), "the store answers 503"),
            (Answer(503), "the store answers 503, several times; try again later, or check CAREMETRIX_S3_ENDPOINT"),
            (Answer(500, "InternalError"), "the store answers 500"),
            (Answer(400, f"{SECRET_KEY} {PASSWORD}"), "the store answers 400; check the address"),
        ],
        ids=lambda value: "" if isinstance(value, str) else str(value.status),
    )
    def test_every_request_says_what_the_store_says(self, answer: Answer, meaning: str, tmp_path: Path, no_waiting: list[float]):
        with server_saying(answer) as host:
            storage = S3Storage("s3://lake/some", S3Options(endpoint=f"http://user:{PASSWORD}@{host}", cache_dir=tmp_path / "cache"))
            for name, action in actions_on(storage, tmp_path).items():
                text = refusal_of(action)
                assert text.startswith("s3://lake/some") and " cannot be " in text, (name, text)
                assert meaning in text, (name, text)
        assert (tmp_path / "staged").exists()
        assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []

    @pytest.mark.parametrize(
        ("answer", "meaning"),
        [
            (Answer(403, "InvalidAccessKeyId"), "the credentials are not accepted; renew them"),
            (Answer(403, "SignatureDoesNotMatch"), "the credentials are not accepted; renew them"),
            (Answer(400, "ExpiredToken"), "the credentials are not accepted; renew them"),
            (Answer(403, "RequestTimeTooSkewed"), "this computer's clock is wrong; set it"),
            (Answer(400, "AuthorizationHeaderMalformed"), "the bucket is in another region; set CAREMETRIX_S3_REGION"),
            (Answer(501, "NotImplemented"), "a lake needs a store with conditional writes"),
            (Answer(507, "XMinioStorageFull"), "the store is full"),
            (Answer(503, "SlowDown"), "the store answers 503 SlowDown, several times; try again later"),
        ],
        ids=lambda value: "" if isinstance(value, str) else str(value.status),
    )
    def test_answers_with_a_meaning_of_their_own(self, answer: Answer, meaning: str, no_waiting: list[float]):
        with server_saying(answer) as host:
            storage = S3Storage("s3://lake", S3Options(endpoint=f"http://{host}"))
            assert meaning in refusal_of(storage.list)

    @pytest.mark.parametrize("body", [b"<html><body>Welcome</body>", b"Welcome"])
    def test_a_web_server_that_is_no_store(self, body: bytes, tmp_path: Path, no_waiting: list[float]):
        with server_saying(Answer(200, body=body)) as host:
            actions = actions_on(S3Storage("s3://lake", S3Options(endpoint=f"http://{host}", cache_dir=tmp_path / "cache")), tmp_path)
            for name in ("list", "info", "read", "local_path", "write", "create", "put_file"):
                assert "CAREMETRIX_S3_ENDPOINT" in refusal_of(actions[name]), name
        assert (tmp_path / "staged").exists()

    def test_a_store_that_is_not_running(self, tmp_path: Path, no_waiting: list[float]):
        port = free_port()
        storage = S3Storage("s3://lake/some", S3Options(endpoint=f"http://user:{PASSWORD}@127.0.0.1:{port}", cache_dir=tmp_path / "cache"))
        for action in actions_on(storage, tmp_path).values():
            expected = f"no answer from http://127.0.0.1:{port}; start the store, or correct CAREMETRIX_S3_ENDPOINT."
            assert refusal_of(action) == f"s3://lake/some cannot be reached: {expected}"

    def test_a_name_that_does_not_resolve(self, no_waiting: list[float]):
        storage = S3Storage("s3://lake", S3Options(endpoint="http://no-such-host.invalid:9000"))
        assert "no answer from http://no-such-host.invalid:9000" in refusal_of(storage.list)

    @pytest.mark.slow
    def test_a_store_that_never_answers_is_reported_soon(self):
        with server_saying_nothing() as host:
            begun = time.monotonic()
            assert "no answer from" in refusal_of(S3Storage("s3://lake", S3Options(endpoint=f"http://{host}")).list)
            assert time.monotonic() - begun < 30

    def test_a_store_that_is_overloaded_is_reported_soon(self, no_waiting: list[float], monkeypatch: pytest.MonkeyPatch):
        defaults = ExponentialBackoff.__init__.__defaults__ or ()
        assert random.random in defaults
        longest = tuple((lambda: 1.0) if value is random.random else value for value in defaults)
        monkeypatch.setattr(ExponentialBackoff.__init__, "__defaults__", longest)
        answer = Answer(503, "SlowDown")
        with server_saying(answer) as host:
            refusal_of(S3Storage("s3://lake", S3Options(endpoint=f"http://{host}")).list)
        assert len(answer.requests) == s3.PROBE_ATTEMPTS + s3.ATTEMPTS
        assert 5 < sum(no_waiting) < 25

    @pytest.mark.parametrize("endpoint", ["localhost:9000", "http//localhost", "http://", "http://[::1"])
    def test_an_endpoint_that_is_no_address(self, endpoint: str):
        assert "CAREMETRIX_S3_ENDPOINT" in refusal_of(S3Storage("s3://lake", S3Options(endpoint=endpoint)).list)

    @pytest.mark.parametrize(("url", "region"), [("s3://lake", "mars north"), ("s3://" + "a" * 300, None)])
    def test_a_name_that_cannot_be_one(self, url: str, region: str | None):
        with pytest.raises(UsageError, match="the name of the bucket, region or object is not a valid one"):
            S3Storage(url, S3Options(endpoint="http://127.0.0.1:9", region=region)).list()

    @pytest.mark.s3server
    def test_a_bucket_that_does_not_exist(self, moto_endpoint: str, tmp_path: Path):
        storage = S3Storage("s3://no-such-bucket/a", S3Options(endpoint=moto_endpoint, cache_dir=tmp_path / "cache"))
        for name, action in actions_on(storage, tmp_path).items():
            assert "s3://no-such-bucket/a cannot be reached: the bucket does not exist; create it" in refusal_of(action), name


def test_no_credentials(s3_credentials: None, monkeypatch: pytest.MonkeyPatch, moto_endpoint: str):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    storage = S3Storage("s3://lake", S3Options(endpoint=moto_endpoint))
    assert "no usable AWS credentials are found; renew them where the standard AWS chain finds them" in refusal_of(storage.list)
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert "no usable AWS credentials are found" in refusal_of(storage.list)


def test_naming_a_bucket_imports_and_connects_to_nothing():
    script = (
        "import sys; from caremetrix_assets.lake.storage import open_storage; open_storage('s3://lake/a');"
        "sys.exit(any(name in sys.modules for name in ('boto3', 'botocore')))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
