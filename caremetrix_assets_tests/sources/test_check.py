"""``drop check``: the same judgement as taking a drop in, row by row, and nothing written."""

from datetime import date

import pytest

from caremetrix_assets.errors import ServiceError
from caremetrix_assets.sources.check import check
from caremetrix_assets_tests.sources.drops import TODAY, minimal, write_files
from caremetrix_assets_tests.sources.feed import feed, rows
from caremetrix_assets_tests.sources.releases import R33, release_files
from caremetrix_assets_tests.sources.test_feed_raw import run

CONDITIONS = R33["conditions"] + "\n" + "2025-01-02,,p1,e1,s,1,text\n"


def checked(lab, name="d", lake=True):
    before = sorted(str(p) for p in lab.root.rglob("*"))
    result = check(lab.root / "inbox" / name, lab.catalog, lab.options, TODAY, lab.lake if lake else None)
    assert sorted(str(p) for p in lab.root.rglob("*") if p.name != "work") == [p for p in before if not p.endswith("/work")]
    return result


@pytest.mark.parametrize("lake", [True, False])
def test_a_good_drop(lab, lake):
    manifest = lab.drop("d", minimal())
    result = checked(lab, lake=lake)
    assert (result.is_acceptable, result.drop_id, result.problems, result.rows) == (True, manifest.drop_id, [], [])
    assert result.verdict == "d would be taken: 5 rows of 5 files, full, dated 2025-01-31."
    assert [(f.file, f.rows) for f in result.files][:2] == [("encounters", 1), ("organizations", 1)]


def test_broken_rows_are_told_by_file_line_column_and_rule(lab):
    bad = "someday,,p1,e1,s,2,x\n2025-01-02,,p1,e1\n"
    lab.drop("d", minimal(conditions=CONDITIONS + bad))
    result = checked(lab)
    assert [(r.file, r.line, r.column, r.rule) for r in result.rows] == [
        ("conditions.csv", 3, "start", "cannot_type"),
        ("conditions.csv", 4, None, "ragged_row"),
    ]
    assert not result.is_acceptable and result.verdict.startswith("d would be rejected: conditions: 2 of 3 rows are broken")
    assert "someday" not in str(result)


def test_all_problems_are_told_not_only_the_first(lab):
    lab.drop("d", minimal(patients="Identifier\np1\n", payers=None))
    problems = checked(lab).problems
    assert len(problems) == 2 and "payers.csv missing" in problems[0] and "patients.csv" in problems[1]


def test_an_unsealed_folder_is_read_as_it_would_be(lab):
    write_files(lab.root / "inbox" / "2025-01-31 north", minimal())
    result = checked(lab, "2025-01-31 north")
    assert result.is_acceptable
    assert result.verdict == (
        "2025-01-31 north is not sealed, so it would not be read yet; sealed, it would be taken: 5 rows of 5 files, full, dated 2025-01-31."
    )


@pytest.mark.parametrize(
    ("files", "told"),
    [({"people.csv": "Id\n"}, "no Synthea CSV file"), ({**minimal(), "patients-1.csv": "Id\n"}, "whole and in parts")],
)
def test_an_unsealed_folder_that_cannot_be_sealed(lab, files, told):
    write_files(lab.root / "inbox" / "d", files)
    result = checked(lab)
    assert not result.is_acceptable and told in result.verdict


def test_a_known_drop_changes_nothing(lab):
    lab.take(minimal(), "first")
    lab.drop("copy", minimal())
    assert checked(lab, "copy").verdict == "copy is known: accepted as first; offered again it changes nothing."


def test_a_drop_of_a_later_day_waits(lab):
    lab.drop("d", minimal(), "2027-01-01")
    assert checked(lab).verdict == "d would wait for its day, 2027-01-01; then its 5 rows would be taken."


def test_two_drops_of_one_date_sequence_and_producer_are_warned_of(lab):
    lab.take(minimal(), "first")
    lab.drop("d", {"conditions.csv": CONDITIONS})
    assert [w for w in checked(lab).warnings if "the same date" in w] == [
        "first has the same date (2025-01-31), sequence (0) and producer (default); which of both counts last is then left to their ids."
    ]


def test_repeated_keys_other_files_and_unlisted_files_are_warned_of(lab):
    lab.drop("d", {**minimal(conditions=CONDITIONS + CONDITIONS.splitlines()[1] + "\n"), "people.csv": "a\n"})
    write_files(lab.root / "inbox/d", {"late.csv": "a\n"})
    assert set(checked(lab).warnings) == {
        "people.csv: not a Synthea file; not read.",
        "conditions: 1 rows repeat a key; the last counts.",
        "late.csv is not in the manifest; not read.",
    }


def test_a_folder_that_is_not_there(lab):
    with pytest.raises(ServiceError, match="not a folder"):
        checked(lab, "nowhere")


def test_a_good_feed(lab):
    lab.drop("d", {**release_files("3.3"), **feed()})
    result = checked(lab)
    assert (result.is_acceptable, result.problems, result.rows) == (True, [], [])
    assert result.verdict == "d would be taken: 29 rows of 28 files, full, dated 2025-01-31."
    assert [(s.organization, str(s.date), s.claims, s.with_event) for s in result.starts] == [("o1", "2025-01-03", 0, 0)]


def test_broken_rows_of_a_feed_say_what_is_wanted(lab):
    rows_ = rows("appointments", {"status": "done"}, {"appointment_id": "a2", "encounter_id": "", "scheduled_minutes": "x"})
    lab.drop("d", feed(appointments=rows_, rooms=rows("rooms", {"opens": "8"})))
    result = checked(lab)
    assert [(r.file, r.line, r.column, r.rule, r.wanted) for r in result.rows] == [
        ("practice/appointments.csv", 2, "status", "not_allowed", "one of scheduled, completed, no_show, cancelled, rescheduled"),
        ("practice/appointments.csv", 3, "scheduled_minutes", "cannot_type", "a whole number, at least 0"),
        ("practice/rooms.csv", 2, "opens", "cannot_type", "a time as HH:MM"),
    ]
    assert not result.is_acceptable


def test_rows_that_would_stop_the_run_are_told_by_line_and_column(lab):
    late = rows("appointments", {"booked_at": "2025-01-03T09:00:00Z"})
    lab.drop(
        "d", {**release_files("3.3"), **feed(appointments=late, receipts=rows("receipts", {}, {"receipt_id": "k2", "line_number": "2"}))}
    )
    result = checked(lab)
    assert [(r.file, r.line, r.column, r.rule) for r in result.rows] == [
        ("practice/appointments.csv", 2, "booked_at", "feed_times_ordered"),
        ("practice/receipts.csv", 3, "line_number", "receipts_refer"),
    ]
    assert not result.is_acceptable
    assert result.verdict.endswith("Then it would stop: practice/appointments.csv line 2 breaks feed_times_ordered.")
    assert len(result.problems) == 1 and "until it is mended" in result.problems[0]


@pytest.mark.parametrize(
    ("file", "change", "rule", "column"),
    [
        ("rooms", {"closes": "07:00"}, "rooms_hours_valid", "closes"),
        ("rooms", {"weekdays": "8"}, "rooms_hours_valid", "weekdays"),
        ("communications", {"opened_at": "2020-01-01T00:00:00Z"}, "feed_times_ordered", "opened_at"),
        ("treatment_plan_items", {"declined_at": "2020-01-01T00:00:00Z"}, "feed_times_ordered", "declined_at"),
        ("receipts", {"entry_type": "refund", "amount": "-1.00", "original_receipt_id": "k9"}, "receipts_refer", "original_receipt_id"),
        ("receipts", {"amount": "-1.00"}, "receipts_refer", "amount"),
        ("claim_events", {"event": "resubmitted"}, "claim_event_order", "event"),
        ("appointments", {"seated_at": "2025-01-02T08:00:00Z"}, "feed_times_ordered", "seated_at"),
    ],
)
def test_a_contradiction_is_told_by_its_column(lab, file, change, rule, column):
    lab.drop("d", {**release_files("3.3"), **feed(**{file: rows(file, change)})})
    assert [(r.line, r.column, r.rule) for r in checked(lab).rows if r.file == f"practice/{file}.csv"] == [(2, column, rule)]


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("appointments", {"scheduled_start_at": "2025-01-03T10:00:00Z"}, "scheduled_start_at"),
        ("appointments", {"organization_id": "o9"}, None),
        ("communications", {"direction": "inbound", "delivery_status": "", "in_reply_to_id": "nothing"}, "in_reply_to_id"),
    ],
)
def test_what_the_feed_tells_otherwise_than_its_visits_and_messages_is_warned_of(lab, file, change, told):
    lab.drop("d", {**release_files("3.3"), **feed(**{file: rows(file, change)})})
    result = checked(lab)
    found = [w for w in result.warnings if "booking_as_it_went" in w or "replies_follow" in w]
    assert result.is_acceptable
    assert [w.split(" (")[1].split(")")[0] for w in found] == ([f"practice/{file}.csv line 2, {told}"] if told else [])


def test_rows_of_a_feed_that_would_wait_are_warned_of(lab):
    lab.take(minimal(), "visits", "2025-01-30")
    run(lab, "rooms")
    lab.drop("d", feed(), producer="office")
    alone = checked(lab, lake=False)
    told = "receipts: 1 rows name a claim_id that no drop has, so they would wait; the first is practice/receipts.csv line 2."
    assert told in alone.warnings and any("patient_id" in w for w in alone.warnings)
    assert alone.is_acceptable  # what waits breaks no rule
    later = checked(lab).warnings
    assert told in later and not any("patient_id" in w for w in later)


def test_a_feed_that_knows_few_claims_is_warned_of(lab):
    files = release_files("3.3")
    header, row = files["claims.csv"].splitlines()
    files["claims.csv"] = "\n".join([header, row, *(row.replace("c1", f"c{n}", 1) for n in (2, 3, 4))]) + "\n"
    lab.drop("d", {**files, **feed()}, practice_start=date(2025, 1, 1))
    result = checked(lab)
    assert [(s.organization, str(s.date), s.claims, s.with_event) for s in result.starts] == [("o1", "2025-01-01", 4, 1)]
    assert [w for w in result.warnings if "events for under half" in w] == [
        "1 of 1 organizations have events for under half of their claims since the feed's start; o1: 1 of 4 since 2025-01-01. "
        "The others stay open until money is posted."
    ]
