"""Feeds in the raw tables: full and delta, late and withdrawn drops, rows that wait for a visit; built without Dagster."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from caremetrix_assets import Lake
from caremetrix_assets.lake.state import fix_start_date
from caremetrix_assets.settings import load_settings
from caremetrix_assets.sources.quarantine import list_quarantine
from caremetrix_assets.steps.begin import begin_run
from caremetrix_assets.steps.build import build
from caremetrix_assets.steps.publish import publish
from caremetrix_assets_tests.sources.drops import Lab, minimal
from caremetrix_assets_tests.sources.feed import HEADERS, feed, rows
from caremetrix_assets_tests.sources.releases import release_files

OPENING = date(2025, 1, 1)
NEIGHBOURS = ("patients", "encounters", "organizations", "providers", "payers", "claims", "claims_transactions")


def run(lab: Lab, *files: str, day: str = "2025-02-28") -> dict[str, list[dict[str, Any]]]:
    """Builds and publishes raw tables (those of ``files``, else all of the feed); their rows by file, in partition order."""
    fix_start_date(lab.lake, OPENING)
    settings = load_settings(lake=lab.lake.url, inbox=lab.inbox.url, threads=1, memory_limit="500MB", gx_row_limit=0)
    context = begin_run(settings, "run", [date.fromisoformat(day)])
    wanted = files or tuple(HEADERS)
    for table in context.catalog.layer("raw"):
        assert table.source is not None
        if table.source.file in (*wanted, *NEIGHBOURS):
            staged = build(context, table)
            bad = [(r.check_name, r.status, r.sample_keys) for r in staged.results if r.status in ("failed", "error")]
            assert bad == [], table.name
            publish(staged)
    lake = Lake(lab.lake.url)
    tables = {t.source.file: t.name for t in context.catalog.layer("raw") if t.source is not None}
    return {file: lake.table(tables[file]).to_arrow().to_pylist() for file in wanted}


def seen(found: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    order = sorted(found, key=lambda r: (r["drop_date"], r["drop_sequence"], r["source_file"] or "", r["source_line"] or 0))
    return [tuple(r[n] for n in names) for r in order]


def test_without_a_feed_the_tables_are_there_and_empty(lab):
    lab.take(minimal())
    assert run(lab) == {name: [] for name in HEADERS}


def test_every_file_of_a_feed_becomes_its_table(lab):
    lab.take({**release_files("3.3"), **feed()})
    found = run(lab)
    assert {name: [(r["change_type"], r["is_simulated"], r["partition_date"]) for r in made] for name, made in found.items()} == {
        name: [("insert", False, date(2025, 1, 31))] for name in HEADERS
    }
    assert found["receipts"][0]["amount"] == Decimal("8.00")


BOOKED = {"status": "scheduled", "encounter_id": "", "status_at": "", "arrived_at": "", "seated_at": "", "dismissed_at": ""}


def test_a_delta_brings_what_changed(lab):
    lab.take({**release_files("3.3"), "practice/appointments.csv": rows("appointments", BOOKED)}, "a", "2025-01-01")
    late = rows("appointments", {}, {**BOOKED, "appointment_id": "a2", "scheduled_start_at": "2025-02-20T10:00:00Z"})
    lab.take({"practice/appointments.csv": late}, "b", "2025-01-03", kind="delta")
    again = rows("appointments", {**BOOKED, "appointment_id": "a2", "scheduled_start_at": "2025-02-20T10:00:00Z"})
    lab.take({"practice/appointments.csv": again}, "c", "2025-01-04", kind="delta")
    found = run(lab, "appointments")["appointments"]
    assert seen(found, "drop_date", "appointment_id", "change_type", "status", "encounter_id") == [
        (date(2025, 1, 1), "a1", "insert", "scheduled", None),
        (date(2025, 1, 3), "a1", "update", "completed", "e1"),
        (date(2025, 1, 3), "a2", "insert", "scheduled", None),
    ]


def test_full_drops_delete_only_what_their_producer_sent(lab):
    lab.take({**release_files("3.3"), "practice/rooms.csv": rows("rooms", {"room_id": "r0"})}, "a", "2025-01-01")
    lab.take({"practice/rooms.csv": rows("rooms", {}, {"room_id": "r2"})}, "b", "2025-01-02", producer="office")
    lab.take({"practice/rooms.csv": rows("rooms")}, "c", "2025-01-03", producer="office", deletes=True)
    found = run(lab, "rooms")["rooms"]
    assert seen(found, "drop_date", "room_id", "change_type") == [
        (date(2025, 1, 1), "r0", "insert"),
        (date(2025, 1, 2), "r1", "insert"),
        (date(2025, 1, 2), "r2", "insert"),
        (date(2025, 1, 3), "r2", "delete"),
    ]


def test_rows_wait_for_a_visit_that_is_not_there_yet(lab):
    """A feed of its own producer comes before the visits: its rows enter in its own place once they are there."""
    lab.take({"practice/appointments.csv": rows("appointments", {}, {**BOOKED, "appointment_id": "a2"})}, "feed", producer="office")
    lab.take({**minimal(), "practice/rooms.csv": rows("rooms")}, "b", "2025-01-30")
    lab.take({"practice/claim_events.csv": rows("claim_events")}, "events", "2025-02-01", producer="office")
    found = run(lab, "appointments", "claim_events", day="2025-02-01")
    assert seen(found["appointments"], "appointment_id", "partition_date") == [("a1", date(2025, 1, 31)), ("a2", date(2025, 1, 31))]
    assert found["claim_events"] == []
    assert [(q.file, q.kind, q.rule, q.rows) for q in list_quarantine(lab.lake)] == [("claim_events", "waiting", "waiting.claim_id", 1)]
    lab.take({**release_files("3.3")}, "c", "2025-02-02")
    found = run(lab, "claim_events", day="2025-02-02")
    assert seen(found["claim_events"], "claim_id", "partition_date") == [("c1", date(2025, 2, 1))]
    assert list_quarantine(lab.lake) == []


def test_a_withdrawn_visit_makes_its_booking_wait_again(lab):
    lab.take({"practice/appointments.csv": rows("appointments")}, "feed", producer="office")
    visits = lab.take(minimal(), "b", "2025-01-30")
    assert len(run(lab, "appointments")["appointments"]) == 1
    ledger = lab.ledger
    ledger.withdraw(visits.entry.drop_id)
    ledger.save(lab.lake)
    assert run(lab, "appointments")["appointments"] == []


def test_a_late_feed_takes_its_place_in_drop_order(lab):
    """Loaded 1-3-2 or 1-2-3, withdrawn or never there: the same rows."""
    first = {**release_files("3.3"), "practice/statements.csv": rows("statements", {"amount_due": "2.00"})}
    middle = {"practice/statements.csv": rows("statements", {"amount_due": "1.00"}, {"statement_id": "n2"})}
    last = {"practice/statements.csv": rows("statements", {"amount_due": "2.00"})}
    lab.take(first, "a", "2025-01-01")
    lab.take(last, "c", "2025-01-03", kind="delta")
    before = run(lab, "statements")["statements"]
    assert seen(before, "drop_date", "statement_id", "amount_due") == [(date(2025, 1, 1), "n1", Decimal("2.00"))]
    taken = lab.take(middle, "b", "2025-01-02", kind="delta")
    after = run(lab, "statements")["statements"]
    assert seen(after, "drop_date", "statement_id", "amount_due", "change_type") == [
        (date(2025, 1, 1), "n1", Decimal("2.00"), "insert"),
        (date(2025, 1, 2), "n1", Decimal("1.00"), "update"),
        (date(2025, 1, 2), "n2", Decimal("2.00"), "insert"),
        (date(2025, 1, 3), "n1", Decimal("2.00"), "update"),
    ]
    ledger = lab.ledger
    ledger.withdraw(taken.entry.drop_id)
    ledger.save(lab.lake)
    assert run(lab, "statements")["statements"] == before


def test_simulated_files_are_marked_in_their_rows_and_in_the_drops(lab):
    lab.drop("d", {**release_files("3.3"), **feed()}, practice_start=date(2025, 1, 2))
    manifest = lab.root / "inbox/d/manifest.json"
    manifest.write_text(manifest.read_text().replace('"rows": 1', '"rows": 1, "simulated": true'))
    lab.take_in()
    found = run(lab, "receipts", "rooms")
    assert [r["is_simulated"] for name in found for r in found[name]] == [True, True]
    settings = load_settings(lake=lab.lake.url, inbox=lab.inbox.url)
    (drop,) = begin_run(settings, "r", [date(2025, 2, 1)]).drops
    assert (drop["has_feed"], drop["practice_start"]) == (True, date(2025, 1, 2))


def test_a_drop_without_a_feed_has_none(lab):
    lab.take({**minimal(), "practice/people.csv": "a\n1\n"})
    fix_start_date(lab.lake, OPENING)
    (drop,) = begin_run(load_settings(lake=lab.lake.url, inbox=lab.inbox.url), "r", [date(2025, 2, 1)]).drops
    assert drop["has_feed"] is False


def test_strange_and_missing_columns_are_drift(lab):
    strange = rows("statements").replace("due_date", "colour", 1)
    lab.take({**release_files("3.3"), "practice/statements.csv": strange, "practice/rooms.csv": rows("rooms")})
    fix_start_date(lab.lake, OPENING)
    context = begin_run(load_settings(lake=lab.lake.url, inbox=lab.inbox.url, gx_row_limit=0), "r", [date(2025, 2, 1)])
    found: dict[str, int | None] = {}
    for table in context.catalog.layer("raw"):
        if table.source is not None and table.source.file in (*NEIGHBOURS, "statements", "rooms"):
            staged = build(context, table)
            publish(staged)
            (drift,) = [r.rows_failed for r in staged.results if r.check_name == "schema_drift"]
            found[table.source.file] = drift
    assert found == {**dict.fromkeys((*NEIGHBOURS, "rooms"), 0), "statements": 2}
