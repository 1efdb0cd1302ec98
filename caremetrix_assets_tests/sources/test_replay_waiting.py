"""Rows whose parent no accepted drop has: they wait, come in with their parent, and wait again when it is withdrawn."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets.sources.replay import AcceptedDrop
from caremetrix_assets.sources.replay_incoming import waiting_fingerprint
from caremetrix_assets.sources.replay_plan import next_state, plan_from
from caremetrix_assets_tests.sources.replay_lab import BILLS, OPENING, TABLES, VISITS, Archive, brief, connection, parents_of, run

V1, V2 = {"id": "v1", "person": "p1", "place": "A"}, {"id": "v2", "person": "p2", "place": "A"}
B2 = {"id": "b2", "visit": "v2"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.add("d1", 1, {"people": [{"id": "p1"}], "visits": [V1, V2]})
    archive.add("d2", 2, {"visits": [V1, V2], "bills": [B2]})
    return archive


def test_row_without_parent_waits(archive: Archive):
    found = run(VISITS, archive.drops)
    assert brief(found.rows, "drop_id", "id") == [("d1", "v1")]
    assert found.waiting == [("d1", 3, "waiting.person", "v2"), ("d2", 3, "waiting.person", "v2")]
    assert (found.counts["d1"].rows_waiting, found.counts["d1"].rows_new) == (1, 1)


def test_row_comes_into_its_own_drop_when_a_later_drop_brings_the_parent(archive: Archive):
    archive.add("d3", 3, {"people": [{"id": "p2"}]}, kind="delta")
    found = run(VISITS, archive.drops)
    assert brief(found.rows, "drop_id", "id", "partition_date") == [("d1", "v1", OPENING), ("d1", "v2", OPENING)]
    assert found.waiting == []


def test_null_names_no_parent(archive: Archive):
    archive.add("d3", 3, {"visits": [{"id": "v3", "person": None, "place": "A"}]}, kind="delta")
    assert brief(run(VISITS, archive.drops).state, "id") == [("v1",), ("v3",)]


def test_null_names_no_parent_where_none_is_known(tmp_path: Path):
    archive = Archive(tmp_path)
    archive.add("d1", 1, {"visits": [V1, {"id": "v3", "person": None, "place": "A"}]})
    found = run(VISITS, archive.drops)
    assert brief(found.state, "id") == [("v3",)]
    assert found.waiting == [("d1", 2, "waiting.person", "v1")]


def test_parent_that_waits_itself_counts_as_known(archive: Archive):
    assert brief(run(BILLS, archive.drops).state, "id") == [("b2",)]


def test_broken_parent_does_not_count(archive: Archive):
    archive.add("d3", 3, {"people": [{"id": "p2", "broken": True}]}, kind="delta")
    assert brief(run(VISITS, archive.drops).state, "id") == [("v1",)]


def test_update_that_waits_leaves_the_row_as_it_was(archive: Archive):
    archive.add("d3", 3, {"visits": [{**V1, "person": "p9", "place": "B"}]}, kind="delta")
    assert brief(run(VISITS, archive.drops).state, "id", "person", "place") == [("v1", "p1", "A")]


def saved(drops: list[AcceptedDrop]) -> dict:
    parents = parents_of(drops)
    return next_state({}, drops, {f: run(t, drops, parents=parents).fingerprints for f, t in TABLES.items()}, OPENING)


def planned(previous: dict, drops: list[AcceptedDrop]) -> dict[str, date]:
    parents = parents_of(drops)
    return plan_from(previous, drops, lambda d, f: waiting_fingerprint(connection(), TABLES[f], d, parents), OPENING)


def test_parent_that_comes_makes_the_waiting_drop_replay(archive: Archive):
    before = saved(archive.drops)
    archive.add("d3", 3, {"people": [{"id": "p2"}]}, kind="delta")
    assert planned(before, archive.drops) == {"people": date(2025, 1, 3), "visits": date(2025, 1, 1)}


def test_stranger_that_comes_makes_only_its_own_file_replay(archive: Archive):
    before = saved(archive.drops)
    archive.add("d3", 3, {"people": [{"id": "p7"}]}, kind="delta")
    assert planned(before, archive.drops) == {"people": date(2025, 1, 3)}


def test_parent_that_leaves_makes_its_children_wait_again(archive: Archive):
    parent = archive.add("d3", 3, {"people": [{"id": "p2"}]}, kind="delta")
    before = saved(archive.drops)
    archive.drops.remove(parent)
    assert planned(before, archive.drops) == {"people": date(2025, 1, 3), "visits": date(2025, 1, 1)}


def test_fingerprint_tells_which_rows_wait(archive: Archive):
    first, second = run(VISITS, archive.drops).fingerprints.values()
    assert first == second != ""
    archive.add("d3", 3, {"people": [{"id": "p2"}]}, kind="delta")
    assert set(run(VISITS, archive.drops).fingerprints.values()) == {""}
