"""fact_schedule_block on random days against a count of single minutes."""

from __future__ import annotations

import random

import pytest

from caremetrix_assets_tests.harness import Row, build


def random_day(chance: random.Random) -> list[tuple[str, int, int, str]]:
    """Blocks (id, start, stop in minutes after midnight, kind) that overlap often."""
    found = []
    for n in chance.sample(range(20), 8):
        start = 480 + 15 * chance.randrange(20)
        found.append((f"s{n:02}", start, start + 15 * chance.randrange(1, 9), chance.choice(("clinic", "clinic", "blocked", "time_off"))))
    return found


def minutes_by_block(blocks: list[tuple[str, int, int, str]]) -> dict[str, int]:
    """Every minute counts for the clinic block that starts first, then has the lowest id, unless anything blocks it."""
    taken = {m for _, start, stop, kind in blocks if kind != "clinic" for m in range(start, stop)}
    counted = dict.fromkeys((name for name, *_ in blocks), 0)
    for name, start, stop, kind in sorted(blocks, key=lambda b: (b[1], b[0])):
        if kind == "clinic":
            own = set(range(start, stop)) - taken
            counted[name] = len(own)
            taken |= set(range(start, stop))
    return counted


@pytest.mark.parametrize("seed", [1, 2])
def test_random_days(seed: int):
    chance = random.Random(seed)
    days = {f"d{n}": random_day(chance) for n in range(100)}
    rows: list[Row] = [
        {"schedule_id": f"{provider}-{name}", "provider_id": provider, "block_type": kind}
        | {"start_at": f"2025-03-03 {start // 60:02}:{start % 60:02}:00", "stop_at": f"2025-03-03 {stop // 60:02}:{stop % 60:02}:00"}
        for provider, blocks in days.items()
        for name, start, stop, kind in blocks
    ]
    made = build("fact_schedule_block", given={"raw_provider_schedules": rows}, dates=["2025-12-31"])
    expected = {f"{provider}-{name}": n for provider, blocks in days.items() for name, n in minutes_by_block(blocks).items()}
    assert {r["schedule_id"]: r["available_minutes"] for r in made} == expected
    assert sum(n > 0 for n in expected.values()) > 200  # the days are not empty
