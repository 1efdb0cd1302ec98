"""Files that repeat whole rows: ordinals of the first drop, and which row of a drop is which row of the state."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from caremetrix_assets_tests.sources.replay_lab import ORDERS, Archive, Row, brief, run

MAY, JUNE, JULY = date(2025, 5, 1), date(2025, 6, 1), date(2025, 7, 1)


def order(stop: date | None, fills: int, code: str = "c") -> Row:
    return {"person": "p1", "code": code, "stop": stop, "fills": fills}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    archive.add("d0", 1, {"people": [{"id": "p1", "name": "Ann", "city": "X"}]})
    return archive


def changes(archive: Archive, drop_id: str = "d2") -> list[tuple]:
    found = [r for r in run(ORDERS, archive.drops).rows if r["drop_id"] == drop_id]
    return brief(found, "source_ordinal", "stop", "fills", "change_type")


def test_first_drop_numbers_by_stop_then_text_then_line(archive: Archive):
    rows = [order(None, 1), order(JUNE, 9), order(JUNE, 10), order(MAY, 5), order(MAY, 5), order(None, 2, "other")]
    archive.add("d1", 1, {"orders": rows})
    found = run(ORDERS, archive.drops).rows
    # "10" comes before "9" as text; the two equal rows stand in the order of their lines
    assert brief(found, "code", "source_ordinal", "stop", "fills", "source_line") == [
        ("c", 0, MAY, 5, 5),
        ("c", 1, MAY, 5, 6),
        ("c", 2, JUNE, 10, 4),
        ("c", 3, JUNE, 9, 3),
        ("c", 4, None, 1, 2),
        ("other", 0, None, 2, 7),
    ]


def test_equal_rows_are_paired_whatever_their_order(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(MAY, 1), order(None, 3)]})
    archive.add("d2", 2, {"orders": [order(None, 3), order(MAY, 1), order(MAY, 1)]})
    assert changes(archive) == []


def test_one_more_equal_row_is_an_insert(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1)]})
    archive.add("d2", 2, {"orders": [order(MAY, 1), order(MAY, 1)]})
    assert changes(archive) == [(1, MAY, 1, "insert")]


def test_equal_stop_comes_before_order(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(JUNE, 2)]})
    archive.add("d2", 2, {"orders": [order(JUNE, 7), order(JULY, 1)]})
    # June keeps its ordinal 1 though it is first in the drop; July is paired with what is left, May
    assert changes(archive) == [(0, JULY, 1, "update"), (1, JUNE, 7, "update")]


def test_closed_row_takes_the_open_one(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(None, 2)]})
    archive.add("d2", 2, {"orders": [order(MAY, 1), order(JUNE, 3)]})
    assert changes(archive) == [(1, JUNE, 3, "update")]


def test_delta_closes_the_open_row(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(None, 2)]})
    archive.add("d2", 2, {"orders": [order(JUNE, 3)]}, kind="delta")
    assert changes(archive) == [(1, JUNE, 3, "update")]


@pytest.mark.parametrize("stop", [JULY, None])
def test_delta_never_takes_a_row_with_another_stop(archive: Archive, stop: date | None):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(JUNE, 2)]})
    archive.add("d2", 2, {"orders": [order(stop, 1)]}, kind="delta")
    assert changes(archive) == [(2, stop, 1, "insert")]


def test_full_drop_pairs_the_rest_in_order(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(JUNE, 2)]})
    archive.add("d2", 2, {"orders": [order(None, 4), order(JULY, 3)]})
    assert changes(archive) == [(0, JULY, 3, "update"), (1, None, 4, "update")]


def test_key_that_stands_once_on_both_sides_is_a_plain_update(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1)]})
    archive.add("d2", 2, {"orders": [order(JUNE, 2)]}, kind="delta")
    assert changes(archive) == [(0, JUNE, 2, "update")]


def test_stop_that_the_file_lacks_is_neither_used_nor_changed(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(JUNE, 2)]})
    archive.add("d2", 2, {"orders": [order(None, 2), order(None, 5)]}, kind="delta", without=["stop"])
    # 2 is equal; 5 is paired with what is left and keeps its stop
    assert changes(archive) == [(0, MAY, 5, "update")]


def test_next_free_ordinal_follows_the_highest_of_the_state(archive: Archive):
    archive.add("d1", 1, {"orders": [order(MAY, 1), order(JUNE, 2)]})
    archive.add("d2", 2, {"orders": [order(JUNE, 2)]}, deletes=True)
    archive.add("d3", 3, {"orders": [order(JULY, 3), order(JUNE, 2)]}, kind="delta")
    assert changes(archive) == [(0, MAY, 1, "delete")]
    assert changes(archive, "d3") == [(2, JULY, 3, "insert")]


def test_null_in_a_key_is_a_value_like_any_other(archive: Archive):
    rows = [{**order(MAY, 1), "code": None}, {**order(JUNE, 1), "code": None}]
    archive.add("d1", 1, {"orders": rows})
    archive.add("d2", 2, {"orders": rows[1:]}, kind="delta")
    assert brief(run(ORDERS, archive.drops).rows, "drop_id", "source_ordinal", "stop") == [("d1", 0, MAY), ("d1", 1, JUNE)]


def test_full_and_delta_write_the_same_for_closing_and_new_orders(tmp_path: Path):
    first = [order(MAY, 1), order(None, 2), order(None, 4, "other")]
    second = [order(MAY, 1), order(JUNE, 3), order(None, 1), order(JULY, 5, "other")]
    logs = []
    for kind, rows in (("full", second), ("delta", second[1:])):
        (tmp_path / kind).mkdir()
        archive = Archive(tmp_path / kind)
        archive.add("d0", 1, {"people": [{"id": "p1"}]})
        archive.add("d1", 1, {"orders": first})
        archive.add("d2", 2, {"orders": rows}, kind=kind)
        logs.append(brief(run(ORDERS, archive.drops).rows, "code", "source_ordinal", "stop", "fills", "change_type", "source_row_hash"))
    assert logs[0] == logs[1]
