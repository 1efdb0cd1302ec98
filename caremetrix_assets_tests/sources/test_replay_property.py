"""Properties over random drop histories: the replay agrees with a row-by-row telling, and no order of arrival matters."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caremetrix_assets.sources import replay_incoming
from caremetrix_assets.sources.replay import AcceptedDrop
from caremetrix_assets.sources.replay_incoming import waiting_fingerprint
from caremetrix_assets.sources.replay_plan import next_state, plan_from
from caremetrix_assets_tests.sources.replay_lab import OPENING, TABLES, Archive, Row, brief, connection, parents_of, run
from caremetrix_assets_tests.sources.replay_oracle import told_again

COUNTS = ("rows_in", "rows_new", "rows_changed", "rows_superseded", "rows_broken", "rows_waiting", "rows_vanished", "deletes")
SETTINGS = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

some = st.sampled_from
maybe_broken = some([False] * 9 + [True])
person = some(["p1", "p2", "p3"])
people = st.fixed_dictionaries({"id": person, "name": some(["Ann", "Bo"]), "city": some(["X", "Y", None]), "broken": maybe_broken})
visits = st.fixed_dictionaries(
    {"id": some(["v1", "v2", "v3"]), "person": person, "place": some(["A", "B", None]), "cost": some([1, 2, None]), "broken": maybe_broken}
)
orders = st.fixed_dictionaries(
    {
        "person": person,
        "code": some(["c1", "c2", None]),
        "stop": some([None, date(2025, 2, 1), date(2025, 3, 1)]),
        "fills": some([1, 2, 10]),
        "broken": maybe_broken,
    }
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    for claim in draw(st.lists(some(["b1", "b2", None]), unique=True, max_size=2)):
        is_broken = draw(maybe_broken)
        for place in range(1, draw(st.integers(1, 3)) + 1):
            values = {
                "id": draw(some(["i", "j"])),
                "amount": draw(some([5, 6])),
                "payer": draw(person),
                "method": draw(some(["CASH", None])),
            }
            rows.append({"claimid": claim, "line_ordinal": place, "transfer_from_ordinal": None, "broken": is_broken, **values})
    return draw(st.permutations(rows))


FILES: dict[str, Any] = {
    "people": st.lists(people, max_size=4),
    "visits": st.lists(visits, max_size=4),
    "orders": st.lists(orders, max_size=6),
    "bills": st.lists(
        st.fixed_dictionaries({"id": some(["b1", "b2"]), "visit": some(["v1", "v2"])}), max_size=2, unique_by=lambda r: r["id"]
    ),
    "ledger": ledgers(),
}


@st.composite
def histories(draw: st.DrawFn) -> list[Row]:
    drops = []
    for number in range(draw(st.integers(2, 4))):
        kind = draw(some(["full", "full", "delta"]))
        drops.append(
            {
                "name": f"d{number}",
                "day": draw(st.integers(1, 3)),
                "sequence": draw(some([0, 0, 1])),
                "kind": kind,
                "producer": draw(some(["a", "a", "b"])),
                "deletes": kind == "full" and draw(st.booleans()),
                "without": draw(some([(), (), (), ("city", "cost", "method"), ("place", "stop"), ("fills",)])),
                "files": {file: draw(rows) for file, rows in FILES.items() if draw(some([True, True, False]))},
            }
        )
    return drops


def archived(folder: str, history: list[Row]) -> list[AcceptedDrop]:
    archive = Archive(Path(folder))
    for drop in history:
        archive.add(**drop)
    return archive.drops


@SETTINGS
@given(history=histories(), large=some([0, 1, 50_000]))
def test_replay_is_the_history_told_row_by_row(history: list[Row], large: int):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_incoming, "LARGE", large)
        drops = archived(folder, history)
        parents = parents_of(drops)
        for table in TABLES.values():
            found = run(table, drops, parents=parents)
            rows, counts = told_again(table, drops)
            columns = [c.name for c in table.columns if c.name != "source_row_hash"]
            assert brief(found.rows, *columns) == brief(rows, *columns)
            assert {d: {c: getattr(n, c) for c in COUNTS} for d, n in found.counts.items()} == {
                d: {c: n[c] for c in COUNTS} for d, n in counts.items()
            }
            for n in found.counts.values():
                parts = (n.rows_new, n.rows_changed, n.rows_unchanged, n.rows_superseded, n.rows_broken, n.rows_waiting)
                assert n.rows_in == sum(parts)


class Lake:
    """Published change logs that are brought up to date step by step, as runs do it."""

    def __init__(self) -> None:
        self.saved: dict[str, Any] = {}
        self.logs: dict[str, list[Row]] = {file: [] for file in TABLES}

    def bring_up_to_date(self, drops: list[AcceptedDrop], parents: dict[str, str]) -> None:
        plan = plan_from(self.saved, drops, lambda d, f: waiting_fingerprint(connection(), TABLES[f], d, parents), OPENING)
        replayed = {}
        for file, start in plan.items():
            before = [row for row in self.logs[file] if row["partition_date"] < start]
            found = run(TABLES[file], drops, start, before, parents)
            self.logs[file] = [*before, *found.rows]
            replayed[file] = found.fingerprints
        self.saved = next_state(self.saved, drops, replayed, OPENING)


@settings(SETTINGS, max_examples=15)
@given(history=histories(), data=st.data())
def test_any_order_of_arrival_and_withdrawal_ends_like_one_replay(history: list[Row], data: st.DataObject):
    with tempfile.TemporaryDirectory() as folder:
        drops = archived(folder, history)
        lake, present = Lake(), list[AcceptedDrop]()
        waves = data.draw(st.lists(st.sets(some(range(len(drops))), min_size=1), min_size=1, max_size=4), label="toggled per run")
        for toggled in waves:
            present = [d for i, d in enumerate(drops) if (d in present) != (i in toggled)]
            parents = parents_of(present)
            lake.bring_up_to_date(present, parents)
            for file, table in TABLES.items():
                columns = [c.name for c in table.columns]
                assert brief(lake.logs[file], *columns) == brief(run(table, present, parents=parents).rows, *columns)
