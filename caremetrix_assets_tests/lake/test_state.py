"""State files and the start date, on every storage."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets.errors import ServiceError, UsageError
from caremetrix_assets.lake import state
from caremetrix_assets.lake.storage import Conflict, LocalStorage, Storage

STATE = state.TableState(
    definition="d1",
    fingerprint="f1",
    partitions={"2025-01-02": state.PartitionState(3, "r2", "s2", "f2"), "2025-01-01": state.PartitionState(0, "r1", "s1", "f1")},
    extra={"note": "größer", "drops": ["4f2a"]},
)


class TestTables:
    def test_a_new_table_has_an_empty_state(self, storage: Storage):
        assert state.load_table(storage, "fact_x") == state.TableState("", "", {}, {})

    def test_what_is_saved_is_loaded(self, storage: Storage):
        state.save_table(storage, "fact_x", STATE)
        assert state.load_table(storage, "fact_x") == STATE
        assert state.load_table(storage, "fact_y") == state.TableState()
        assert [info.key for info in storage.list()] == ["ops/state/fact_x.json"]

    def test_the_same_state_gives_the_same_bytes(self, storage: Storage):
        state.save_table(storage, "a", STATE)
        reordered = dict(sorted(STATE.partitions.items()))
        assert list(reordered) != list(STATE.partitions)
        state.save_table(storage, "b", state.TableState("d1", "f1", reordered, STATE.extra))
        assert storage.read("ops/state/a.json") == storage.read("ops/state/b.json")

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b"{}",
            b'{"partitions": {}, "other": 1}',
            b'{"partitions": []}',
            b'{"partitions": {"2025-02-30": {"rows": 1, "row_hash": "", "sha256": "", "fingerprint": ""}}}',
            b'{"partitions": {"2025-01-01": {"rows": 1}}}',
        ],
    )
    def test_a_damaged_file_is_named(self, tmp_path: Path, text: bytes):
        storage = LocalStorage(tmp_path)
        storage.write("ops/state/fact_x.json", text)
        with pytest.raises(ServiceError, match=r"ops/state/fact_x\.json in the lake .* is damaged"):
            state.load_table(storage, "fact_x")


class TestBuilt:
    def test_a_new_lake(self, storage: Storage):
        assert state.load_built(storage) == state.BuiltState(None, {})

    @pytest.mark.parametrize("built", [state.BuiltState(date(2025, 1, 2), {"run": "4f2a"}), state.BuiltState(None, {})])
    def test_what_is_saved_is_loaded(self, storage: Storage, built: state.BuiltState):
        state.save_built(storage, built)
        assert state.load_built(storage) == built

    def test_a_damaged_file_is_named(self, storage: Storage):
        storage.write("ops/built.json", b'{"newest_date": "yesterday", "extra": {}}')
        with pytest.raises(ServiceError, match=r"ops/built\.json in the lake .* is damaged"):
            state.load_built(storage)


class TestStartDate:
    def test_it_is_fixed_once(self, storage: Storage):
        assert state.read_start_date(storage) is None
        assert state.fix_start_date(storage, date(2025, 1, 1)) == date(2025, 1, 1)
        assert state.fix_start_date(storage, date(2025, 1, 1)) == date(2025, 1, 1)
        with pytest.raises(UsageError, match="starts on 2025-01-01, not on 2024-01-01"):
            state.fix_start_date(storage, date(2024, 1, 1))
        assert state.read_start_date(storage) == date(2025, 1, 1)
        assert storage.read("ops/lake.json") == b'{"start_date":"2025-01-01"}\n'

    def test_a_damaged_file_is_named(self, storage: Storage):
        storage.write("ops/lake.json", b'{"start": "2025-01-01"}')
        with pytest.raises(ServiceError, match=r"ops/lake\.json in the lake .* is damaged"):
            state.read_start_date(storage)

    def test_of_several_at_once_all_agree_or_say_so(self, place: Callable[[], Storage]):
        storages = [place() for _ in range(3)]

        def fix(number: int) -> date | str:
            try:
                return state.fix_start_date(storages[number % 3], date(2025, 1, 1 + number))
            except UsageError:
                return "refused"

        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(fix, range(12)))
        assert results.count("refused") == 11
        assert state.read_start_date(storages[0]) in results

    def test_the_other_one_is_seen_when_it_comes_between_look_and_write(self, storage: Storage, monkeypatch: pytest.MonkeyPatch):
        write = storage.write

        def come_first(key: str, data: bytes, **conditions: object) -> str:
            monkeypatch.setattr(storage, "write", write)
            state.fix_start_date(storage, date(2024, 1, 1))
            return write(key, data, **conditions)  # type: ignore[arg-type]

        monkeypatch.setattr(storage, "write", come_first)
        with pytest.raises(UsageError, match="starts on 2024-01-01"):
            state.fix_start_date(storage, date(2025, 1, 1))

    def test_a_lost_answer_to_the_own_write_is_no_refusal(self, storage: Storage, monkeypatch: pytest.MonkeyPatch):
        write = storage.write

        def lose_the_answer(key: str, data: bytes, **conditions: object) -> str:
            write(key, data, **conditions)  # type: ignore[arg-type]
            raise Conflict("the second attempt finds the first one's object")

        monkeypatch.setattr(storage, "write", lose_the_answer)
        assert state.fix_start_date(storage, date(2025, 1, 1)) == date(2025, 1, 1)
