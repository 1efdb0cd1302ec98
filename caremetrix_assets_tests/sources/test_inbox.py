"""What a look at the inbox finds, and what it need not read twice."""

import os

import pytest

from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.inbox import classify, look
from caremetrix_assets.sources.memory import Memory
from caremetrix_assets_tests.sources.drops import minimal, write_files

KNOWN = ("patients", "conditions", "imaging_studies", "payers", "practice/rooms")


def folder(lab, name, files, sealed_by="_SUCCESS"):
    write_files(lab.root / "inbox" / name, {**files, **({sealed_by: ""} if sealed_by else {})})


def seen(lab, memory=None):
    return {c.name: c for c in look(lab.inbox, known_places(lab.catalog), memory)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("patients.csv", ("synthea", "patients", None)),
        ("csv/patients.csv.gz", ("synthea", "patients", None)),
        ("imaging_studies-007.csv", ("synthea", "imaging_studies", 7)),
        ("practice/rooms.csv", ("practice", "rooms", None)),
        ("practice/rooms-2.csv.gz", ("practice", "rooms", 2)),
        ("practice/people.csv", ("other", None, None)),
        ("rooms.csv", ("other", None, None)),
        ("practice/patients.csv", ("other", None, None)),
        ("csv/rooms.csv", ("other", None, None)),
        ("patients-a.csv", ("other", None, None)),
        ("Patients.csv", ("other", None, None)),
        ("patient_expenses.csv", ("other", None, None)),
        ("fhir/patients.csv", ("other", None, None)),
        ("patients.csv.bak", ("other", None, None)),
    ],
)
def test_a_file_is_known_by_its_name_and_place(name, expected):
    assert classify(name, KNOWN) == expected


def test_an_inbox_that_is_not_there_holds_nothing(lab):
    assert look(lab.inbox, KNOWN) == []


def test_folders_with_and_without_a_seal(lab):
    lab.drop("sealed", minimal())
    folder(lab, "run 20250131", minimal())
    folder(lab, "latest", minimal())
    folder(lab, "open", minimal(), sealed_by=None)
    folder(lab, "later/2025-03-01", minimal())
    write_files(lab.root / "inbox", {"notes.csv": "x\n"})
    found = seen(lab)
    assert {name: c.status for name, c in found.items()} == {
        "sealed": "complete",
        "run 20250131": "complete",
        "latest": "rejected",
        "open": "incomplete",
        "later": "incomplete",
    }
    assert "holds other drops (2025-03-01)" in (found["later"].reason or "")
    assert found["sealed"].drop_id == found["run 20250131"].drop_id  # same content, same date, same defaults
    assert "holds no date" in (found["latest"].reason or "") and "neither manifest.json nor _SUCCESS" in (found["open"].reason or "")
    assert len({c.drop_id for c in found.values()}) == 4


def test_the_inbox_itself_is_not_a_drop(lab):
    lab.drop("sealed", minimal())
    with pytest.raises(UsageError, match="is a drop itself"):
        look(LocalStorage(lab.root / "inbox" / "sealed"), KNOWN)


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ({"patients-1.csv": "Id\np1\n"}, "whole and in parts"),
        ({"csv/patients.csv": "Id\np1\n"}, "more than once"),
        ({"patients.csv.gz": "Id\np1\n"}, "more than once"),
        ({"conditions-1.csv": "START\n", "conditions-01.csv": "START\n"}, "more than once"),
    ],
)
def test_a_file_that_is_there_twice_rejects(lab, extra, told):
    folder(lab, "2025-01-31", {**minimal(), **extra})
    (candidate,) = look(lab.inbox, known_places(lab.catalog))
    assert candidate.status == "rejected" and told in (candidate.reason or "")


def test_a_manifest_that_names_what_is_not_there_rejects(lab):
    lab.drop("d", minimal())
    (lab.root / "inbox/d/patients.csv").unlink()
    assert seen(lab)["d"].reason == "d: manifest.json lists patients.csv, which the folder does not hold."


def test_a_manifest_that_leads_out_of_the_folder_rejects(lab):
    lab.drop("d", minimal())
    lab.drop("e", minimal())
    lab.manifest("d", files={"../e/patients.csv": {"sha256": "ab" * 32, "rows": 1}})
    assert "leaves the folder" in (seen(lab)["d"].reason or "")


@pytest.mark.parametrize("sealed", ["manifest.json", "_SUCCESS"])
def test_a_seal_that_is_a_link_to_elsewhere_is_not_opened(lab, sealed):
    secret = lab.root / "secret.json"
    secret.write_text('{"password": "hunter2"}')
    (lab.root / "inbox/2025-01-31").mkdir(parents=True)
    (lab.root / "inbox/2025-01-31" / sealed).symlink_to(secret)
    (candidate,) = look(lab.inbox, known_places(lab.catalog))
    assert (candidate.status, candidate.reason) == ("rejected", f"2025-01-31: 2025-01-31/{sealed} is a link that leads out of the folder.")


def test_a_file_of_a_folder_without_a_manifest_is_not_hashed_elsewhere(lab):
    (lab.root / "inbox/2025-01-31").mkdir(parents=True)
    (lab.root / "inbox/2025-01-31/_SUCCESS").touch()
    (lab.root / "inbox/2025-01-31/patients.csv").symlink_to("/etc/hosts")
    (candidate,) = look(lab.inbox, known_places(lab.catalog))
    assert candidate.status == "rejected" and "leads out of the folder" in (candidate.reason or "")


def test_a_manifest_of_many_megabytes_is_not_read(lab):
    (lab.root / "inbox/2025-01-31").mkdir(parents=True)
    (lab.root / "inbox/2025-01-31/manifest.json").write_bytes(b" " * (16 * 2**20 + 1))
    (candidate,) = look(lab.inbox, known_places(lab.catalog))
    assert candidate.status == "rejected" and "is the limit" in (candidate.reason or "")


def test_a_link_that_leads_out_of_the_folder_rejects(lab):
    lab.drop("d", minimal())
    secret = lab.root / "secret.csv"
    secret.write_text((lab.root / "inbox/d/patients.csv").read_text())
    (lab.root / "inbox/d/patients.csv").unlink()
    (lab.root / "inbox/d/patients.csv").symlink_to(secret)
    assert "leads out of the folder" in (seen(lab)["d"].reason or "")


def test_a_drop_says_what_it_holds(lab):
    extra = {"patient_expenses.csv": "a\n1\n", "practice/rooms.csv": "room_id\nr1\n", "conditions-2.csv": "x\n", "conditions-1.csv": "x\n"}
    lab.drop("d", {**minimal(), **extra})
    write_files(lab.root / "inbox/d", {"late.csv": "x\n"})
    drop = seen(lab)["d"].drop
    assert drop is not None
    assert (drop.names("other"), drop.names("practice"), drop.unlisted) == (["patient_expenses.csv"], ["practice/rooms.csv"], ("late.csv",))
    assert [f.name for f in drop.read["conditions"]] == ["conditions-1.csv", "conditions-2.csv"]


def test_a_folder_with_a_manifest_is_told_without_reading_its_files(lab, monkeypatch):
    manifest = lab.drop("d", minimal())
    monkeypatch.setattr(LocalStorage, "local_path", None)
    assert seen(lab)["d"].drop_id == manifest.drop_id


def test_a_folder_without_a_manifest_is_hashed_once(lab, monkeypatch):
    folder(lab, "2025-01-31", minimal())
    memory = Memory()
    first = seen(lab, memory)
    memory.save(lab.lake)
    kept = Memory.load(lab.lake)
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "local_path", None)
        assert seen(lab, kept) == first
    path = lab.root / "inbox/2025-01-31/patients.csv"
    path.write_text(path.read_text().replace("Ann", "Eve"))
    assert seen(lab, kept)["2025-01-31"].drop_id != first["2025-01-31"].drop_id


def test_the_fingerprint_changes_when_a_file_is_written_again(lab):
    lab.drop("d", minimal())
    before = seen(lab)["d"]
    os.utime(lab.root / "inbox/d/patients.csv", (1, 1))
    after = seen(lab)["d"]
    assert before.drop_id == after.drop_id and before.fingerprint != after.fingerprint
