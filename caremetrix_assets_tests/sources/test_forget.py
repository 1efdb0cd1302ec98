"""Forgetting in the archive: whose rows and cells go, what a later drop still brings, and passes that are cut short."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from caremetrix_assets.lake.layout import DROPS_PREFIX
from caremetrix_assets.lake.local import LocalStorage
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.sources.archive import load_report
from caremetrix_assets.sources.forgotten import Forgotten, hash_of, pending
from caremetrix_assets.sources.intake import Taken
from caremetrix_assets.sources.quarantine import list_quarantine
from caremetrix_assets.steps.forget import begin, count_rows, erase
from caremetrix_assets_tests.sources.drops import Lab, read
from caremetrix_assets_tests.sources.feed import rows
from caremetrix_assets_tests.sources.releases import R33, ROWS, csv_text

GONE, KEPT = "11111111-aaaa-4000-8000-000000000001", "22222222-bbbb-4000-8000-000000000002"
NAME = "Grace101 Hopper202"
BROKEN = f"someday,,{GONE},e-gone-0001,s,1,text\n"
SECRETS = (GONE, NAME, "999-11-2233", "1 Forgotten Lane", "e-gone-0001", "c-gone-0001", "a-gone-0001")


def _both(file: str, place: int = 0, **of_gone: str) -> list[dict[str, str]]:
    """A row of each of the two patients, with ids of their own."""
    found = []
    for person, letter in ((GONE, "gone-0001"), (KEPT, "kept-0002")):
        row = {**ROWS[file][place]}
        for column, prefix in (("ENCOUNTER", "e"), ("APPOINTMENTID", "e"), ("CLAIMID", "c")):
            row |= {column: f"{prefix}-{letter}"} if column in row else {}
        row |= {c: person for c in ("PATIENT", "PATIENTID") if c in row}
        found.append({**row, **(of_gone if person == GONE else {})})
    return found


def history(broken: str = "") -> dict[str, str]:
    """A drop of two patients: one to be forgotten, and one whose plan she holds, whom she sent and whom staff saw."""
    patients = _both("patients", Id=GONE, SSN="999-11-2233", ADDRESS="1 Forgotten Lane", FIRST="Grace101", LAST="Hopper202")
    patients[1] |= {"Id": KEPT, "FIRST": "Alan303", "LAST": "Turing404", "SSN": "999-44-5566"}
    encounters, claims = _both("encounters", Id="e-gone-0001"), _both("claims", Id="c-gone-0001")
    encounters[1] |= {"Id": "e-kept-0002"}
    claims[1] |= {"Id": "c-kept-0002"}
    spans = _both("payer_transitions")
    spans[1] |= {"PLAN_OWNERSHIP": "Spouse", "OWNER_NAME": NAME}
    files = {"patients": patients, "encounters": encounters, "claims": claims, "payer_transitions": spans}
    files |= {f: ROWS[f] for f in ("organizations", "providers", "payers")}
    files |= {f: _both(f) for f in ("conditions", "observations")}
    files["claims_transactions"] = [row for place in (0, 1) for row in _both("claims_transactions", place)]
    found = {f"{file}.csv": csv_text(R33[file], *rows_) for file, rows_ in files.items()}
    found["conditions.csv"] += broken
    feed: dict[str, list[dict[str, str]]] = {
        "appointments": [{"appointment_id": "a-gone-0001", "patient_id": GONE, "encounter_id": "e-gone-0001"}]
        + [{"appointment_id": "17", "patient_id": KEPT, "encounter_id": "e-kept-0002"}],
        "claim_events": [{"claim_id": "c-gone-0001"}, {"claim_id": "c-kept-0002"}],
        "patient_sources": [{"patient_id": GONE}, {"patient_id": KEPT, "channel": "patient_referral", "referring_patient_id": GONE}],
        "staff_actions": [
            {"action_id": "x1", "entity_type": "appointment", "entity_id": "a-gone-0001"},
            {"action_id": "x2", "entity_type": "appointment", "entity_id": "17"},
            {"action_id": "x3", "entity_type": "patient", "entity_id": GONE},
            {"action_id": "x4", "entity_type": "chart", "entity_id": "e-gone-0001"},
        ],
    }
    return {**found, **{f"practice/{name}.csv": rows(name, *changes) for name, changes in feed.items()}}


def settings_of(lab: Lab) -> Settings:
    return load_settings(lake=lab.lake.url, temp_dir=str(lab.root / "work"))


def forget(lab: Lab, storage: Any = None) -> None:
    begin(storage or lab.lake, lab.catalog, GONE)
    erase(settings_of(lab), storage or lab.lake, lab.catalog)


def texts(lab: Lab) -> dict[str, str]:
    """Every object of the lake as text, Parquet decompressed."""
    found = {}
    for info in lab.lake.list():
        path = lab.lake.local_path(info.key)
        found[info.key] = str(read(path)) if path.suffix == ".parquet" else path.read_text()
    return found


def naming(lab: Lab, *words: str) -> dict[str, list[str]]:
    return {key: hits for key, text in texts(lab).items() if (hits := [w for w in words if w in text])}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, Taken]:
    """The drop taken in; not to be changed."""
    one = Lab(tmp_path_factory.mktemp("first"))
    found = one.take(history(BROKEN))
    assert found.entry.status == "accepted", found.entry.reason
    assert set(SECRETS) == {w for words in naming(one, *SECRETS).values() for w in words}
    return one, found


@pytest.fixture(scope="module")
def clean(first: tuple[Lab, Taken], tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The same lake after she was forgotten; not to be changed."""
    one = copied(first[0], tmp_path_factory.mktemp("clean") / "lab")
    forget(one)
    return one


@pytest.fixture
def taken(first: tuple[Lab, Taken]) -> Taken:
    """What became of the drop."""
    return first[1]


def copied(lab: Lab, place: Path) -> Lab:
    """A lake of its own with the same content."""
    shutil.copytree(lab.root, place)
    return Lab(place)


def test_nothing_in_the_lake_names_the_person_afterwards(first: tuple[Lab, Taken], clean: Lab) -> None:
    assert [q.rows for q in list_quarantine(first[0].lake)] == [1]
    assert naming(clean, *SECRETS) == {}
    assert list_quarantine(clean.lake) == []
    assert pending(clean.lake) == "erased"


def test_other_people_keep_their_rows_and_lose_the_cells_that_name_her(first: tuple[Lab, Taken], clean: Lab) -> None:
    full, taken = first
    before = {file: full.rows(taken, file) for file in load_report(full.lake, taken.entry.drop_id)["files"]}
    after = {file: clean.rows(taken, file) for file in before}
    (span,) = after["payer_transitions"]
    assert (span["patient"], span["plan_ownership"], span["owner_name"]) == (KEPT, "Spouse", None)
    (touch,) = after["patient_sources"]
    assert (touch["patient_id"], touch["channel"], touch["referring_patient_id"]) == (KEPT, "patient_referral", None)
    assert [r["action_id"] for r in after["staff_actions"]] == ["x2"]
    untouched = ("organizations", "providers", "payers")
    assert {f: after[f] for f in untouched} == {f: before[f] for f in untouched}
    for file in ("patients", "encounters", "claims", "conditions", "observations", "claims_transactions", "appointments", "claim_events"):
        assert after[file] == [r for r in before[file] if not set(SECRETS) & set(map(str, r.values())) and not r["raw_text"]], file


def test_the_report_accounts_for_every_row(clean: Lab, taken: Taken) -> None:
    files = load_report(clean.lake, taken.entry.drop_id)["files"]
    assert {f: (facts["rows"], facts["broken"], facts.get("forgotten", 0)) for f, facts in files.items()} == {
        **{f: (2, 0, 1) for f in ("patients", "encounters", "claims", "payer_transitions", "observations")},
        "claims_transactions": (4, 0, 2),
        **{f: (2, 0, 1) for f in ("appointments", "claim_events", "patient_sources")},
        **{f: (1, 0, 0) for f in ("organizations", "providers", "payers")},
        "conditions": (3, 0, 2),
        "staff_actions": (4, 0, 3),
    }


def test_rows_are_counted_before_anything_is_changed(first: tuple[Lab, Taken]) -> None:
    lab = first[0]
    before = texts(lab)
    counts = count_rows(settings_of(lab), lab.lake, lab.catalog, GONE)
    assert (counts["conditions"], counts["staff_actions"], sum(counts.values())) == (2, 3, 15)
    assert count_rows(settings_of(lab), lab.lake, lab.catalog, "nobody") == {}
    assert texts(lab) == before


def test_a_later_drop_does_not_bring_her_back(clean: Lab, tmp_path: Path) -> None:
    lab = copied(clean, tmp_path / "lab")
    again = lab.take(history(), name="again", day="2025-01-30")
    assert naming(lab, *SECRETS) == {}
    assert again.entry.rows_forgotten == 14
    assert again.entry.rows_in == sum(facts["rows"] for facts in load_report(lab.lake, again.entry.drop_id)["files"].values())


def test_a_drop_that_only_tells_of_a_claim_or_a_plan_of_hers_brings_nothing(clean: Lab, tmp_path: Path) -> None:
    lab = copied(clean, tmp_path / "lab")
    span = {**_both("payer_transitions")[1], "START_DATE": "2026-01-01T00:00:00Z", "PLAN_OWNERSHIP": "Spouse", "OWNER_NAME": NAME}
    own = {**_both("payer_transitions")[0], "START_DATE": "2026-01-01T00:00:00Z"}
    files = {
        "payer_transitions.csv": csv_text(R33["payer_transitions"], span, own),
        "practice/claim_events.csv": rows("claim_events", {"claim_id": "c-gone-0001", "event_seq": "2"}),
        "practice/staff_actions.csv": rows("staff_actions", {"action_id": "x9", "entity_type": "claim", "entity_id": "c-gone-0001"}),
    }
    later = lab.take(files, name="later", day="2025-01-31", kind="delta", sequence=1)
    assert later.entry.status == "accepted", later.entry.reason
    assert later.entry.rows_forgotten == 3
    assert naming(lab, *SECRETS) == {}
    assert [r["owner_name"] for r in lab.rows(later, "payer_transitions")] == [None]


def test_visits_that_come_after_are_hers_too(clean: Lab, tmp_path: Path) -> None:
    lab = copied(clean, tmp_path / "lab")
    visit = {**_both("encounters")[0], "Id": "e-gone-0009"}
    lab.take({"encounters.csv": csv_text(R33["encounters"], visit)}, name="visit", day="2025-01-31", kind="delta", sequence=1)
    line = {**_both("conditions")[1], "ENCOUNTER": "e-gone-0009"}
    last = lab.take({"conditions.csv": csv_text(R33["conditions"], line)}, name="line", day="2025-01-31", kind="delta", sequence=2)
    assert naming(lab, "e-gone-0009") == {}
    assert last.entry.rows_forgotten == 1


def test_forgetting_first_and_taking_in_after_is_the_same(clean: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")
    begin(other.lake, other.catalog, GONE)
    erase(settings_of(other), other.lake, other.catalog)
    other.take(history(BROKEN))
    ours, theirs = ({k: t for k, t in texts(one).items() if k.startswith((DROPS_PREFIX, "ops/forgotten/f"))} for one in (clean, other))
    assert ours == theirs


def test_the_list_holds_hashes_only(clean: Lab) -> None:
    entries = Forgotten.load(clean.lake).entries
    assert ("patients", hash_of(GONE)) in entries
    assert {f for f, _ in entries} == {"patients", "patients.name", "encounters", "claims", "appointments", "staff_actions"}
    assert all(len(h) == 64 for _, h in entries)


class _Stop(Exception):
    pass


class Dying(LocalStorage):
    """A storage whose process dies before its n-th write."""

    left = 0

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _Stop

    def write(self, *args: Any, **kwargs: Any) -> str:
        self._count()
        return super().write(*args, **kwargs)

    def put_file(self, *args: Any, **kwargs: Any) -> str:
        self._count()
        return super().put_file(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> None:
        self._count()
        super().delete(*args, **kwargs)


def test_a_pass_that_was_killed_anywhere_is_finished_by_the_next(first: tuple[Lab, Taken], clean: Lab, tmp_path: Path) -> None:
    wanted, died = texts(clean), 0
    for place in (0, 1, 3, 33, 38, 43, 46, 49):
        one = copied(first[0], tmp_path / f"at{place}")
        storage = Dying(one.lake.root)
        storage.left = place
        try:
            forget(one, storage)
        except _Stop:
            died += 1
        if place < 2:
            forget(one)  # the id did not get on the list, so only the person who gave it can go on
        elif place % 4:
            erase(settings_of(one), one.lake, one.catalog)  # as a run does
        else:
            forget(one)
        assert texts(one) == wanted, place
    assert died >= 6


def test_the_pending_note_names_nobody(first: tuple[Lab, Taken], tmp_path: Path) -> None:
    lab = copied(first[0], tmp_path / "lab")
    begin(lab.lake, lab.catalog, GONE)
    assert json.loads(lab.lake.read("ops/forgotten/pending.json")) == {"stage": "listed"}
