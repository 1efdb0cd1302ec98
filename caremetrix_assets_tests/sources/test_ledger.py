"""The drop ledger: its columns, who may become what, and the order in which drops count."""

from datetime import date

import duckdb
import pytest

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.objects import Conflict
from caremetrix_assets.sources.inbox import Candidate, Drop
from caremetrix_assets.sources.ledger import LEDGER_KEY, Ledger
from caremetrix_assets.sources.manifest import Manifest

TODAY = date(2025, 6, 1)
COLUMNS = (
    "drop_id drop_date sequence kind producer name status attempts rows_in rows_new rows_changed rows_unchanged rows_superseded "
    "rows_quarantined rows_waiting rows_vanished rows_forgotten first_affected_date history_start practice_start reason"
).split()


def candidate(name="d", day="2025-01-31", sequence=0, producer="default", status="complete", reason=None, **manifest):
    m = Manifest(drop_date=date.fromisoformat(day), sequence=sequence, producer=producer, files={}, **manifest)
    drop = Drop(name, m.drop_id, m, ()) if status == "complete" else None
    return Candidate(name, status, m.drop_id, drop, m, reason)


def folder(name, status="incomplete", drop_id="own"):
    return Candidate(name, status, drop_id, reason=f"{name} is {status}")


def ledger_of(*candidates):
    ledger = Ledger()
    return ledger, [ledger.see(c, TODAY).drop_id for c in candidates]


def test_the_table_has_exactly_the_columns_of_its_specification(lab):
    ledger, (drop_id,) = ledger_of(candidate(history_start=date(2015, 1, 1)))
    ledger.accept(drop_id, {"rows_in": 10, "rows_quarantined": 1})
    ledger.save(lab.lake)
    with duckdb.connect() as con:
        found = con.execute(f"describe from '{lab.lake.local_path(LEDGER_KEY)}'").fetchall()
    assert [row[0] for row in found] == COLUMNS
    assert {row[0]: row[1] for row in found}["rows_in"] == "BIGINT"
    again = Ledger.load(lab.lake)
    assert again.entries == ledger.entries and again.entries[drop_id].history_start == date(2015, 1, 1)
    assert again.to_arrow().column_names == COLUMNS


def test_an_empty_ledger_is_a_table_too(lab):
    assert Ledger.load(lab.lake).history() == []
    Ledger().save(lab.lake)
    assert Ledger.load(lab.lake).history() == []


def test_a_second_writer_gets_a_conflict_and_an_unchanged_ledger_is_not_written(lab):
    ledger, (drop_id,) = ledger_of(candidate())
    ledger.save(lab.lake)
    one, two = Ledger.load(lab.lake), Ledger.load(lab.lake)
    etag = one.etag
    one.save(lab.lake)
    assert one.etag == etag
    one.reject(drop_id, "no")
    one.save(lab.lake)
    two.accept(drop_id, {})
    with pytest.raises(Conflict):
        two.save(lab.lake)
    with pytest.raises(Conflict):
        Ledger(ledger.entries).save(lab.lake)


def test_drop_order_is_date_sequence_id():
    ledger, ids = ledger_of(
        candidate("a", "2025-02-01"),
        candidate("b", "2025-01-31", 1),
        candidate("c", "2025-01-31", 0, "x"),
        candidate("d", "2025-01-31", 0, "y"),
    )
    c, d = sorted(ids[2:])
    assert [e.drop_id for e in ledger.history()] == [c, d, ids[1], ids[0]]


def test_the_same_content_under_another_name_changes_nothing():
    ledger, (drop_id,) = ledger_of(candidate("first"))
    ledger.accept(drop_id, {"rows_in": 5})
    before = ledger.entries[drop_id]
    assert ledger.see(candidate("second"), TODAY) == before and ledger.entries == {drop_id: before}


def test_a_drop_of_tomorrow_waits_for_its_day():
    ledger, (drop_id,) = ledger_of(candidate(day="2025-06-02"))
    assert ledger.entries[drop_id].reason == "dated 2025-06-02; applied on its day"
    assert ledger.due(TODAY) == []
    ledger.see(candidate(day="2025-06-02"), date(2025, 6, 2))
    assert ledger.entries[drop_id].reason is None
    assert [e.drop_id for e in ledger.due(date(2025, 6, 2))] == [drop_id]


def test_an_incomplete_folder_has_one_row_until_it_is_complete_or_gone():
    ledger = Ledger()
    ledger.see_all([folder("d"), folder("e", "rejected", "e1")], TODAY)
    ledger.see_all([folder("d"), folder("e", "rejected", "e2")], TODAY)
    assert [(e.name, e.status, e.drop_id) for e in ledger.entries.values()] == [("d", "incomplete", "own"), ("e", "rejected", "e2")]
    ledger.see_all([candidate("d")], TODAY)
    assert [(e.name, e.status) for e in ledger.entries.values()] == [("d", "seen")]


def test_a_folder_that_was_never_read_is_judged_anew():
    ledger, (drop_id,) = ledger_of(candidate(status="rejected", reason="a file is missing"))
    assert (ledger.entries[drop_id].status, ledger.entries[drop_id].attempts) == ("rejected", 0)
    assert ledger.see(candidate(), TODAY).status == "seen"
    assert ledger.see(candidate("copy", status="rejected", reason="half a copy"), TODAY).status == "seen"
    ledger.attempt(drop_id)
    ledger.reject(drop_id, "too many broken rows")
    assert ledger.see(candidate(), TODAY).status == "rejected"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (["accept"], True),
        (["reject"], True),
        (["accept", "apply"], True),
        (["accept", "apply", "apply"], True),
        (["accept", "reject"], True),
        (["accept", "withdraw"], True),
        (["accept", "apply", "withdraw"], True),
        (["reject", "reopen", "accept"], True),
        (["accept", "withdraw", "reopen"], True),
        (["apply"], False),
        (["withdraw"], False),
        (["reject", "accept"], False),
        (["accept", "apply", "reject"], False),
        (["accept", "apply", "reopen"], False),
        (["accept", "withdraw", "apply"], False),
        (["accept", "accept"], False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_who_may_become_what(path, allowed):
    ledger, (drop_id,) = ledger_of(candidate())
    steps = {
        "accept": lambda: ledger.accept(drop_id, {"rows_in": 3}),
        "apply": lambda: ledger.apply(drop_id, {"rows_new": 3}, date(2025, 1, 1)),
        "reject": lambda: ledger.reject(drop_id, "no"),
        "withdraw": lambda: ledger.withdraw(drop_id),
        "reopen": lambda: ledger.reopen(drop_id),
    }
    for step in path[:-1]:
        steps[step]()
    if allowed:
        steps[path[-1]]()
    else:
        with pytest.raises(UsageError, match="cannot become"):
            steps[path[-1]]()


def test_counts_are_those_of_the_current_replay():
    ledger, (drop_id,) = ledger_of(candidate())
    ledger.accept(drop_id, {"rows_in": 3, "rows_quarantined": 1})
    ledger.apply(drop_id, {"rows_new": 2}, date(2025, 1, 1))
    entry = ledger.apply(drop_id, {"rows_new": 1})
    assert (entry.rows_in, entry.rows_new, entry.rows_quarantined, entry.first_affected_date) == (3, 1, 1, date(2025, 1, 1))
    entry = ledger.withdraw(drop_id, "wrong month")
    assert (entry.rows_in, entry.rows_new, entry.first_affected_date, entry.reason) == (None, None, None, "wrong month")


def test_what_is_in_force_before_and_clashing():
    a, b, c = candidate("a", "2025-01-01"), candidate("b", "2025-01-02"), candidate("c", "2025-01-01", producer="other")
    twin = candidate("twin", "2025-01-02", kind="delta")
    ledger, ids = ledger_of(a, b, c, twin)
    for drop_id in ids[:3]:
        ledger.accept(drop_id, {})
    ledger.apply(ids[0], {})
    assert {e.name for e in ledger.in_force()} == {"a", "b", "c"} and {e.name for e in ledger.pending()} == {"b", "c"}
    assert [e.name for e in ledger.before(b.drop_id, b.manifest)] == ["a"]
    assert ledger.before(a.drop_id, a.manifest) == []
    assert [e.name for e in ledger.clashes(twin.drop_id, twin.manifest)] == ["b"]


def test_a_drop_is_found_by_name_or_the_start_of_its_id():
    ledger, ids = ledger_of(candidate("a", "2025-01-01"), candidate("b", "2025-01-02"))
    assert ledger.find("b").drop_id == ids[1] and ledger.find(ids[0][:10]).name == "a"
    for text in ("", "zzz"):
        with pytest.raises(UsageError):
            ledger.find(text)
