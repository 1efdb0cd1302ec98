"""What a drop changes in files with a unique key: new, different, repeated, lacking and uncounted columns."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets_tests.sources.replay_lab import PEOPLE, VISITS, Archive, Row, brief, run

ANN, BO = {"id": "p1", "name": "Ann", "city": "X"}, {"id": "p2", "name": "Bo", "city": None}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_only_new_and_different_rows_are_written(archive: Archive):
    archive.add("d1", 1, {"people": [ANN, BO]})
    archive.add("d2", 2, {"people": [ANN, {**BO, "city": "Y"}, {"id": "p3", "name": "Cy", "city": "X"}]})
    found = run(PEOPLE, archive.drops)
    assert brief(found.rows, "drop_id", "id", "city", "change_type", "source_line") == [
        ("d1", "p1", "X", "insert", 2),
        ("d1", "p2", None, "insert", 3),
        ("d2", "p2", "Y", "update", 3),
        ("d2", "p3", "X", "insert", 4),
    ]
    counts = found.counts["d2"]
    assert (counts.rows_in, counts.rows_new, counts.rows_changed, counts.rows_unchanged) == (3, 1, 1, 1)
    assert brief(found.state, "id", "city", "drop_id") == [("p1", "X", "d1"), ("p2", "Y", "d2"), ("p3", "X", "d2")]


def test_footer_says_where_a_row_comes_from(archive: Archive):
    archive.add("d1", 3, {"people": [ANN]}, sequence=2, simulated=frozenset({"people"}))
    (row,) = run(PEOPLE, archive.drops).rows
    assert row == {
        **ANN,
        "source_ordinal": 0,
        "source_row_hash": hashlib.md5(b"p1|Ann|X").hexdigest(),
        "change_type": "insert",
        "drop_id": "d1",
        "drop_date": date(2025, 1, 3),
        "drop_sequence": 2,
        "source_file": "people.csv",
        "source_line": 2,
        "is_simulated": True,
        "partition_date": date(2025, 1, 3),
    }


def test_row_hash_writes_null_as_empty_text(archive: Archive):
    archive.add("d1", 1, {"people": [BO]})
    assert [r["source_row_hash"] for r in run(PEOPLE, archive.drops).rows] == [hashlib.md5(b"p2|Bo|").hexdigest()]


def test_null_that_becomes_a_value_and_back_is_a_change(archive: Archive):
    archive.add("d1", 1, {"people": [BO]})
    archive.add("d2", 2, {"people": [{**BO, "city": "Y"}]})
    archive.add("d3", 3, {"people": [BO]})
    assert brief(run(PEOPLE, archive.drops).rows, "drop_id", "city", "change_type") == [
        ("d1", None, "insert"),
        ("d2", "Y", "update"),
        ("d3", None, "update"),
    ]


def test_column_the_file_lacks_keeps_the_value_and_is_not_compared(archive: Archive):
    archive.add("d1", 1, {"people": [ANN, BO]})
    archive.add("d2", 2, {"people": [ANN, {**BO, "name": "Bob"}, {"id": "p3", "name": "Cy"}]}, without=["city"])
    found = run(PEOPLE, archive.drops)
    assert brief([r for r in found.rows if r["drop_id"] == "d2"], "id", "name", "city", "change_type") == [
        ("p2", "Bob", None, "update"),
        ("p3", "Cy", None, "insert"),
    ]
    assert brief(found.state, "id", "city") == [("p1", "X"), ("p2", None), ("p3", None)]


def test_late_drop_of_an_old_release_nulls_nothing(archive: Archive):
    archive.add("d2", 2, {"people": [{**ANN, "name": "Anna"}]}, without=["city"])
    archive.add("d1", 1, {"people": [ANN]})
    assert brief(run(PEOPLE, archive.drops).state, "name", "city") == [("Anna", "X")]


def test_uncounted_column_is_no_change_and_keeps_the_earliest_value(archive: Archive):
    archive.add("d1", 1, {"people": [ANN], "visits": [{"id": "v1", "person": "p1", "place": "A", "cost": 10}]})
    archive.add("d2", 2, {"visits": [{"id": "v1", "person": "p1", "place": "A", "cost": 20}]})
    archive.add("d3", 3, {"visits": [{"id": "v1", "person": "p1", "place": "B", "cost": 30}]})
    found = run(VISITS, archive.drops)
    assert brief(found.rows, "drop_id", "place", "cost") == [("d1", "A", 10), ("d3", "B", 10)]
    assert found.rows[1]["source_row_hash"] == hashlib.md5(b"v1|p1|B").hexdigest()
    assert found.counts["d2"].rows_unchanged == 1


def test_last_line_of_a_repeated_key_counts(archive: Archive):
    archive.add("d1", 1, {"people": [{**ANN, "city": "Y"}, BO, ANN]})
    found = run(PEOPLE, archive.drops)
    assert brief(found.rows, "id", "city", "source_line") == [("p1", "X", 4), ("p2", None, 3)]
    assert found.counts["d1"].rows_superseded == 1


def test_broken_row_changes_nothing(archive: Archive):
    archive.add("d1", 1, {"people": [ANN]})
    archive.add("d2", 2, {"people": [{"id": "p1", "name": "?", "broken": True}, BO]})
    found = run(PEOPLE, archive.drops)
    assert brief(found.state, "id", "name") == [("p1", "Ann"), ("p2", "Bo")]
    assert (found.counts["d2"].rows_broken, found.counts["d2"].rows_vanished) == (1, 0)


def test_same_drop_under_two_ids_writes_nothing_twice(archive: Archive):
    archive.add("d1", 1, {"people": [ANN, BO]})
    archive.add("d2", 1, {"people": [ANN, BO]})
    found = run(PEOPLE, archive.drops)
    assert {r["drop_id"] for r in found.rows} == {"d1"}
    assert found.counts["d2"].rows_unchanged == 2


def test_drops_of_one_partition_keep_all_their_change_rows(archive: Archive):
    archive.add("d3", 2, {"people": [{**ANN, "city": "Z"}]}, kind="delta", sequence=1)
    archive.add("d1", 2, {"people": [ANN]})
    archive.add("d2", 2, {"people": [{**ANN, "city": "Y"}]}, kind="delta")
    found = run(PEOPLE, archive.drops)
    assert brief(found.rows, "drop_id", "partition_date", "city", "change_type") == [
        ("d1", date(2025, 1, 2), "X", "insert"),
        ("d2", date(2025, 1, 2), "Y", "update"),
        ("d3", date(2025, 1, 2), "Z", "update"),
    ]
    assert brief(found.state, "city") == [("Z",)]


def test_date_comes_before_sequence_and_sequence_before_id(archive: Archive):
    archive.add("a", 2, {"people": [{**ANN, "city": "last"}]})
    archive.add("b", 1, {"people": [{**ANN, "city": "second"}]}, sequence=1)
    archive.add("c", 1, {"people": [ANN]})
    found = run(PEOPLE, archive.drops)
    assert [(r["drop_id"], r["change_type"]) for r in found.rows] == [("c", "insert"), ("b", "update"), ("a", "update")]
    assert brief(found.state, "city") == [("last",)]


def test_drop_before_the_opening_date_stands_in_the_opening_partition(tmp_path: Path):
    archive = Archive(tmp_path)
    early = archive.add("d0", 1, {"people": [BO]})
    object.__setattr__(early, "drop_date", date(2024, 12, 24))
    archive.add("d1", 1, {"people": [{**BO, "city": "Y"}]})
    found = run(PEOPLE, archive.drops)
    assert brief(found.rows, "drop_id", "drop_date", "partition_date") == [
        ("d0", date(2024, 12, 24), date(2025, 1, 1)),
        ("d1", date(2025, 1, 1), date(2025, 1, 1)),
    ]


def test_replay_from_a_date_gives_the_partitions_from_it_on(archive: Archive):
    archive.add("d1", 1, {"people": [ANN, BO]})
    archive.add("d2", 2, {"people": [ANN, {**BO, "city": "Y"}]})
    archive.add("d3", 3, {"people": [{**ANN, "city": "Z"}, BO]})
    whole = run(PEOPLE, archive.drops)
    before = [r for r in whole.rows if r["partition_date"] < date(2025, 1, 2)]
    part = run(PEOPLE, archive.drops, date(2025, 1, 2), before)
    assert part.rows == [r for r in whole.rows if r["partition_date"] >= date(2025, 1, 2)]
    assert set(part.counts) == {"d2", "d3"}
    assert part.state == whole.state


def test_full_and_delta_write_the_same(tmp_path: Path):
    first: list[Row] = [ANN, BO]
    second: list[Row] = [{**ANN, "city": "Z"}, BO, {"id": "p3", "name": "Cy", "city": "X"}]
    logs = []
    for kind, rows in (("full", second), ("delta", [second[0], second[2]])):
        (tmp_path / kind).mkdir()
        archive = Archive(tmp_path / kind)
        archive.add("d1", 1, {"people": first})
        archive.add("d2", 2, {"people": rows}, kind=kind)
        logs.append(brief(run(PEOPLE, archive.drops).rows, "id", "name", "city", "change_type", "source_row_hash", "partition_date"))
    assert logs[0] == logs[1]
