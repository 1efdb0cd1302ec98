"""Practice feeds in drops: read beside Synthea's files or alone, held to their contract row by row."""

import json
from datetime import date, datetime
from decimal import Decimal

import pytest

from caremetrix_assets_tests.sources.drops import minimal
from caremetrix_assets_tests.sources.feed import HEADERS, feed, rows
from caremetrix_assets_tests.sources.releases import release_files


def test_a_feed_is_read_beside_synthea(lab):
    taken = lab.take({**release_files("3.3"), **feed()}, practice_start=date(2025, 1, 1))
    assert (taken.entry.status, taken.entry.rows_in, taken.entry.rows_quarantined) == ("accepted", 19 + 10, 0)
    assert taken.entry.practice_start == date(2025, 1, 1)
    assert taken.report["practice"] == sorted(f"practice/{name}.csv" for name in HEADERS)
    (booking,) = lab.rows(taken, "appointments")
    assert booking["scheduled_start_at"] == datetime(2025, 1, 2, 10) and booking["scheduled_minutes"] == 15
    assert (booking["encounter_id"], booking["cancel_reason"], booking["source_file"]) == ("e1", None, "practice/appointments.csv")
    (room,) = lab.rows(taken, "rooms")
    assert (room["is_active"], room["opens"], room["weekdays"], room["valid_from"]) == (True, "08:00", "12345", date(2020, 1, 1))
    assert lab.rows(taken, "receipts")[0]["amount"] == Decimal("8.00")


def test_a_feed_alone_is_a_drop_of_its_own_producer(lab):
    """Full and first of its producer, but without Synthea files: nothing is required of it, nor of what follows it."""
    assert lab.take(feed(), "feed", producer="office").entry.status == "accepted"
    assert (
        lab.take({"practice/rooms.csv": rows("rooms")}, "rooms", "2025-02-01", producer="office", kind="delta").entry.status == "accepted"
    )
    assert "missing: a first full drop" in (lab.take({**minimal(payers=None), **feed()}, "all", "2025-02-02").entry.reason or "")


def test_parts_packed_files_and_unknown_columns(lab):
    text = rows("staff_actions", {}, {"action_id": "x2"})
    header, first, second = text.splitlines()
    files = {
        "practice/staff_actions-1.csv.gz": f"{header}\n{first}\n",
        "practice/staff_actions-2.csv": f"{header}\n{second}\n",
        "practice/statements.csv": rows("statements").replace("amount_due", "AMOUNT_DUE,colour").replace("2.00", "2.00,blue"),
        "practice/people.csv": "a\n1\n",
        "rooms.csv": rows("rooms"),
    }
    taken = lab.take(files)
    assert [r["action_id"] for r in lab.rows(taken, "staff_actions")] == ["x1", "x2"]
    assert lab.rows(taken, "statements")[0]["amount_due"] == Decimal("2.00")
    assert taken.report["files"]["statements"]["unknown_columns"] == ["colour"]
    assert taken.report["other_files"] == ["practice/people.csv", "rooms.csv"]
    assert {w for w in taken.report["warnings"] if "not read" in w} == {
        "practice/statements.csv: no known release has the columns colour; they are not read.",
        "practice/people.csv: not a file of the practice feed; not read.",
        "rooms.csv: not a Synthea file; not read.",
    }


@pytest.mark.parametrize("column", ["appointment_id", "patient_id", "scheduled_start_at", "encounter_id", "status"])
def test_a_missing_required_column_rejects(lab, column):
    reason = lab.rejection(feed(appointments=rows("appointments").replace(column, "something", 1)))
    assert reason == f"drop: practice/appointments.csv: the header lacks the required column {column.upper()}."


CANCELLED = {"status": "cancelled", "encounter_id": "", "status_at": "2025-01-01T10:00:00Z", "cancel_reason": "patient"}
MOVED = {"status": "rescheduled", "encounter_id": "", "rescheduled_to_id": "a9"}
GOOD = [
    ("appointments", CANCELLED),
    ("appointments", MOVED),
    ("appointments", {"status": "no_show", "encounter_id": "", "status_at": ""}),
    ("appointments", {"entered_at": "", "room_id": "", "confirmed_at": ""}),
    ("rooms", {"closes": "24:00"}),
    ("rooms", {"is_active": "TRUE"}),
    ("receipts", {"payer_id": "", "method": "", "deposit_id": ""}),
    ("treatment_plan_items", {"status": "completed", "procedure_encounter_id": "e1"}),
]
BROKEN = [
    ("appointments", {"status": "done"}, "not_allowed.status"),
    ("appointments", {"appointment_type": ""}, "missing.appointment_type"),
    ("appointments", {"scheduled_minutes": "a while"}, "cannot_type.scheduled_minutes"),
    ("appointments", {"scheduled_minutes": "-5"}, "not_allowed.scheduled_minutes"),
    ("appointments", {"booked_at": "20/12/2024"}, "cannot_type.booked_at"),
    ("appointments", {**CANCELLED, "cancel_reason": ""}, "missing.cancel_reason"),
    ("appointments", {**CANCELLED, "status_at": ""}, "missing.status_at"),
    ("appointments", {**CANCELLED, "encounter_id": "e1"}, "not_allowed.encounter_id"),
    ("appointments", {"cancel_reason": "patient"}, "not_allowed.cancel_reason"),
    ("appointments", {**MOVED, "rescheduled_to_id": ""}, "missing.rescheduled_to_id"),
    ("appointments", {"rescheduled_to_id": "a9"}, "not_allowed.rescheduled_to_id"),
    ("rooms", {"opens": "8 am"}, "cannot_type.opens"),
    ("rooms", {"closes": "25:00"}, "cannot_type.closes"),
    ("rooms", {"is_active": "yes"}, "cannot_type.is_active"),
    ("receipts", {"amount": "8,00"}, "cannot_type.amount"),
    ("receipts", {"line_number": "0"}, "not_allowed.line_number"),
    ("receipts", {"entry_type": "gift"}, "not_allowed.entry_type"),
    ("claim_events", {"rank": "tertiary"}, "not_allowed.rank"),
    ("treatment_plan_items", {"status": "completed"}, "missing.procedure_encounter_id"),
]


@pytest.mark.parametrize(("file", "change"), GOOD)
def test_what_a_row_may_say(lab, file, change):
    taken = lab.take(feed(**{file: rows(file, change)}))
    assert (taken.entry.status, taken.entry.rows_quarantined) == ("accepted", 0)


@pytest.mark.parametrize(("file", "change", "rule"), BROKEN)
def test_a_broken_row_is_quarantined_with_its_rule(lab, file, change, rule):
    quoted = {k: f'"{v}"' if "," in v else v for k, v in change.items()}
    taken = lab.take(feed(**{file: rows(file, {}, quoted)}))
    assert (taken.entry.status, taken.entry.rows_quarantined) == ("accepted", 1)
    assert [r["broken_rule"] for r in lab.rows(taken, file)][1] == rule
    assert taken.report["files"][file]["rules"] == {rule: 1}


def test_too_many_broken_rows_reject(lab):
    bad = rows("statements", *({"statement_id": f"n{n}", "channel": "pigeon"} for n in range(2)))
    assert lab.rejection(feed(statements=bad)) == (
        "drop: statements: 2 of 2 rows are broken and one may be in a file this small; the first is practice/statements.csv line 2 "
        "(not_allowed.channel)."
    )


def test_synthea_files_keep_their_own_categories(lab):
    """New releases of Synthea add kinds of visits; only a practice file's lists are closed."""
    files = release_files("3.3")
    files["encounters.csv"] = files["encounters.csv"].replace("wellness", "spa")
    assert lab.take(files).entry.rows_quarantined == 0


def test_the_manifest_says_what_was_simulated(lab):
    lab.drop("d", feed())
    files = json.loads((lab.root / "inbox/d/manifest.json").read_text())["files"]
    files["practice/receipts.csv"] |= {"simulated": True, "seed": 7, "parameters": "abc"}
    lab.manifest("d", files=files)
    (taken,) = lab.take_in()
    assert {name: found["simulated"] for name, found in taken.report["files"].items() if found["simulated"]} == {"receipts": True}
