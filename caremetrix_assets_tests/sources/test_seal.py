"""Sealing a folder: what the manifest says, and when a folder cannot be sealed."""

import hashlib
import json
from datetime import date

import pytest

from caremetrix_assets.errors import InputError, ServiceError, UsageError
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.sources.drops import minimal, write_files

KNOWN = ("patients", "conditions", "practice/rooms")
DAY = date(2026, 1, 2)


def sealed(tmp_path, files, **options):
    write_files(tmp_path / "d", files)
    return seal(tmp_path / "d", DAY, KNOWN, **options)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("Id,NAME\n1,x\n2,y\n", 2),
        ("Id,NAME\n1,x\n2,y", 2),
        ("Id,NAME\n1,x\n\n2,y\n\n", 2),
        ('Id,NAME\n1,"x\ny"\n', 1),
        ('Id,NAME\n1,"x\n2,y\n', 2),
        ("Id,NAME\n1\n", 1),
        ("Id,NAME\n", 0),
        ("Id,NAME", 0),
        ("", 0),
    ],
)
@pytest.mark.parametrize("name", ["patients.csv", "patients.csv.gz"])
def test_rows_are_records(tmp_path, name, text, rows):
    assert sealed(tmp_path, {name: text}).files[name].rows == rows


def test_the_manifest_lists_every_csv_file_and_comes_last(tmp_path):
    files = {"csv/patients.csv": "Id\n1\n", "practice/rooms.csv": "room_id\n", "other.csv": "a\n", "run.json": "{}", "x/y.csv.gz": "a\n"}
    manifest = sealed(tmp_path, files, kind="delta", producer="north", sequence=2, deletes=True, history_start=date(2015, 1, 1))
    written = json.loads((tmp_path / "d/manifest.json").read_text())
    assert list(written["files"]) == ["csv/patients.csv", "other.csv", "practice/rooms.csv", "x/y.csv.gz"]
    assert written["files"]["csv/patients.csv"] == {"sha256": hashlib.sha256(b"Id\n1\n").hexdigest(), "rows": 1}
    head = {k: v for k, v in written.items() if k != "files"}
    assert head == {
        "drop_date": "2026-01-02",
        "kind": "delta",
        "producer": "north",
        "sequence": 2,
        "deletes": True,
        "history_start": "2015-01-01",
    }
    assert not [p for p in (tmp_path / "d").iterdir() if p.name.startswith(".")]
    assert manifest.drop_id


def test_sealing_again_does_nothing_or_refuses(tmp_path):
    first = sealed(tmp_path, {"patients.csv": "Id\n1\n"})
    before = (tmp_path / "d/manifest.json").stat()
    assert seal(tmp_path / "d", DAY, KNOWN) == first
    assert (tmp_path / "d/manifest.json").stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(InputError, match="sealed already"):
        seal(tmp_path / "d", DAY, KNOWN, sequence=1)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"people.csv": "Id\n"}, "no Synthea CSV file"),
        ({"2026/patients.csv": "Id\n"}, "no Synthea CSV file"),
        ({"patients.csv": "Id\n", "patients-1.csv": "Id\n"}, "whole and in parts"),
        ({"patients.csv": "Id\n", "a\nb.csv": "x\n"}, "no Synthea|control characters|not a key"),
    ],
)
def test_a_folder_that_is_no_drop_is_refused(tmp_path, files, told):
    with pytest.raises((InputError, UsageError), match=told):
        sealed(tmp_path, files)


def test_a_practice_feed_alone_is_a_drop(tmp_path):
    assert sealed(tmp_path, {"practice/rooms.csv": "room_id\nr1\n"}).files["practice/rooms.csv"].rows == 1


def test_wrong_options_and_no_folder(tmp_path):
    with pytest.raises(UsageError, match="sequence"):
        sealed(tmp_path, minimal(), sequence=-1)
    with pytest.raises(ServiceError, match="not a folder"):
        seal(tmp_path / "nowhere", DAY, KNOWN)


def test_a_damaged_file_cannot_be_sealed(tmp_path):
    with pytest.raises(InputError, match=r"patients\.csv\.gz"):
        sealed(tmp_path, {"patients.csv.gz": b"\x1f\x8b\x08\x00broken"})
