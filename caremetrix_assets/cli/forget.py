"""``caremetrix forget``: asks, erases under the lease, rebuilds every table through the same assets as any run."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.look import LakeOption
from caremetrix_assets.cli.output import OPTIONS, command, note, say
from caremetrix_assets.cli.run import Runs
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.lease import Lease
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.lake.state import load_built, read_start_date
from caremetrix_assets.lake.storage import Storage
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.sources.forgotten import pending
from caremetrix_assets.steps import forget as steps

HOLDER = "caremetrix forget"


@command
def forget(
    patient_id: Annotated[str, typer.Argument(metavar="PATIENT_ID", help="The patient's id as the source spells it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    lake: LakeOption = None,
) -> None:
    """Removes a patient and every row that names them, for good. Example: caremetrix forget 39dd1c15-c7f7-76ce --yes"""
    started = time.perf_counter()
    overrides = {"lake": lake} if lake else {}
    settings, catalog = load_settings(**overrides), load_catalog()
    storage = open_lake(settings)
    known = steps.count_rows(settings, storage, catalog, patient_id)
    if not yes:
        _ask(sum(known.values()), len(known), storage.url)
    is_resumed = pending(storage) is not None
    with Lease(storage, HOLDER, on_wait=note) as lease:
        steps.begin(storage, catalog, patient_id)
        erased = steps.erase(settings, storage, catalog, lease.check)
    _rebuild(settings, overrides, storage)
    with Lease(storage, HOLDER, on_wait=note):
        strangers = steps.finish(settings, storage, catalog)
    say(
        _told(sum(known.values()), is_resumed, time.perf_counter() - started),
        rows_removed=dict(sorted(known.items())),
        check_results_changed=erased.results,
        folders_of_unknown_tables=strangers,
    )
    for folder in strangers:
        note(f"{folder} belongs to no table of this version and was not searched; remove it if it may hold the person.")
    note("Not looked at: the inbox, backups, older versions a bucket keeps, and copies others made. See docs/retention.md.")


def _ask(rows: int, files: int, lake: str) -> None:
    what = f"{rows} archived rows of {files} files name this patient" if rows else "No archived row names this patient"
    text = f"{what} in {lake}. They are removed for good, no later drop brings them back, and every table is rebuilt"
    if OPTIONS.as_json or not sys.stdin.isatty():
        raise UsageError(f"{text}. Add --yes to do it.")
    if not typer.confirm(f"{text}. Forget this patient?"):
        raise UsageError("Nothing was changed.")


def _rebuild(settings: Settings, overrides: dict[str, str], storage: Storage) -> None:
    """Rebuilds what changed on every date, so that no older partition keeps the person; ends the command when it fails."""
    day, opening = load_built(storage).newest_date, read_start_date(storage)
    if day is None or opening is None or pending(storage) is None:
        return
    with Runs(settings, dict(overrides), opening) as report:
        report.restate(opening, day, take_in=False)
        if not report.ok:
            for step, reason in report.failures.items():
                note(f"{step}: {reason}")
            note("The person is out of the archive, but not of every table yet. Run the same command again once this is mended.")
            raise typer.Exit(3 if report.service_failed else 1)


def _told(rows: int, is_resumed: bool, seconds: float) -> str:
    done = f"{rows} rows were removed and the tables rebuilt" if rows else "no row named this patient; the id is on the list all the same"
    if is_resumed:
        done = "what an earlier attempt had left undone is done"
    return f"Forgotten: {done}, in {seconds:.0f} s. No later drop brings the patient back."
