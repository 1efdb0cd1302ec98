"""From which date on a file is replayed: the first place where the lists of drops differ, told per file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from caremetrix_assets.sources.replay import AcceptedDrop
from caremetrix_assets.sources.replay_plan import next_state, plan_from

OPENING = date(2025, 1, 10)


def drop(drop_id: str, day: int, *files: str, sequence: int = 0) -> AcceptedDrop:
    columns: dict[str, set[str]] = {f: set() for f in files or ("people",)}
    return AcceptedDrop(drop_id, date(2025, 1, day), sequence, "full", "a", False, columns, lambda f: Path(f))


def plan(before: list[AcceptedDrop], now: list[AcceptedDrop], **waiting: str) -> dict[str, int]:
    previous = next_state({}, before, {"visits": waiting}, OPENING)
    asked = plan_from(previous, now, lambda d, f: "", OPENING)
    return {file: day.day for file, day in asked.items()}


A, B, C = drop("a", 12), drop("b", 14), drop("c", 16)


def test_nothing_when_the_drops_are_the_same_in_any_order():
    assert plan([A, B], [B, A]) == {}


def test_everything_when_nothing_was_replayed_yet():
    assert plan_from({}, [A, B], lambda d, f: "", OPENING) == {"people": date(2025, 1, 12)}


def test_last_drop_is_replayed_from_its_own_date():
    assert plan([A, B], [A, B, C]) == {"people": 16}


def test_late_drop_is_replayed_from_its_date():
    assert plan([A, C], [A, B, C]) == {"people": 14}


def test_withdrawn_drop_is_replayed_from_its_date():
    assert plan([A, B, C], [A, C]) == {"people": 14}


def test_drop_for_another_counts_from_the_earlier_of_both():
    assert plan([A, C], [A, B]) == {"people": 14}
    assert plan([A, B], [A, C]) == {"people": 14}


def test_early_drop_falls_into_the_opening_partition():
    assert plan([A], [A, drop("z", 3)]) == {"people": 10}
    assert plan([A, drop("z", 3)], [A]) == {"people": 10}


def test_order_within_a_date_is_sequence_then_id():
    assert plan([A], [A, drop("0", 12, sequence=1)]) == {"people": 12}


def test_other_files_are_left_alone():
    both = drop("x", 12, "people", "visits")
    assert plan([both, B], [both, B, drop("y", 20, "visits")]) == {"visits": 20}


def test_waiting_rows_are_looked_at_when_a_drop_comes():
    visits = drop("v", 12, "visits")
    assert plan([visits], [visits, C], v="1:abc") == {"people": 16, "visits": 12}
    assert plan([visits], [visits], v="1:abc") == {}


def test_only_waiting_drops_are_asked_when_one_comes_and_all_when_one_leaves():
    first, second = drop("v", 12, "visits"), drop("w", 13, "visits")
    previous = next_state({}, [first, second, B], {"visits": {"w": "1:abc"}}, OPENING)
    asked: list[str] = []

    def waiting_now(drop: AcceptedDrop, file: str) -> str:
        asked.append(f"{drop.drop_id}.{file}")
        return "1:abc" if drop.drop_id == "w" else ""

    assert plan_from(previous, [first, second, B, C], waiting_now, OPENING) == {"people": date(2025, 1, 16)}
    assert asked == ["w.visits"]
    asked.clear()
    assert plan_from(previous, [first, second], waiting_now, OPENING) == {"people": date(2025, 1, 14)}
    assert asked == ["v.visits", "w.visits"]


def test_state_keeps_what_was_not_replayed():
    both = drop("x", 12, "people", "visits")
    state = next_state({}, [both], {"visits": {"x": "2:abc"}, "people": {"x": ""}}, OPENING)
    assert next_state(state, [both, C], {"people": {"c": ""}}, OPENING) == {
        "drops": [
            {"drop_id": "x", "partition_date": "2025-01-12", "waiting": {"people": "", "visits": "2:abc"}},
            {"drop_id": "c", "partition_date": "2025-01-16", "waiting": {"people": ""}},
        ]
    }
