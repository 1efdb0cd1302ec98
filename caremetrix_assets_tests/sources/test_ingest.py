"""Taking a drop into the archive: what rejects it, what is left of a rejected one, and what the archive says of it."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from caremetrix_assets.sources.archive import load_report
from caremetrix_assets_tests.sources.drops import minimal
from caremetrix_assets_tests.sources.feed import feed
from caremetrix_assets_tests.sources.releases import R33, ROWS, csv_text, release_files

CONDITIONS = R33["conditions"]
ROOMS = feed()["practice/rooms.csv"]


def conditions(good, bad=0):
    rows = [f"2025-01-02,,p1,e1,s,{k},text" for k in range(good)] + ["someday,,p1,e1,s,0,text"] * bad
    return "\n".join([CONDITIONS, *rows]) + "\n"


def organizations(bad):
    rows = [{**ROWS["organizations"][0], "Id": f"o{k}"} for k in range(200)] + [{"Id": f"b{k}", "UTILIZATION": "many"} for k in range(bad)]
    return csv_text(R33["organizations"], *rows)


def test_another_hash_than_the_manifests_rejects(lab):
    lab.drop("d", minimal())
    path = lab.root / "inbox/d/patients.csv"
    path.write_text(path.read_text().replace("Ann", "Eve"))
    (taken,) = lab.take_in()
    assert taken.entry.status == "rejected"
    assert taken.entry.reason == "d: patients.csv is not the file that the manifest names: its sha256 differs."


@pytest.mark.parametrize("name", ["patients.csv", "people.csv", "practice/rooms.csv"])
def test_another_row_count_than_the_manifests_rejects(lab, name):
    lab.drop("d", {**minimal(), "people.csv": "a\n1\n", "practice/rooms.csv": ROOMS})
    files = json.loads((lab.root / "inbox/d/manifest.json").read_text())["files"]
    files[name]["rows"] = 5
    lab.manifest("d", files=files)
    (taken,) = lab.take_in()
    assert taken.entry.reason == f"d: {name} has 1 rows where the manifest says 5."


@pytest.mark.parametrize("cut", [1, 12, 40])
def test_a_truncated_gzip_file_rejects_by_name(lab, cut):
    lab.drop("d", {**minimal(), "conditions.csv.gz": conditions(50)})
    path = lab.root / "inbox/d/conditions.csv.gz"
    path.write_bytes(path.read_bytes()[:-cut])
    (taken,) = lab.take_in()
    assert taken.entry.status == "rejected" and "conditions.csv.gz" in (taken.entry.reason or "")


@pytest.mark.parametrize("missing", ["patients", "encounters", "organizations", "providers", "payers"])
def test_a_first_full_drop_needs_its_files(lab, missing):
    assert lab.rejection(minimal(**{missing: None})) == (f"drop: {missing}.csv missing: a first full drop of producer default needs them.")


def test_later_full_drops_deltas_and_feeds_need_none(lab):
    assert lab.take(minimal(), "a", "2025-01-30").entry.status == "accepted"
    assert lab.take({"conditions.csv": conditions(1)}, "b", "2025-01-31").entry.status == "accepted"
    assert lab.take({"conditions.csv": conditions(2)}, "c", kind="delta", producer="other").entry.status == "accepted"
    assert lab.take({"practice/rooms.csv": ROOMS}, "d", producer="feed").entry.status == "accepted"
    # the feed above was full, but no drop of Synthea files
    assert lab.take({"conditions.csv": conditions(3)}, "e", "2025-02-01", producer="feed").entry.status == "rejected"


def test_first_means_first_in_drop_order(lab):
    assert lab.take(minimal(), "b", "2025-01-31").entry.status == "accepted"
    assert lab.take({"conditions.csv": conditions(1)}, "a", "2025-01-30").entry.status == "rejected"


@pytest.mark.parametrize(
    ("good", "bad", "limit", "accepted"),
    [
        (98, 1, "0.01", True),
        (97, 2, "0.01", False),
        (1, 1, "0.01", True),
        (98, 2, "0.01", False),
        (99, 1, "0.01", True),
        (198, 2, "0.01", True),
        (196, 4, "0.01", False),
        (196, 4, "0.02", True),
        (199, 1, "0", False),
        (99, 1, "0", False),
        (98, 1, "0", True),
    ],
)
def test_the_limit_of_broken_rows(lab, good, bad, limit, accepted):
    lab.limit = Decimal(limit)
    taken = lab.take(minimal(conditions=conditions(good, bad)))
    assert (taken.entry.status == "accepted") == accepted
    if not accepted:
        assert f"conditions: {bad} of {good + bad} rows are broken" in (taken.entry.reason or "")
        assert f"conditions.csv line {good + 2} (cannot_type.start)" in (taken.entry.reason or "")


def test_a_strict_file_may_have_no_broken_row(lab):
    assert lab.take(minimal(organizations=organizations(0)), "a").entry.status == "accepted"
    assert "organizations: 1 of 201 rows are broken and none may be" in (
        lab.take(minimal(organizations=organizations(1)), "b", "2025-02-01").entry.reason or ""
    )


def test_nothing_of_a_rejected_drop_stays_but_its_entry(lab):
    lab.rejection(minimal(conditions=conditions(2, 3)))
    assert [info.key for info in lab.lake.list()] == ["ops/drop_ledger/drop_ledger.parquet", "ops/inbox_memory.json"]


def test_no_value_of_a_row_is_in_a_reason(lab):
    assert "someday" not in lab.rejection(minimal(conditions=conditions(2, 3)))


def test_the_report_says_what_the_drop_held(lab):
    files = {**minimal(conditions=conditions(120, 1)), "people.csv": "a\n1\n", "practice/rooms.csv": ROOMS}
    taken = lab.take(files, "north", producer="north", sequence=3, history_start=date(2015, 1, 1))
    report = load_report(lab.lake, taken.entry.drop_id)
    assert report == taken.report
    head = ("drop_date", "sequence", "kind", "producer", "deletes", "name", "history_start", "practice", "other_files")
    assert [report[k] for k in head] == [
        "2025-01-31",
        3,
        "full",
        "north",
        False,
        "north",
        "2015-01-01",
        ["practice/rooms.csv"],
        ["people.csv"],
    ]
    found = report["files"]["conditions"]
    assert (found["rows"], found["broken"], found["superseded"], found["rules"]) == (121, 1, 0, {"cannot_type.start": 1})
    assert found["columns"] == ["start", "stop", "patient", "encounter", "system", "code", "description"]
    assert "people.csv: not a Synthea file; not read." in report["warnings"]
    assert (taken.entry.rows_in, taken.entry.rows_quarantined, taken.entry.attempts) == (127, 1, 1)


def test_an_archived_drop_is_not_read_again(lab, monkeypatch):
    taken = lab.take(minimal())
    ledger = lab.ledger
    del ledger.entries[taken.entry.drop_id]  # as after a run that was killed before it saved the ledger
    ledger.save(lab.lake)
    (lab.root / "inbox/drop/patients.csv").write_text("gone bad")
    (again,) = lab.take_in()
    assert again.report == taken.report and again.entry.status == "accepted"


def test_what_a_killed_run_left_is_replaced(lab):
    manifest = lab.drop("d", minimal())
    lab.lake.write(f"ops/drops/{manifest.drop_id}/conditions.parquet", b"half")
    (taken,) = lab.take_in()
    names = {info.key.rpartition("/")[2] for info in lab.lake.list(f"ops/drops/{manifest.drop_id}/")}
    assert names == {f"{n}.parquet" for n in ("patients", "encounters", "organizations", "providers", "payers")} | {"report.json"}
    assert taken.entry.status == "accepted"


def test_a_drop_rejected_after_it_was_archived_is_taken_again_from_there(lab):
    taken = lab.take(minimal(conditions=conditions(198, 1)))
    ledger = lab.ledger
    ledger.reject(taken.entry.drop_id, "a run failed")
    ledger.reopen(taken.entry.drop_id)
    ledger.save(lab.lake)
    (again,) = lab.take_in()
    assert again.report == taken.report and again.entry.status == "accepted"


def test_packed_and_plain_files_give_the_same_archive(lab):
    files = release_files("3.3")
    plain = lab.take(files, "plain")
    packed = lab.take({f"{n}.gz": gzip.compress(t.encode()) for n, t in files.items()}, "packed", "2025-02-01", producer="b")
    for name in files:
        name = name.removesuffix(".csv")
        found = [[{**row, "source_file": None} for row in lab.rows(taken, name)] for taken in (plain, packed)]
        assert found[0] == found[1]


DATA = Path(__file__).parent.parent / "data"
REAL = sorted(p.parent for p in DATA.rglob("manifest.json")) + sorted(
    p.parent for p in (Path(__file__).parents[2] / "sample_drops").rglob("manifest.json")
)


@pytest.mark.parametrize("folder", REAL, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_real_drops_read_without_a_broken_row(lab, folder):
    (lab.root / "inbox").mkdir()
    (lab.root / "inbox" / folder.name).symlink_to(folder)
    (taken,) = lab.take_in(date(2100, 1, 1))
    assert (taken.entry.status, taken.entry.reason, taken.entry.rows_quarantined) == ("accepted", None, 0)
    entries = json.loads((folder / "manifest.json").read_text())["files"]
    assert taken.entry.rows_in == sum(entry["rows"] for entry in entries.values())
