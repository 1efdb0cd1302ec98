"""The claim as a unit: renumbered ledgers change nothing, a different claim is written whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from caremetrix_assets_tests.sources.replay_lab import LEDGER, Archive, Row, brief, run


def claim(name: str, *amounts: int, **values: str) -> list[Row]:
    """Rows of one claim; every export numbers them anew, which ``id`` stands for."""
    made = {"id": "first", "payer": "p1", "method": "CASH", **values}
    return [{"claimid": name, "line_ordinal": n, "amount": amount, **made} for n, amount in enumerate(amounts, 1)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path)
    parents = {"people": [{"id": "p1"}], "visits": [{"id": "v1", "person": "p1"}]}
    archive.add("d0", 1, {**parents, "bills": [{"id": "b1", "visit": "v1"}, {"id": "b2", "visit": "v1"}]})
    archive.add("d1", 1, {"ledger": [*claim("b1", 10, 20, 30), *claim("b2", 5)]})
    return archive


def changes(archive: Archive) -> list[tuple]:
    found = [r for r in run(LEDGER, archive.drops).rows if r["drop_id"] == "d2"]
    return brief(found, "claimid", "line_ordinal", "amount", "id", "method", "change_type")


def test_new_claims_are_inserted_with_ordinal_0(archive: Archive):
    found = run(LEDGER, archive.drops)
    assert brief(found.rows, "claimid", "line_ordinal", "source_ordinal", "change_type") == [
        ("b1", 1, 0, "insert"),
        ("b1", 2, 0, "insert"),
        ("b1", 3, 0, "insert"),
        ("b2", 1, 0, "insert"),
    ]


def test_renumbered_ledger_writes_nothing(archive: Archive):
    archive.add("d2", 2, {"ledger": [*claim("b2", 5, id="x"), *claim("b1", 10, 20, 30, id="y", method="CHECK")]})
    assert changes(archive) == []
    assert run(LEDGER, archive.drops).counts["d2"].rows_unchanged == 4


def test_different_claim_is_written_whole_with_its_new_numbers(archive: Archive):
    archive.add("d2", 2, {"ledger": claim("b1", 10, 21, 30, id="y", method="CHECK")}, kind="delta")
    assert changes(archive) == [
        ("b1", 1, 10, "y", "CHECK", "update"),
        ("b1", 2, 21, "y", "CHECK", "update"),
        ("b1", 3, 30, "y", "CHECK", "update"),
    ]
    assert run(LEDGER, archive.drops).counts["d2"].rows_changed == 3


def test_longer_claim_is_an_update_in_all_its_rows(archive: Archive):
    archive.add("d2", 2, {"ledger": claim("b2", 5, 6, id="y")}, kind="delta")
    assert changes(archive) == [("b2", 1, 5, "y", "CASH", "update"), ("b2", 2, 6, "y", "CASH", "update")]


def test_shorter_claim_deletes_what_is_beyond_its_end(archive: Archive):
    archive.add("d2", 2, {"ledger": claim("b1", 10, 20, id="y")}, kind="delta")
    assert changes(archive) == [
        ("b1", 1, 10, "y", "CASH", "update"),
        ("b1", 2, 20, "y", "CASH", "update"),
        ("b1", 3, 30, "first", "CASH", "delete"),
    ]
    found = run(LEDGER, archive.drops)
    assert (found.counts["d2"].rows_changed, found.counts["d2"].deletes, found.counts["d2"].rows_vanished) == (2, 1, 0)
    assert brief(found.state, "claimid", "line_ordinal") == [("b1", 1), ("b1", 2), ("b2", 1)]


def test_claim_that_grows_again_is_an_update(archive: Archive):
    archive.add("d2", 2, {"ledger": claim("b1", 10)}, kind="delta")
    archive.add("d3", 3, {"ledger": claim("b1", 10, 20)}, kind="delta")
    found = run(LEDGER, archive.drops)
    assert brief([r for r in found.rows if r["drop_id"] == "d3"], "line_ordinal", "change_type") == [(1, "update"), (2, "update")]
    assert brief(found.state, "claimid", "line_ordinal") == [("b1", 1), ("b1", 2), ("b2", 1)]


def test_column_the_file_lacks_keeps_its_value_by_position(archive: Archive):
    archive.add("d2", 2, {"ledger": claim("b1", 10, 21, 30, 40, id="y")}, kind="delta", without=["method"])
    assert [row[1:5] for row in changes(archive)] == [(1, 10, "y", "CASH"), (2, 21, "y", "CASH"), (3, 30, "y", "CASH"), (4, 40, "y", None)]


def test_rows_of_a_claim_wait_together(archive: Archive):
    late = claim("b1", 10, 20, 33)
    late[2]["payer"] = "p9"
    archive.add("d2", 2, {"ledger": [*claim("b2", 6), *late]})
    found = run(LEDGER, archive.drops)
    assert [row[0] for row in changes(archive)] == ["b2"]
    assert found.waiting == [("d2", line, "waiting.payer", f"b1|{line - 2}") for line in (3, 4, 5)]
    assert (found.counts["d2"].rows_waiting, found.counts["d2"].rows_vanished) == (3, 0)


def test_claim_that_a_full_drop_lacks_vanishes_line_by_line(archive: Archive):
    archive.add("d2", 2, {"ledger": claim("b2", 5)}, deletes=True)
    assert [row[:2] for row in changes(archive)] == [("b1", 1), ("b1", 2), ("b1", 3)]
    assert run(LEDGER, archive.drops).counts["d2"].rows_vanished == 3
