"""A practice feed through the whole graph: beside the visits or alone, before or after them, and taken back again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.seal import seal
from caremetrix_assets_tests.runs import Place
from caremetrix_assets_tests.sources.drops import write_files
from caremetrix_assets_tests.sources.feed import feed, rows
from caremetrix_assets_tests.sources.releases import release_files

# The visit of 2 January is booked, paid 8.00 by the insurer on 20 January, 2.00 is billed on 25 January; another booking is ahead.
AHEAD = {"appointment_id": "a2", "status": "scheduled", "encounter_id": "", "status_at": "", "scheduled_start_at": "2025-02-10T10:00:00Z"}
AHEAD |= {"arrived_at": "", "seated_at": "", "dismissed_at": "", "booked_at": "2025-01-02T10:30:00Z", "entered_at": ""}


def bring(place: Place, name: str, files: dict[str, str], day: str, **sealing: Any) -> None:
    write_files(place.inbox / name, files)
    seal(place.inbox / name, date.fromisoformat(day), known_places(load_catalog()), **sealing)


def visits(place: Place) -> None:
    bring(place, "visits", release_files("3.3"), "2025-01-31")


def practice(place: Place) -> None:
    files = feed(appointments=rows("appointments", {}, AHEAD))
    bring(place, "practice", files, "2025-01-31", producer="office", practice_start=date(2025, 1, 1))


def table(place: Place, name: str) -> list[dict[str, Any]]:
    return place.reader().table(name).to_arrow().to_pylist()


def test_a_feed_in_the_facts_and_back_out(place: Place, tmp_path: Path) -> None:
    visits(place)
    practice(place)
    place.run("--start", "2025-01-31")
    booked, paid, claim = table(place, "fact_appointment"), table(place, "fact_payment"), table(place, "fact_claim")
    assert [(r["appointment_id"], r["encounter_id"], r["outcome"], r["wait_minutes"]) for r in booked] == [("a1", "e1", "completed", 12.0)]
    assert [(r["entry_source"], r["party"], r["payment_amount"]) for r in paid] == [("receipt", "primary", Decimal("8.00"))]
    assert [(r["status"], r["open_amount"], r["days_to_submit"]) for r in claim] == [("pending", Decimal("2.00"), 1)]
    assert [(r["partition_date"], r["appointment_id"], r["status"]) for r in table(place, "fact_booking")] == [
        (date(2025, 1, 31), "a2", "scheduled")
    ]
    assert [r["paid_within_30d_amount"] for r in table(place, "fact_statement")] == [Decimal("0.00")]
    failed = [c for c in place.json("checks") if c["severity"] == "blocking" and c["status"] in ("failed", "error")]
    assert failed == []
    without = Place(tmp_path / "without")
    visits(without)
    without.run("--start", "2025-01-31")
    assert place.published() != without.published()
    assert place.command("drop", "withdraw", "practice").exit_code == 0
    place.run()
    assert place.published() == without.published()
    assert [r["entry_source"] for r in table(place, "fact_payment")] == ["ledger"]


def test_a_feed_may_come_before_its_visits(place: Place, tmp_path: Path) -> None:
    together = Place(tmp_path / "together")
    visits(together)
    practice(together)
    together.run("--start", "2025-01-31")
    practice(place)
    place.run("--start", "2025-01-31")
    assert table(place, "fact_appointment") == []
    assert {q["kind"] for q in place.json("quarantine", "list")} == {"waiting"}
    visits(place)
    place.run()
    assert place.published() == together.published()
