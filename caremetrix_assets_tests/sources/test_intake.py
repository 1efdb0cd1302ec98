"""The inbox against the ledger: offered again, out of order, half written, mended."""

from datetime import date

from caremetrix_assets.sources.intake import note_inbox
from caremetrix_assets_tests.sources.drops import TODAY, minimal
from caremetrix_assets_tests.sources.releases import R33

CONDITION = R33["conditions"] + "\n2025-01-02,,p1,e1,s,1,text\n"


def test_due_drops_are_taken_in_drop_order_whatever_their_names(lab):
    lab.drop("a", {"conditions.csv": CONDITION}, "2025-02-02")
    lab.drop("z", minimal(), "2025-02-01")
    lab.drop("later", {"conditions.csv": CONDITION}, "2027-01-01")
    assert [(t.entry.name, t.entry.status) for t in lab.take_in()] == [("z", "accepted"), ("a", "accepted")]
    assert {e.name: e.status for e in lab.ledger.history()} == {"z": "accepted", "a": "accepted", "later": "seen"}
    assert lab.take_in() == []


def test_the_same_content_under_another_name_is_not_taken_again(lab):
    lab.take(minimal(), "one")
    lab.drop("two", minimal())
    before = lab.ledger
    assert lab.take_in() == []
    assert lab.ledger.entries == before.entries and lab.ledger.etag == before.etag


def test_looking_writes_nothing(lab):
    lab.drop("d", minimal())
    note_inbox(lab.inbox, lab.lake, lab.catalog, ledger := lab.ledger, TODAY)
    assert [e.name for e in ledger.due(TODAY)] == ["d"] and lab.lake.list() == []


def test_a_rejected_drop_stays_rejected_until_its_files_are_written_again(lab):
    lab.drop("d", minimal())
    path = lab.root / "inbox/d/patients.csv"
    text = path.read_text()
    path.write_text(text[:-10])
    assert [t.entry.status for t in lab.take_in()] == ["rejected"]
    assert lab.take_in() == []
    path.write_text(text)
    assert [t.entry.status for t in lab.take_in()] == ["accepted"]


def test_a_withdrawn_drop_is_not_taken_again(lab):
    taken = lab.take(minimal())
    ledger = lab.ledger
    ledger.withdraw(taken.entry.drop_id)
    ledger.save(lab.lake)
    lab.drop("copy", minimal())
    assert lab.take_in() == [] and lab.ledger.history()[0].status == "withdrawn"


def test_a_folder_that_is_completed_later_is_taken_then(lab):
    lab.drop("d", minimal())
    (lab.root / "inbox/d/patients.csv").rename(lab.root / "patients.csv")
    assert lab.take_in() == [] and lab.ledger.history()[0].status == "rejected"
    (lab.root / "patients.csv").rename(lab.root / "inbox/d/patients.csv")
    assert [t.entry.status for t in lab.take_in()] == ["accepted"]


def test_one_bad_drop_blocks_nobody(lab):
    lab.drop("bad", minimal(patients="Identifier\np1\n"), "2025-01-01", producer="x")
    lab.drop("good", minimal(), "2025-01-02")
    assert [(t.entry.name, t.entry.status) for t in lab.take_in(date(2025, 1, 2))] == [("bad", "rejected"), ("good", "accepted")]
