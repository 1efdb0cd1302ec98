"""One writer per lake: waiting, expiry, sharing, lost answers, stores that only pretend."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.lake import lease as lease_module
from caremetrix_assets.lake.lease import Lease, LeaseLost
from caremetrix_assets.lake.storage import Conflict, LocalStorage, Storage

Place = Callable[[], Storage]
KEY = "ops/lease.json"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "POLL_SECONDS", 0.02)


def written(storage: Storage) -> dict[str, str]:
    return json.loads(storage.read(KEY))


def stands(storage: Storage, holder: str, seconds: float, token: str = "other") -> None:
    """Another computer's lease that ends so many seconds from now."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    storage.write(KEY, json.dumps({"holder": holder, "host": "elsewhere", "until": until.isoformat(), "token": token}).encode())


def wait_until(happened: Callable[[], object]) -> None:
    """Waits for something that a thread does in its own time."""
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen within 30 s")


def wait_for_renewal(storage: Storage) -> None:
    first = written(storage)["until"]
    wait_until(lambda: written(storage)["until"] > first)


class TestHolding:
    def test_what_the_file_says(self, storage: Storage):
        before = datetime.now(UTC)
        with Lease(storage, "run 1") as lease:
            lease.check()
            record = written(storage)
            assert set(record) == {"holder", "host", "until", "token", "process"}
            assert record["holder"] == "run 1"
            until = datetime.fromisoformat(record["until"])
            assert before + timedelta(seconds=60) <= until <= datetime.now(UTC) + timedelta(seconds=60)
        assert datetime.fromisoformat(written(storage)["until"]) < before

    def test_the_next_one_gets_it_at_once(self, place: Place):
        waited: list[str] = []
        for holder in ("run 1", "run 2", "run 3"):
            with Lease(place(), holder, on_wait=waited.append):
                assert written(place())["holder"] == holder
        assert waited == []

    def test_a_lease_may_be_taken_again(self, tmp_path: Path):
        storage = LocalStorage(tmp_path)
        lease = Lease(storage, "run 1", lease_seconds=4)
        for _ in range(2):
            with lease:
                wait_for_renewal(storage)
                lease.check()
            with pytest.raises(LeaseLost, match="its lease was released"):
                lease.check()

    def test_the_lease_is_released_after_an_error(self, tmp_path: Path):
        storage = LocalStorage(tmp_path)
        with pytest.raises(RuntimeError, match="the run's own"), Lease(storage, "run 1"):
            raise RuntimeError("the run's own")
        with Lease(storage, "run 2", timeout_seconds=0):
            pass

    def test_a_failed_release_does_not_hide_what_happened(self, tmp_path: Path, caplog: pytest.LogCaptureFixture):
        storage = LocalStorage(tmp_path / "lake")
        with pytest.raises(RuntimeError, match="the run's own"), Lease(storage, "run 1"):
            (tmp_path / "lake" / KEY).write_bytes(b"damaged")
            raise RuntimeError("the run's own")
        assert "The lease could not be released" in caplog.text


class TestWaiting:
    def test_a_taker_waits_and_says_for_whom(self, place: Place):
        said: list[str] = []
        entered = threading.Event()

        def second() -> None:
            with Lease(place(), "run 2", on_wait=said.append):
                entered.set()

        thread = threading.Thread(target=second)
        with Lease(place(), "run 1") as lease:
            thread.start()
            wait_until(lambda: said)
            assert not entered.wait(0.2)
            lease.check()
        thread.join(30)
        assert entered.is_set()
        assert len(said) == 1
        assert f"The lake {place().url} is being written by run 1 on " in said[0]

    def test_each_holder_is_named_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        storage, said = LocalStorage(tmp_path), list[str]()
        stands(storage, "run 1", 60, token="1")
        pauses = iter([lambda: None, lambda: None, lambda: stands(storage, "run 2", 60, token="2"), lambda: None])
        monkeypatch.setattr(time, "sleep", lambda _: next(pauses, lambda: storage.delete(KEY))())
        Lease(storage, "run 3", on_wait=said.append).acquire()
        assert [text.split(" on ")[0].split(" by ")[1] for text in said] == ["run 1", "run 2"]

    def test_waiting_ends_after_the_timeout(self, storage: Storage):
        stands(storage, "run 1", 60)
        begun = time.monotonic()
        with pytest.raises(ServiceError, match="is still being written by run 1 on elsewhere; try again later"):
            Lease(storage, "run 2", timeout_seconds=0.3).acquire()
        assert 0.3 <= time.monotonic() - begun < 10
        assert written(storage)["holder"] == "run 1"


class TestExpiry:
    def test_an_expired_lease_is_taken_over(self, storage: Storage):
        stands(storage, "run 1", -lease_module.CLOCK_SECONDS - 0.1)
        with Lease(storage, "run 2", timeout_seconds=0):
            assert written(storage)["holder"] == "run 2"

    def test_clocks_may_differ_a_little(self, storage: Storage):
        stands(storage, "run 1", -1)
        with pytest.raises(ServiceError, match="is still being written by run 1"):
            Lease(storage, "run 2", timeout_seconds=0).acquire()

    def test_a_lease_in_use_is_renewed(self, place: Place):
        storage = place()
        with Lease(storage, "run 1", lease_seconds=4) as lease:
            first = datetime.fromisoformat(written(storage)["until"])
            wait_until(lambda: datetime.now(UTC) > first)
            lease.check()
            assert datetime.fromisoformat(written(storage)["until"]) > datetime.now(UTC)

    def test_a_lease_that_ran_out_is_lost_even_if_nobody_took_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        lease = Lease(LocalStorage(tmp_path), "run 1", lease_seconds=0.2)
        monkeypatch.setattr(lease, "_keep_renewing", lambda: None)
        lease.acquire()
        time.sleep(0.25)
        for action in (lease.check, lease.renew):
            with pytest.raises(LeaseLost, match="run 1 may no longer write to the lake .*: its lease could not be renewed in time"):
                action()

    @pytest.mark.parametrize("clock", ["monotonic", "wall"])
    def test_both_clocks_count(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: str):
        lease = Lease(LocalStorage(tmp_path), "run 1")
        lease.acquire()
        if clock == "monotonic":
            lease._monotonic_until -= 61
        else:
            lease._until -= timedelta(seconds=61)
        with pytest.raises(LeaseLost):
            lease.check()
        lease.release()

    def test_who_was_taken_over_notices_and_leaves_the_new_lease_alone(self, storage: Storage):
        lease = Lease(storage, "run 1")
        lease.acquire()
        stands(storage, "run 2", 60)
        with pytest.raises(LeaseLost, match="run 1 may no longer write to the lake .*: run 2 on elsewhere has it"):
            lease.renew()
        with pytest.raises(LeaseLost):
            lease.check()
        lease.release()
        assert written(storage)["holder"] == "run 2"

    def test_the_renewer_notices_too(self, tmp_path: Path, caplog: pytest.LogCaptureFixture):
        storage = LocalStorage(tmp_path)
        with Lease(storage, "run 1", lease_seconds=4) as lease:
            stands(storage, "run 2", 60)
            wait_until(lambda: "run 1 may no longer write" in caplog.text)
            with pytest.raises(LeaseLost, match="run 2 on elsewhere has it"):
                lease.check()

    def test_a_renewal_that_fails_is_tried_again(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
        storage = LocalStorage(tmp_path)
        write, failures = storage.write, [2]

        def fail_twice(key: str, data: bytes, **conditions: object) -> str:
            failures[0] -= 1
            if failures[0] >= 0:
                raise ServiceError("the store answers 503")
            return write(key, data, **conditions)  # type: ignore[arg-type]

        with Lease(storage, "run 1", lease_seconds=8) as lease:
            first = written(storage)["until"]
            monkeypatch.setattr(storage, "write", fail_twice)
            wait_until(lambda: written(storage)["until"] > first)
            lease.check()
        assert caplog.text.count("tried again. the store answers 503") == 2


class TestShared:
    def test_the_steps_of_a_run_hold_it_together(self, place: Place):
        with Lease(place(), "run 1", shared=True) as first, Lease(place(), "run 1", shared=True, timeout_seconds=0) as second:
            first.renew()
            second.renew()
            first.renew()
            with pytest.raises(ServiceError, match="still being written by run 1"):
                Lease(place(), "run 2", timeout_seconds=0).acquire()

    def test_leaving_a_step_keeps_it_and_ending_the_run_releases_it(self, tmp_path: Path):
        storage = LocalStorage(tmp_path)
        with Lease(storage, "run 1", shared=True):
            pass
        with pytest.raises(ServiceError, match="still being written by run 1"):
            Lease(storage, "run 2", timeout_seconds=0).acquire()
        Lease(storage, "run 1", shared=True).release()
        with Lease(storage, "run 2", timeout_seconds=0):
            pass

    def test_equal_names_alone_share_nothing(self, tmp_path: Path):
        with Lease(LocalStorage(tmp_path), "run 1"), pytest.raises(ServiceError, match="still being written by run 1"):
            Lease(LocalStorage(tmp_path), "run 1", timeout_seconds=0).acquire()


class TestStores:
    @pytest.mark.parametrize("ignored", ["if_absent", "if_match"])
    def test_a_store_that_ignores_conditions_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: str):
        storage = LocalStorage(tmp_path)
        write = storage.write

        def ignore(key: str, data: bytes, **conditions: object) -> str:
            conditions.pop(ignored, None)
            return write(key, data, **conditions)  # type: ignore[arg-type]

        monkeypatch.setattr(storage, "write", ignore)
        for _ in range(2):
            with pytest.raises(ServiceError, match="ignores conditional writes, which a lake needs; use another store"):
                Lease(storage, "run 1", timeout_seconds=0).acquire()

    def test_a_store_that_refuses_conditions_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        storage = LocalStorage(tmp_path)

        def refuse(*_: object, **__: object) -> str:
            raise Conflict("always")

        monkeypatch.setattr(storage, "write", refuse)
        with pytest.raises(ServiceError, match="refuses conditional writes, which a lake needs; use another store"):
            Lease(storage, "run 1").acquire()

    def test_an_answer_that_got_lost_is_no_conflict(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        storage = LocalStorage(tmp_path)
        write = storage.write

        def lose_the_answer(key: str, data: bytes, **conditions: object) -> str:
            monkeypatch.setattr(storage, "write", write)
            write(key, data, **conditions)  # type: ignore[arg-type]
            raise Conflict("the second attempt finds the first one's object")

        monkeypatch.setattr(storage, "write", lose_the_answer)
        with Lease(storage, "run 1", timeout_seconds=0) as lease:
            monkeypatch.setattr(storage, "write", lose_the_answer)
            lease.renew()
            lease.check()

    @pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"holder": "a", "host": "b", "token": "c", "until": "soon"}'])
    def test_a_damaged_lease_is_named(self, tmp_path: Path, text: bytes):
        storage = LocalStorage(tmp_path)
        storage.write(KEY, text)
        with pytest.raises(ServiceError, match=r"ops/lease\.json in .* is damaged: delete it when nothing writes"):
            Lease(storage, "run 1").acquire()
