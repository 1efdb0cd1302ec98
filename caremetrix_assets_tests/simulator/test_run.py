"""Whole simulations: where files go, what is refused, deltas, drops without some files, the manifest's marks, the start."""

import csv
import gzip
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.errors import InputError, ServiceError, UsageError
from caremetrix_assets.simulator.feed import KEYS
from caremetrix_assets.simulator.parameters import load_parameters
from caremetrix_assets.simulator.run import Order, Workshop, simulate
from caremetrix_assets.sources.check import check
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.examine import ReadOptions
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.simulator.lab import CHAIN, FULL, SAMPLE, changed, patient, visit, write_drop

FILES = {f"{file}.csv" for file in KEYS}


def run(folder: Path, *history: Path, work: Path, out: Path | None = None, pack: bool = False, **order):
    return simulate(Order(folder, history, **order), load_catalog(), Workshop(work), out, pack)


@pytest.fixture
def unsealed(tmp_path):
    """The sample's first drop, not sealed; its name tells the date."""
    return Path(shutil.copytree(FULL, tmp_path / "2025-11-30", ignore=shutil.ignore_patterns("manifest.json", "observations*", "practice")))


def rows_of(folder: Path) -> dict[str, dict[tuple[str, ...], dict[str, str]]]:
    """The practice files of a folder by file and key."""
    found = {}
    for path in (folder / "practice").glob("*.csv*"):
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else open(path, newline="") as source:
            file = path.name.partition(".")[0]
            found[file] = {tuple(row[key] for key in KEYS[file]): row for row in csv.DictReader(source)}
    return found


def test_the_files_go_into_practice_and_sealing_marks_them(unsealed, tmp_path):
    result = run(unsealed, work=tmp_path / "work")
    assert {path.name for path in (unsealed / "practice").iterdir()} == FILES | {"simulation.json"}
    assert {file: len(rows) for file, rows in rows_of(unsealed).items()} == dict(result.rows)
    assert list((tmp_path / "work").iterdir()) == []
    manifest = seal(unsealed, date(2025, 11, 30), known_places(load_catalog()), producer="synthea")
    marks = {name: (entry.simulated, entry.seed, entry.parameters) for name, entry in manifest.files.items()}
    parameters = load_parameters().hash(date(2022, 1, 1))
    assert {mark for name, mark in marks.items() if name.startswith("practice/")} == {(True, 7, parameters)}
    assert {mark for name, mark in marks.items() if not name.startswith("practice/")} == {(False, None, None)}
    assert (manifest.practice_start, manifest.producer) == (date(2022, 1, 1), "synthea")
    found = check(unsealed, load_catalog(), ReadOptions(tmp_path / "work"), date(2026, 1, 1))
    assert found.is_acceptable and {f.file: f.broken for f in found.files if f"{f.file}.csv" in FILES} == dict.fromkeys(KEYS, 0)


def test_a_changed_file_is_not_marked(unsealed, tmp_path):
    run(unsealed, work=tmp_path / "work")
    with open(unsealed / "practice" / "rooms.csv", "a") as rooms:
        rooms.write("mine,org,Room,exam,true,08:00,18:00,12345,2020-01-01\n")
    manifest = seal(unsealed, date(2025, 11, 30), known_places(load_catalog()))
    assert [name for name, entry in manifest.files.items() if name.startswith("practice/") and not entry.simulated] == [
        "practice/rooms.csv"
    ]


def test_values_are_written_as_the_feed_says(unsealed, tmp_path):
    run(unsealed, work=tmp_path / "work")
    content = (unsealed / "practice" / "appointments.csv").read_bytes()
    assert b"\r" not in content and b'"' not in content and b"NULL" not in content
    rows = rows_of(unsealed)
    booking = next(row for row in rows["appointments"].values() if row["status"] == "scheduled")
    assert booking["cancel_reason"] == booking["encounter_id"] == "" and len(booking["booked_at"]) == 20 and booking["booked_at"][-1] == "Z"
    assert all(len(r["amount"].partition(".")[2]) == 2 and len(r["posted_date"]) == 10 for r in rows["receipts"].values())
    assert {m["opted_out"] for m in rows["communications"].values()} == {"true", "false"}


def test_simulating_again_replaces_what_the_simulator_wrote(unsealed, tmp_path):
    run(unsealed, work=tmp_path / "work", pack=True)
    assert {path.name for path in (unsealed / "practice").iterdir()} == {f"{name}.gz" for name in FILES} | {"simulation.json"}
    first = rows_of(unsealed)
    run(unsealed, work=tmp_path / "work")
    assert {path.name for path in (unsealed / "practice").iterdir()} == FILES | {"simulation.json"}
    assert rows_of(unsealed) == first


def test_packed_files_are_the_same_bytes_again(unsealed, tmp_path):
    for _ in range(2):
        run(unsealed, work=tmp_path / "work", pack=True)
        (unsealed / "practice").rename(tmp_path / f"practice-{_}")
    for path in (tmp_path / "practice-0").iterdir():
        assert path.read_bytes() == (tmp_path / "practice-1" / path.name).read_bytes(), path.name


def test_a_sealed_drop_gets_a_drop_beside_it(tmp_path):
    with pytest.raises(UsageError, match=r"2025-11-30 is sealed, nothing may be added to it; say --out FOLDER"):
        run(FULL, work=tmp_path / "work")
    result = run(FULL, work=tmp_path / "work", out=tmp_path / "feeds" / "practice")
    manifest = json.loads((tmp_path / "feeds" / "practice" / "manifest.json").read_text())
    head = {key: manifest[key] for key in ("drop_date", "kind", "producer", "sequence", "practice_start")}
    assert head == {"drop_date": "2025-11-30", "kind": "full", "producer": "simulator", "sequence": 0, "practice_start": "2022-01-01"}
    assert set(manifest["files"]) == {f"practice/{name}" for name in FILES}
    assert all(entry["simulated"] and entry["seed"] == 7 for entry in manifest["files"].values())
    assert result.drop_id and [path.name for path in (tmp_path / "feeds").iterdir()] == ["practice"]
    with pytest.raises(UsageError, match=r"exists and is not empty; --out names a new folder"):
        run(FULL, work=tmp_path / "work", out=tmp_path / "feeds" / "practice")


def test_a_folder_sealed_by_a_mark_is_sealed(unsealed, tmp_path):
    (unsealed / "_SUCCESS").touch()
    with pytest.raises(UsageError, match="is sealed"):
        run(unsealed, work=tmp_path / "work")


def test_a_practices_own_feed_is_left_alone(unsealed, tmp_path):
    (unsealed / "practice").mkdir()
    (unsealed / "practice" / "rooms.csv").write_text("room_id\n")
    with pytest.raises(UsageError, match=r"holds rooms\.csv, which the simulator did not write"):
        run(unsealed, work=tmp_path / "work")
    assert (unsealed / "practice" / "rooms.csv").read_text() == "room_id\n"


def test_a_delta_tells_what_is_new_and_changed(tmp_path):
    """Full and deltas of the feed, one upon the other, are the feed of the whole."""
    state: dict[str, dict] = {}
    week = CHAIN[:6]  # as far as the newborns whose visits of past months come late
    for place, folder in enumerate(week):
        result = run(folder, *week[:place], work=tmp_path / "work", out=tmp_path / str(place))
        assert result.withdrawn == {}
        for file, rows in rows_of(tmp_path / str(place)).items():
            known = state.setdefault(file, {})
            assert all(known.get(key) != row for key, row in rows.items()), (folder.name, file)
            known.update(rows)
    whole = tmp_path / "2025-12-03"
    whole.mkdir()
    run(whole, *week, work=tmp_path / "work", kind="full")
    assert rows_of(whole) == state


def test_a_delta_without_news_makes_no_drop(tmp_path):
    full = write_drop(tmp_path / "2024-03-01", patients=[patient()], encounters=[visit("a", "2024-01-10", "outpatient")])
    empty = write_drop(tmp_path / "2024-03-01-again", organizations=None, payers=None)
    with pytest.raises(InputError, match="has nothing new since its history"):
        run(empty, full, work=tmp_path / "work", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert sum(run(empty, full, work=tmp_path / "work").rows.values()) == 0


def grown_claim(tmp_path: Path, payer: str) -> tuple[Path, Path]:
    """Exports of the 11th and the 12th of January; the second one brings a charge of the 12th to a claim of the 10th."""
    paid = {"METHOD": "ECHECK" if payer == "blue" else "CASH", "PAYMENTS": "50.00"}
    lines = {"CLAIMID": "c", "PATIENTID": "p", "PLACEOFSERVICE": "org", "PROCEDURECODE": "1"}
    first: list[dict[str, Any]] = [
        {**lines, "TYPE": "CHARGE", "CHARGEID": 1, "AMOUNT": "50.00", "TRANSFERTYPE": "1", "FROMDATE": "2024-01-10T12:00:00Z"}
    ]
    first.append({**lines, "TYPE": "PAYMENT", "CHARGEID": 2, **paid, "FROMDATE": "2024-01-10T12:00:00Z"})
    second = [*first, *({**row, "CHARGEID": row["CHARGEID"] + 3, "FROMDATE": "2024-01-13T09:00:00Z"} for row in first)]
    claim = {"Id": "c", "PATIENTID": "p", "APPOINTMENTID": "e", "SERVICEDATE": "2024-01-10T12:00:00Z", "PRIMARYPATIENTINSURANCEID": payer}
    tables = {"patients": [patient()], "encounters": [visit("e", "2024-01-10")], "claims": [claim]}
    before = write_drop(tmp_path / "2024-01-11", **tables, claims_transactions=first)
    return before, write_drop(tmp_path / "2024-01-12", **tables, claims_transactions=second)


@pytest.mark.parametrize("kind", ["full", "delta"])
def test_a_claim_that_grew_late_moves_its_events_on(tmp_path, kind):
    """Told as submitted on the 10th and acknowledged on the 11th; then a charge of the 13th comes, a day before its time."""
    before, after = grown_claim(tmp_path, "blue")
    at_once = {"0": 1.0, "1": 0.0, "2": 0.0, "3": 0.0, "4": 0.0, "6": 0.0}
    parameters = changed(claims__submitted=at_once, claims__rejected=0.0)
    run(before, work=tmp_path / "work", parameters=parameters)
    result = run(after, before, work=tmp_path / "work", parameters=parameters, kind=kind)
    told = [[row["event"] + row["event_at"][4:10] for row in rows_of(folder)["claim_events"].values()] for folder in (before, after)]
    assert told == [["submitted-01-10", "acknowledged-01-11"], ["submitted-01-13", "acknowledged-01-14"]]
    sent = [[r["acted_at"][5:10] for r in rows_of(f)["staff_actions"].values() if r["module"] == "claims"] for f in (before, after)]
    assert sent == [["01-10"], ["01-13"]]
    assert result.withdrawn == {}


@pytest.mark.parametrize("kind", ["full", "delta"])
def test_what_was_paid_at_the_desk_moves_with_its_claim(tmp_path, kind):
    before, after = grown_claim(tmp_path, "")
    parameters = changed(money__self_pay_at_service=1.0, money__courtesy=0.0, money__reversed=0.0)
    run(before, work=tmp_path / "work", parameters=parameters)
    assert run(after, before, work=tmp_path / "work", parameters=parameters, kind=kind).withdrawn == {}
    first, second = (rows_of(folder)["receipts"] for folder in (before, after))
    assert first.keys() == second.keys()
    assert [[r["posted_date"] for r in rows.values()] for rows in (first, second)] == [["2024-01-10"], ["2024-01-13"]]


def test_a_full_drop_with_history_tells_everything(tmp_path):
    encounters = [visit("a", "2024-01-10", "outpatient"), visit("b", "2024-02-20", "outpatient")]
    before = write_drop(tmp_path / "2024-02-01", patients=[patient()], encounters=encounters[:1])
    after = write_drop(tmp_path / "2024-03-01", patients=[patient()], encounters=encounters)
    alone = run(after, work=tmp_path / "work").rows
    assert run(after, before, work=tmp_path / "work", kind="full").rows == alone
    assert run(after, before, work=tmp_path / "work", kind="delta").rows["rooms"] == 0 < alone["rooms"]


def test_without_ledger_or_procedures_their_files_are_not_made(unsealed, tmp_path):
    for name in ("claims.csv.gz", "procedures.csv.gz"):
        (unsealed / name).unlink()
    result = run(unsealed, work=tmp_path / "work")
    assert set(result.rows) == set(KEYS) - {"claim_events", "receipts", "statements", "treatment_plan_items"}
    assert {path.name for path in (unsealed / "practice").iterdir()} == {f"{file}.csv" for file in result.rows} | {"simulation.json"}
    assert result.rows["appointments"] > 700


def test_what_a_run_needs_is_named(tmp_path):
    def refusal(error, message, folder, *history, **order):
        with pytest.raises(error, match=message):
            run(folder, *history, work=tmp_path / "work", **order)

    lonely = write_drop(tmp_path / "2025-12-01")
    undated = write_drop(tmp_path / "export", patients=[patient()], encounters=[visit("e", "2024-01-10")])
    refusal(ServiceError, "none is not a folder", tmp_path / "none")
    refusal(InputError, r"No folder holds patients\.csv; a delta needs its earlier drops as --history", lonely)
    refusal(UsageError, "export is not sealed and its name holds no date; say --date", undated)
    refusal(UsageError, "2025-12-01 is sealed as a delta drop of 2025-12-01; leave --date", SAMPLE / "2025-12-01", kind="full")
    refusal(UsageError, "2025-12-02 is dated 2025-12-02, after", lonely, SAMPLE / "2025-12-02")
    refusal(UsageError, "is its own history", lonely, lonely)
    refusal(UsageError, "given as --history twice", lonely, FULL, FULL)
    refusal(UsageError, "after the drop's date 2021-01-01", undated, drop_date=date(2021, 1, 1), parameters=load_of(tmp_path, "2022-01-01"))


def load_of(tmp_path, start):
    (tmp_path / "practice.toml").write_text(f"start = {start}\n")
    return load_parameters(tmp_path / "practice.toml")


def test_the_start_lies_a_year_behind_the_exports_history(tmp_path):
    with pytest.raises(UsageError, match="must start 2021-12-01 or later"):
        run(FULL, work=tmp_path / "work", out=tmp_path / "out", parameters=load_of(tmp_path, "2021-11-30"))
    result = run(FULL, work=tmp_path / "work", out=tmp_path / "out", parameters=load_of(tmp_path, "2025-01-01"))
    assert result.start == date(2025, 1, 1)
    assert min(row["entered_at"] for row in rows_of(tmp_path / "out")["appointments"].values()) >= "2025-01-01"


def test_the_default_start_is_kept_over_a_run_of_drops(tmp_path):
    visits = {"patients": [patient()], "encounters": [visit("e", "2024-01-10")]}
    first, second = write_drop(tmp_path / "2024-12-31", **visits), write_drop(tmp_path / "2025-01-01", **visits)
    assert run(first, work=tmp_path / "work").start == date(2021, 1, 1)
    assert run(second, first, work=tmp_path / "work").start == date(2021, 1, 1)
    assert run(second, work=tmp_path / "work").start == date(2022, 1, 1)


def test_a_full_drop_with_deletes_takes_its_producers_rows_away(tmp_path):
    visits = [visit("a", "2024-01-10", "outpatient"), visit("b", "2024-02-10", "outpatient")]
    old = write_drop(tmp_path / "old", patients=[patient()], encounters=visits)
    seal(old, date(2024, 3, 1), known_places(load_catalog()))
    new = write_drop(tmp_path / "new", patients=[patient()], encounters=visits[1:])
    seal(new, date(2024, 3, 2), known_places(load_catalog()), deletes=True)
    run(new, old, work=tmp_path / "work", out=tmp_path / "out")
    named = {row["encounter_id"] for row in rows_of(tmp_path / "out")["appointments"].values()}
    assert named - {""} == {"b"}


def test_parts_and_packed_files_are_read(tmp_path):
    visits = [visit("a", "2024-01-10", "outpatient"), visit("b", "2024-02-10", "outpatient")]
    folder = write_drop(tmp_path / "2024-03-01", patients=[patient()], encounters=visits)
    header, *lines = (folder / "encounters.csv").read_text().splitlines()
    (folder / "encounters.csv").unlink()
    (folder / "csv").mkdir()
    for part, line in enumerate(lines, 1):
        (folder / "csv" / f"encounters-{part}.csv.gz").write_bytes(gzip.compress(f"{header.lower()}\r\n{line}\r\n".encode()))
    run(folder, work=tmp_path / "work")
    named = {row["encounter_id"] for row in rows_of(folder)["appointments"].values()}
    assert named - {""} == {"a", "b"}


def test_rows_that_cannot_be_read_are_left_out(tmp_path):
    folder = write_drop(tmp_path / "2024-03-01", patients=[patient()], encounters=[visit("a", "2024-01-10", "outpatient")])
    with open(folder / "encounters.csv", "a") as encounters:
        encounters.write("ragged,row\n" + ",".join(["b", "yesterday", *(["x"] * 9)]) + "\n")
    run(folder, work=tmp_path / "work")
    assert {row["encounter_id"] for row in rows_of(folder)["appointments"].values()} - {""} == {"a"}
