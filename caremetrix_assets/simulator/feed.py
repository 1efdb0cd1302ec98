"""Runs the simulator's SQL over the Synthea state and leaves the ten files of the feed as tables of a DuckDB.

The SQL lies in ``sql/``, in the order given here; parameters come in as macros (``parameters``), the state as tables
(``state``), maintained lists that the package ships under their names. The result depends on these and the seed only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from caremetrix_assets.catalog.models import Catalog
from caremetrix_assets.engines.given import create_seeds
from caremetrix_assets.simulator.drops import LEDGER, Source
from caremetrix_assets.simulator.parameters import Parameters
from caremetrix_assets.simulator.state import load_state
from caremetrix_assets.sources.contracts import raw_files

SQL = Path(__file__).with_name("sql")
PROCESSES = (
    "visits",
    "rooms",
    "forward",
    "fates",
    "back_dated",
    "bookings",
    "appointments",
    "schedules",
    "lines",
    "claims",
    "claim_events",
    "line_money",
    "receipts",
    "statements",
    "plans",
    "plan_items",
    "messages",
    "replies",
    "touches",
    "staff",
)
# The files of the feed and their keys, which are also their order.
KEYS: Mapping[str, tuple[str, ...]] = {
    "rooms": ("room_id",),
    "provider_schedules": ("schedule_id",),
    "appointments": ("appointment_id",),
    "communications": ("communication_id",),
    "treatment_plan_items": ("plan_item_id",),
    "claim_events": ("claim_id", "event_seq"),
    "receipts": ("receipt_id",),
    "statements": ("statement_id",),
    "patient_sources": ("patient_id", "touch_seq"),
    "staff_actions": ("action_id",),
}
# Where rows of later days are kept, for files in which a key told too early must be moved on, not left behind.
ROWS_OF_LATER_DAYS: Mapping[str, str] = {"claim_events": "claim_event_row"}
NEEDS_LEDGER = ("claim_events", "receipts", "statements")
NEEDS_PROCEDURES = ("treatment_plan_items",)


@dataclass(frozen=True)
class Setting:
    """What a simulation is made from, besides the drops: the first and last day, the seed and the parameters."""

    start: date
    end: date
    seed: int
    parameters: Parameters


def table_of(file: str) -> str:
    """The table that holds a file of the feed."""
    return f"feed_{file}"


def make_feed(
    con: duckdb.DuckDBPyConnection,
    sources: Sequence[Source],
    catalog: Catalog,
    setting: Setting,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Makes a table ``feed_<file>`` of every file and gives the names of those that the state allows.

    Without claims and their transactions there are no claim events, receipts and statements, without procedures no plan
    items. The connection must be new: macros and intermediate tables stay in it.
    """
    on_step("reading the drops")
    con.execute("set variable seed = ?", [str(setting.seed)])
    con.execute(f"create macro start_date() as date '{setting.start}'")
    con.execute(f"create macro end_date() as date '{setting.end}'")
    con.execute("create macro window_start() as cast(start_date() - interval 12 month as date)")
    for macro in setting.parameters.macros():
        con.execute(macro)
    held = load_state(con, sources, raw_files(catalog))
    has_ledger = held.issuperset(LEDGER)
    con.execute(f"create macro has_ledger() as {str(has_ledger).lower()}")
    con.execute((SQL / "macros.sql").read_text("utf-8"))
    steps = {process: (SQL / f"{process}.sql").read_text("utf-8") for process in PROCESSES}
    create_seeds(con, catalog, set(re.findall(r"\w+", " ".join(steps.values()))))
    for process, text in steps.items():
        on_step(process.replace("_", " "))
        con.execute(text)
    absent = (() if has_ledger else NEEDS_LEDGER) + (() if "procedures" in held else NEEDS_PROCEDURES)
    return [file for file in KEYS if file not in absent]
