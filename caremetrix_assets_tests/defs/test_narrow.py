"""Computing only the claims a drop can have changed gives the bytes of computing all of them: real drops, some changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.steps import table as step
from caremetrix_assets_tests.defs.test_history import Rows, merged, read, write
from caremetrix_assets_tests.oracle import KEYS
from caremetrix_assets_tests.runs import FULL, Place

FILES = [*KEYS, "claims_transactions"]
TABLES = {"dim_claim_transaction", "fact_transaction", "fact_claim_line"}
SELECTION = "+key:facts/fact_transaction or +key:facts/fact_claim_line"
LATER, LAST = "2025-12-06", "2025-12-07"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[date] | None]]:
    """What the newest run computed of each table: dates, or None where it was the whole table."""
    found: dict[str, set[date] | None] = {}

    def noted(con: Any, staged: Any, *rest: Any) -> set[date] | None:
        found[staged.table.name] = real(con, staged, *rest)
        return found[staged.table.name]

    real = step.narrowed
    monkeypatch.setattr(step, "narrowed", noted)
    yield found


def old_claims() -> list[str]:
    """Two claims of the first export with three lines each."""
    charges = Counter(row["CLAIMID"] for row in read(FULL, "claims_transactions") if row["TYPE"] == "CHARGE")
    return [claim for claim, lines in charges.items() if lines == 3][:2]


def less_of_the_ledger(*, all_of_one: bool) -> dict[str, Rows]:
    """A later full export in which an old claim has lost its later lines and, when asked for, another one all of them."""
    files = {file: merged(file) for file in FILES}
    shorter, gone = old_claims()
    ledger, lines = [], 0
    for row in files["claims_transactions"]:
        lines += row["CLAIMID"] == shorter and row["TYPE"] == "CHARGE"
        if not (row["CLAIMID"] == shorter and lines > 1 or row["CLAIMID"] == gone and all_of_one):
            ledger.append(row)
    return {**files, "claims_transactions": ledger}


def whole(place: Place, root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The published bytes of a lake of the same inbox that was built at once, every table as a whole."""
    other = Place(root)
    root.mkdir()
    (root / "inbox").symlink_to(place.inbox)
    with monkeypatch.context() as patch:
        patch.setattr(step, "narrowed", lambda *_: None)
        other.run("--start", FULL, "--select", SELECTION)
    return other.published("dims", "facts")


def test_a_part_gives_the_bytes_of_the_whole(tmp_path: Path, parts: dict[str, set[date] | None], monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path)
    place.inbox.mkdir()
    write(place.inbox, FULL, FULL, {file: read(FULL, file) for file in FILES}, "full")
    place.run("--start", FULL, "--select", SELECTION)
    assert parts == dict.fromkeys(TABLES)

    write(place.inbox, LATER, LATER, less_of_the_ledger(all_of_one=False), "full")
    place.run("--select", SELECTION)
    opening, visits = date.fromisoformat(FULL), date(2025, 12, 4)
    assert [parts["dim_claim_transaction"], parts["fact_transaction"]] == [{opening, visits}] * 2
    # a visit of the opening partition has other totals now, and any line may belong to it
    assert parts["fact_claim_line"] is None

    write(place.inbox, LAST, LAST, less_of_the_ledger(all_of_one=True), "full")
    manifest = place.inbox / LAST / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "deletes": True}))
    place.run("--select", SELECTION)
    assert parts["dim_claim_transaction"] == {opening}
    # a claim without its ledger is another row of dim_claim's opening partition
    assert parts["fact_transaction"] is None
    left = place.reader().table("fact_transaction").to_pandas().claim_id.value_counts()
    shorter, gone = old_claims()
    assert gone not in left
    assert left[shorter] < Counter(row["CLAIMID"] for row in read(FULL, "claims_transactions"))[shorter]
    assert place.published("dims", "facts") == whole(place, tmp_path / "whole", monkeypatch)
