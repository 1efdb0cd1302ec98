"""Computing only the claims a drop can have changed gives the bytes of computing all of them: real drops, some changed."""

from __future__ import annotations

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
DELTA, LATER = "2025-12-05", "2025-12-06"


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


def less_of_the_ledger() -> dict[str, Rows]:
    """The full export of the next day, in which one old claim has lost its later lines and another all of them."""
    files = {file: merged(file) for file in FILES}
    charges = Counter(row["CLAIMID"] for row in read(FULL, "claims_transactions") if row["TYPE"] == "CHARGE")
    shorter, gone = [claim for claim, lines in charges.items() if lines == 3][:2]
    ledger, lines = [], 0
    for row in files["claims_transactions"]:
        lines += row["CLAIMID"] == shorter and row["TYPE"] == "CHARGE"
        if row["CLAIMID"] != gone and not (row["CLAIMID"] == shorter and lines > 1):
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

    write(place.inbox, DELTA, DELTA, {file: read(DELTA, file) for file in FILES}, "delta")
    place.run("--select", SELECTION)
    assert all(parts[name] for name in TABLES)
    assert date.fromisoformat(FULL) not in (parts["fact_transaction"] or ())

    before = len(place.reader().table("fact_transaction").to_arrow())
    write(place.inbox, LATER, LATER, less_of_the_ledger(), "full")
    place.run("--select", SELECTION)
    assert date.fromisoformat(FULL) in (parts["fact_transaction"] or ())
    assert date.fromisoformat(FULL) in (parts["dim_claim_transaction"] or ())
    # claims of the first export are other visits now: their opening partition differs, so all lines are computed
    assert parts["fact_claim_line"] is None
    assert len(place.reader().table("fact_transaction").to_arrow()) < before
    assert place.published("dims", "facts") == whole(place, tmp_path / "whole", monkeypatch)
