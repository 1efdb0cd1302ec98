"""What a full drop no longer has: counted per producer and file, removed only when the drop says so and nobody else sent it."""

from __future__ import annotations

from pathlib import Path

import pytest

from caremetrix_assets_tests.sources.replay_lab import ORDERS, PEOPLE, Archive, brief, run

ANN, BO, CY = ({"id": f"p{n}", "name": name, "city": "X"} for n, name in enumerate(["Ann", "Bo", "Cy"], 1))

ORDER = {"person": "p1", "code": "c", "stop": None, "fills": 1}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.add("d1", 1, {"people": [ANN, BO]})
    return archive


def vanished(archive: Archive, drop_id: str) -> int:
    return run(PEOPLE, archive.drops).counts[drop_id].rows_vanished


def ids(archive: Archive) -> list[str]:
    return [row["id"] for row in run(PEOPLE, archive.drops).state]


def test_gone_keys_are_kept_and_counted(archive: Archive):
    archive.add("d2", 2, {"people": [ANN]})
    assert vanished(archive, "d2") == 1
    assert ids(archive) == ["p1", "p2"]


def test_deleting_drop_removes_them_with_their_last_values(archive: Archive):
    archive.add("d2", 2, {"people": [{**BO, "city": "Y"}]}, kind="delta")
    archive.add("d3", 3, {"people": [ANN]}, deletes=True)
    found = run(PEOPLE, archive.drops)
    columns = ("id", "city", "drop_id", "change_type", "source_line")
    assert brief([r for r in found.rows if r["change_type"] == "delete"], *columns) == [("p2", "Y", "d3", "delete", 2)]
    assert found.rows[-1]["source_row_hash"] == found.rows[-2]["source_row_hash"]
    assert (found.counts["d3"].rows_vanished, found.counts["d3"].deletes) == (1, 1)
    assert ids(archive) == ["p1"]


def test_delete_row_says_whether_the_row_was_simulated(archive: Archive):
    archive.add("d2", 2, {"people": [ANN, CY]}, simulated=frozenset({"people"}))
    archive.add("d3", 3, {"people": [ANN]}, deletes=True)
    deleted = [r for r in run(PEOPLE, archive.drops).rows if r["change_type"] == "delete"]
    assert brief(deleted, "id", "is_simulated") == [("p2", False), ("p3", True)]


def test_deleted_key_that_comes_again_is_an_insert(archive: Archive):
    archive.add("d2", 2, {"people": [ANN]}, deletes=True)
    archive.add("d3", 3, {"people": [ANN, BO]})
    archive.add("d4", 4, {"people": [ANN]}, deletes=True)
    found = run(PEOPLE, archive.drops)
    assert [(r["drop_id"], r["change_type"]) for r in found.rows if r["id"] == "p2"] == [
        ("d1", "insert"),
        ("d2", "delete"),
        ("d3", "insert"),
        ("d4", "delete"),
    ]
    assert ids(archive) == ["p1"]


def test_delta_makes_nothing_vanish(archive: Archive):
    archive.add("d2", 2, {"people": [ANN]}, kind="delta", deletes=True)
    assert vanished(archive, "d2") == 0
    assert ids(archive) == ["p1", "p2"]


def test_missing_file_says_nothing_about_its_table(archive: Archive):
    archive.add("d2", 2, {"visits": []}, deletes=True)
    assert "d2" not in run(PEOPLE, archive.drops).counts
    assert ids(archive) == ["p1", "p2"]


def test_file_without_rows_says_that_all_are_gone(archive: Archive):
    archive.add("d2", 2, {"people": []}, deletes=True)
    assert ids(archive) == []


def test_first_drop_of_a_producer_misses_nothing(archive: Archive):
    archive.add("d2", 2, {"people": [CY]}, producer="b", deletes=True)
    assert vanished(archive, "d2") == 0
    assert ids(archive) == ["p1", "p2", "p3"]


def test_only_what_the_producer_sent_is_gone(archive: Archive):
    archive.add("d2", 2, {"people": [CY]}, producer="b")
    archive.add("d3", 3, {"people": []}, producer="b", deletes=True)
    assert vanished(archive, "d3") == 1
    assert ids(archive) == ["p1", "p2"]


def test_what_another_producer_sent_too_is_counted_but_stays(archive: Archive):
    archive.add("d2", 2, {"people": [BO]}, producer="b", kind="delta")
    archive.add("d3", 3, {"people": []}, deletes=True)
    found = run(PEOPLE, archive.drops)
    assert (found.counts["d3"].rows_vanished, found.counts["d3"].deletes) == (2, 1)
    assert ids(archive) == ["p2"]


def test_what_another_producer_sends_later_is_new_again(archive: Archive):
    archive.add("d2", 2, {"people": []}, deletes=True)
    archive.add("d3", 3, {"people": [BO]}, producer="b")
    assert ids(archive) == ["p2"]


def test_key_sent_unchanged_by_the_producer_counts_as_sent(archive: Archive):
    archive.add("d2", 2, {"people": [ANN]}, producer="b")
    archive.add("d3", 3, {"people": []}, producer="b")
    assert vanished(archive, "d3") == 1


@pytest.mark.parametrize("row", [{**BO, "broken": True}, {**BO, "name": "?", "broken": True}])
def test_broken_row_is_present(archive: Archive, row: dict):
    archive.add("d2", 2, {"people": [ANN, row]}, deletes=True)
    assert vanished(archive, "d2") == 0
    assert ids(archive) == ["p1", "p2"]


def test_waiting_row_is_present(tmp_path: Path):
    archive = Archive(tmp_path)
    order = {"code": "c", "stop": None, "fills": 1}
    archive.add("d1", 1, {"people": [ANN], "orders": [{**order, "person": "p1"}, {**order, "person": "p9"}]})
    archive.add("d2", 2, {"orders": [{**order, "person": "p9"}]}, deletes=True)
    found = run(ORDERS, archive.drops)
    assert (found.counts["d2"].rows_waiting, found.counts["d2"].rows_vanished) == (1, 1)
    assert found.state == []


@pytest.fixture
def orders(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.add("d1", 1, {"people": [ANN], "orders": [ORDER, ORDER]})
    return archive


def test_one_of_two_equal_rows_vanishes(orders: Archive):
    orders.add("d2", 2, {"orders": [ORDER]}, deletes=True)
    found = run(ORDERS, orders.drops)
    assert brief(found.rows, "drop_id", "source_ordinal", "change_type") == [
        ("d1", 0, "insert"),
        ("d1", 1, "insert"),
        ("d2", 1, "delete"),
    ]


def test_one_of_two_equal_rows_is_kept_and_counted(orders: Archive):
    orders.add("d2", 2, {"orders": [ORDER]})
    found = run(ORDERS, orders.drops)
    assert (found.counts["d2"].rows_vanished, found.counts["d2"].deletes, len(found.state)) == (1, 0, 2)


def test_broken_row_stands_for_the_other_of_two_equal_rows(orders: Archive):
    orders.add("d2", 2, {"orders": [ORDER, {**ORDER, "fills": None, "broken": True}]}, deletes=True)
    found = run(ORDERS, orders.drops)
    assert (found.counts["d2"].rows_vanished, len(found.state)) == (0, 2)


def test_second_of_two_equal_rows_is_not_missed_by_who_sends_the_key_first(orders: Archive):
    other = {**ORDER, "code": "other"}
    orders.add("d2", 2, {"orders": [other]}, producer="b")
    orders.add("d3", 3, {"orders": [other, ORDER]}, producer="b", deletes=True)
    orders.add("d4", 4, {"orders": [other]}, producer="b", deletes=True)
    found = run(ORDERS, orders.drops)
    assert [found.counts[d].rows_vanished for d in ("d2", "d3", "d4")] == [0, 0, 2]
    assert len(found.state) == 3
