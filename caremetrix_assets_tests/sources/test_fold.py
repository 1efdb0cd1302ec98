"""Folding: what a folded drop held can still be read row by row, and what its time can no longer do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.layout import BASE_PREFIX
from caremetrix_assets.sources.base import Archive, Base
from caremetrix_assets.sources.fold import fold, leftovers, refuse_folded
from caremetrix_assets.sources.ledger import Ledger
from caremetrix_assets_tests.sources.drops import Lab, minimal, read
from caremetrix_assets_tests.sources.releases import R33, ROWS, csv_text
from caremetrix_assets_tests.sources.test_forget import KEPT, SECRETS, forget, history, naming

CONDITION = {**ROWS["conditions"][0]}
Rows = dict[tuple[str, str], list[dict[str, Any]]]


def conditions(*codes: str, broken: bool = False) -> str:
    bad = "someday,,p1,e1,s,9,text\n" if broken else ""
    return csv_text(R33["conditions"], *({**CONDITION, "CODE": code} for code in codes)) + bad


@pytest.fixture
def filled(lab: Lab) -> Lab:
    """Three drops: the second repeats the first with a repeated key, another order and a broken row, the third is a delta."""
    lab.take(minimal(conditions=conditions("1", "2", "3")), name="one", day="2025-01-01")
    lab.take(minimal(conditions=conditions("3", "2", "2", "4", broken=True)), name="two", day="2025-01-02")
    lab.take({"conditions.csv": conditions("5")}, name="three", day="2025-01-03", kind="delta")
    assert [e.status for e in lab.ledger.history()] == ["accepted"] * 3
    return lab


def archived(lab: Lab, work: Path) -> Rows:
    """Every record of every archived file by drop and file, in file order."""
    archive, found = Archive(lab.lake, work), Rows()
    for entry in lab.ledger.in_force():
        for file in ("patients", "encounters", "organizations", "providers", "payers", "conditions"):
            if entry.name != "three" or file == "conditions":
                found[entry.name, file] = read(archive.path(entry.drop_id, file))
    return found


def fold_to(lab: Lab, day: str) -> Base | None:
    base = fold(lab.lake, lab.ledger, date.fromisoformat(day), lab.root / "work", 1, "300MB", lambda: None)
    for info in list(leftovers(lab.lake, lab.ledger)):
        lab.lake.delete(info.key)
    return base


def objects(lab: Lab) -> list[str]:
    return [i.key for i in lab.lake.list("ops/drops/") if not i.key.endswith("report.json")]


def test_a_folded_drop_reads_as_it_did(filled: Lab, tmp_path: Path) -> None:
    before = archived(filled, tmp_path / "before")
    assert [r["is_superseded"] for r in before["two", "conditions"]] == [False, True, False, False, False]
    base = fold_to(filled, "2025-01-02")
    assert base is not None and len(base.drop_ids) == 2
    assert archived(filled, tmp_path / "after") == before
    assert len(objects(filled)) == 1, "the delta of the third day"
    rows = read(filled.lake.local_path(f"{BASE_PREFIX}{base.folder}/conditions.rows.parquet"))
    assert [r["code"] for r in rows] == ["1", "2", "3", "4", "9"], "each different row once"


def test_folding_again_takes_the_old_base_in(filled: Lab, tmp_path: Path) -> None:
    before = archived(filled, tmp_path / "before")
    old = fold_to(filled, "2025-01-01")
    new = fold_to(filled, "2025-01-03")
    assert old is not None and new is not None and old.folder != new.folder
    assert archived(filled, tmp_path / "after") == before
    assert objects(filled) == [] and not filled.lake.list(f"{BASE_PREFIX}{old.folder}/")
    assert fold_to(filled, "2025-01-02") == new, "an earlier day unfolds nothing"


def test_a_later_day_without_drops_closes_more_time(filled: Lab) -> None:
    fold_to(filled, "2025-01-03")
    fold_to(filled, "2025-01-20")
    base = Base.load(filled.lake)
    assert base is not None and base.folded_to == date(2025, 1, 20)


def test_nothing_of_the_folded_time_comes_or_goes(filled: Lab) -> None:
    fold_to(filled, "2025-01-02")
    late = filled.take(minimal(conditions=conditions("7")), name="late", day="2025-01-02", sequence=1)
    assert (late.entry.status, late.entry.reason) == (
        "rejected",
        "late: dated 2025-01-02, and drops dated up to 2025-01-02 are folded into one base drop, "
        "so nothing of that time can come any more.",
    )
    with pytest.raises(UsageError, match="folded into one base drop"):
        refuse_folded(filled.lake, filled.ledger.find("one"))
    refuse_folded(filled.lake, filled.ledger.find("three"))


def test_the_archive_of_a_withdrawn_drop_of_that_time_goes(filled: Lab) -> None:
    ledger = filled.ledger
    ledger.withdraw(ledger.find("two").drop_id)
    ledger.save(filled.lake)
    assert filled.lake.list("quarantine/")
    base = fold_to(filled, "2025-01-03")
    assert base is not None and len(base.drop_ids) == 2
    assert not filled.lake.list(f"ops/drops/{ledger.find('two').drop_id}/") and not filled.lake.list("quarantine/")


def test_a_drop_without_a_report_is_a_leftover(filled: Lab) -> None:
    filled.lake.write("ops/drops/" + "0" * 64 + "/patients.parquet", b"cut short")
    assert [i.key for i in leftovers(filled.lake, Ledger())] == ["ops/drops/" + "0" * 64 + "/patients.parquet"]


def test_forgetting_reaches_into_the_base(lab: Lab, tmp_path: Path) -> None:
    lab.take(history(), day="2025-01-01")
    old = fold_to(lab, "2025-01-01")
    assert old is not None and naming(lab, *SECRETS)
    forget(lab)
    new = Base.load(lab.lake)
    assert new is not None and new.folder != old.folder and not lab.lake.list(f"{BASE_PREFIX}{old.folder}/")
    assert naming(lab, *SECRETS) == {}
    (person,) = read(Archive(lab.lake, tmp_path).path(lab.ledger.find("drop").drop_id, "patients"))
    assert person["id"] == KEPT
