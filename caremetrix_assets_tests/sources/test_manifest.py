"""manifest.json: what is accepted, what is refused and why, and the identity of a drop."""

import hashlib
import json
from datetime import date

import pytest

from caremetrix_assets.errors import InputError
from caremetrix_assets.sources.manifest import date_in_name, drop_id_of, parse_manifest

SHA = "ab" * 32
GOOD = {"drop_date": "2026-01-02", "kind": "full", "files": {"patients.csv.gz": {"sha256": SHA, "rows": 60}}}


def parse(**changes):
    return parse_manifest(json.dumps({**GOOD, **changes}).encode(), "box/2026-01-02")


def test_absent_keys_have_defaults():
    manifest = parse()
    assert (manifest.drop_date, manifest.producer, manifest.sequence, manifest.deletes) == (date(2026, 1, 2), "default", 0, False)
    assert manifest.history_start is None and manifest.practice_start is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "partial"}, "kind"),
        ({"drop_date": "02.01.2026"}, "drop_date"),
        ({"drop_date": None}, "drop_date"),
        ({"sequence": "1"}, "sequence"),
        ({"sequence": -1}, "sequence"),
        ({"deletes": "yes"}, "deletes"),
        ({"producer": " "}, "producer"),
        ({"producer": "a\x1b[31mb"}, "control characters"),
        ({"colour": "red"}, "colour"),
        ({"files": {"patients.csv": {"sha256": SHA}}}, "rows"),
        ({"files": {"patients.csv": {"sha256": "abc", "rows": 1}}}, "sha256"),
        ({"files": {"../patients.csv": {"sha256": SHA, "rows": 1}}}, "leaves the folder"),
        ({"files": {"csv/../../patients.csv": {"sha256": SHA, "rows": 1}}}, "leaves the folder"),
        ({"files": {"/etc/passwd": {"sha256": SHA, "rows": 1}}}, "not a relative path"),
        ({"files": {"C:\\x.csv": {"sha256": SHA, "rows": 1}}}, "'/' only"),
        ({"files": {"csv/.hidden.csv": {"sha256": SHA, "rows": 1}}}, "hidden"),
        ({"files": {"a\nb.csv": {"sha256": SHA, "rows": 1}}}, "control characters"),
        ({"files": {"a\0.csv": {"sha256": SHA, "rows": 1}}}, "control characters"),
        ({"files": {"..": {"sha256": SHA, "rows": 1}}}, "leaves the folder"),
        ({"files": {"csv//patients.csv": {"sha256": SHA, "rows": 1}}}, "not a relative path"),
        ({"files": {"..\\patients.csv": {"sha256": SHA, "rows": 1}}}, "'/' only"),
        ({"files": {"csv\\..\\x.csv": {"sha256": SHA, "rows": 1}}}, "'/' only"),
        ({"files": {"A.csv": {"sha256": SHA, "rows": 1}, "a.csv": {"sha256": SHA, "rows": 1}}}, "upper and lower case"),
    ],
)
def test_a_wrong_manifest_is_refused_by_name(changes, told):
    with pytest.raises(InputError, match="box/2026-01-02: manifest.json") as refused:
        parse(**changes)
    assert told in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[]", b"[" * 100_000, b'{"kind": "full", "kind": "delta"}'])
def test_what_is_no_json_object_is_refused(data):
    with pytest.raises(InputError):
        parse_manifest(data, "box")


def test_drop_id_is_the_hash_of_the_written_serialisation():
    text = (
        '{"deletes":false,"drop_date":"2026-01-02","files":[["a.csv","' + SHA + '"],["b.csv.gz","' + SHA[::-1] + '"]],'
        '"kind":"delta","producer":"default","sequence":3}'
    )
    found = drop_id_of({"b.csv.gz": SHA[::-1], "a.csv": SHA}, "delta", date(2026, 1, 2), 3, "default", False)
    assert found == hashlib.sha256(text.encode()).hexdigest()


def test_drop_id_ignores_rows_and_spelling_but_nothing_else():
    same = parse(files={"patients.csv.gz": {"rows": 61, "sha256": SHA}}, history_start="2015-01-01")
    assert same.drop_id == parse().drop_id
    others = [
        parse(kind="delta"),
        parse(drop_date="2026-01-03"),
        parse(sequence=1),
        parse(producer="north"),
        parse(deletes=True),
        parse(files={"patients.csv.gz": {"rows": 60, "sha256": "cd" * 32}}),
        parse(files={"patients.csv": {"rows": 60, "sha256": SHA}}),
    ]
    assert len({m.drop_id for m in [*others, parse()]}) == 8


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("2025-11-30", date(2025, 11, 30)),
        ("north 20251130 v2", date(2025, 11, 30)),
        ("run_123456789_2025-11-30T01", date(2025, 11, 30)),
        ("2025-13-45 2025-01-02", date(2025, 1, 2)),
        ("2025-1130", None),
        ("120251130", None),
        ("latest", None),
    ],
)
def test_date_in_a_folders_name(name, found):
    assert date_in_name(name) == found
