"""``caremetrix run``: applies pending drops and refreshes, through the same assets as the UI, with progress and a summary."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer

from caremetrix_assets.cli.output import OPTIONS, command, day_of, note, say
from caremetrix_assets.cli.summary import Progress, summary
from caremetrix_assets.engines.selects import check_engine
from caremetrix_assets.errors import InputError, ServiceError, UsageError
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.lake.state import fix_start_date, read_start_date
from caremetrix_assets.serving.webhook import notify
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.sources.forgotten import pending as forgetting
from caremetrix_assets.sources.ledger import Entry, Ledger
from caremetrix_assets.steps.pending import Pending, is_up_to_date, newest_date, pending_drops

# A range of a year in one query is too much for a small machine; each chunk is a run of its own, so it can be resumed.
RESTATE_CHUNK_DAYS = 90
InboxOption = Annotated[str | None, typer.Option("--inbox", help="Folder or s3://bucket/prefix of the drops (CAREMETRIX_INBOX).")]
LakeOption = Annotated[str | None, typer.Option("--lake", help="Folder or s3://bucket/prefix (CAREMETRIX_LAKE).")]


@command
def run(
    inbox: InboxOption = None,
    lake: LakeOption = None,
    start: Annotated[str | None, typer.Option("--start", help="Opening partition of a new lake, YYYY-MM-DD.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Newest date to show (default: the newest drop's).")] = None,
    select: Annotated[str | None, typer.Option("--select", help="Dagster's selection syntax, such as group:dims or key:marts/*.")] = None,
    restate: Annotated[bool, typer.Option("--restate", help="Rebuild what is recorded as stale.")] = False,
    from_: Annotated[str | None, typer.Option("--from", help="First date to restate (default: the opening partition).")] = None,
) -> None:
    """Applies all pending drops and refreshes everything. Example: caremetrix run --inbox sample_drops"""
    started = time.perf_counter()
    options = {"inbox": inbox, "lake": lake, "start_date": _date(start, "--start")}
    overrides = {k: str(v) for k, v in options.items() if v is not None}
    settings = load_settings(**overrides)
    check_engine(settings)
    until = _until(to)
    if forgetting(open_lake(settings)):
        note("A patient is being forgotten and older partitions may still hold them: run `caremetrix forget` with the same id again.")
    pending = pending_drops(settings)
    opening = _opening(settings, pending)
    with Runs(settings, overrides, opening) as report:
        if pending.drop_ids or pending.rejected:
            report.take_in(pending)
        day = until or newest_date(open_lake(settings), Ledger.load(open_lake(settings)).in_force())
        if day is None:
            report.leave_when_rejected()
            raise ServiceError("No drop was accepted yet, so there is nothing to build; see `caremetrix drop list`.")
        if restate:
            report.restate(_date(from_, "--from") or opening, day, select=select)
        elif select is None and report.ok and is_up_to_date(settings, day):
            report.leave_when_rejected()
            say(f"Nothing new: every drop of {settings.inbox} is applied and everything is built to {day}.", status="nothing new", date=day)
            return
        else:
            report.build(day, select)
        report.conclude(day, time.perf_counter() - started)


@command
def init(inbox: InboxOption = None, lake: LakeOption = None) -> None:
    """Fixes a new lake's start date from the drops in the inbox. Example: caremetrix init"""
    settings = load_settings(inbox=inbox, lake=lake)
    say(f"The lake starts on {_opening(settings, pending_drops(settings))}.")


def _date(text: str | None, option: str) -> date | None:
    return None if text is None else day_of(text, option)


def _until(text: str | None) -> date | None:
    day = _date(text, "--to")
    if day and day > datetime.now(UTC).date():
        raise UsageError(f"--to {day} lies in the future; the newest date that can be built is today (UTC).")
    return day


def _opening(settings: Settings, pending: Pending) -> date:
    storage = open_lake(settings)
    known = read_start_date(storage)
    if known and not settings.start_date:
        return known
    first = settings.start_date or pending.first_date
    if first is None and pending.rejected:
        raise InputError("; ".join(pending.rejected))
    if first is None:
        raise ServiceError(
            f"The inbox {settings.inbox} holds no drop and the lake is new ({pending.reason}); "
            "seal a drop first, see `caremetrix drop seal --help`."
        )
    return fix_start_date(storage, first)


class Runs(ExitStack):
    """The Dagster runs of one command, on one instance, and what they came to."""

    def __init__(self, settings: Settings, overrides: dict[str, Any], opening: date) -> None:
        super().__init__()
        self.settings, self.overrides, self.opening = settings, overrides, opening
        self.failures: dict[str, str] = {}
        self.service_failed = False
        self.progress = Progress()
        self.rejected_before = {e.drop_id for e in self._rejected()}
        self.runs: list[str] = []
        self._instance: Any = None

    @property
    def ok(self) -> bool:
        """True while nothing failed."""
        return not self.failures

    def take_in(self, pending: Pending) -> None:
        """Reads the drops that are due."""
        from caremetrix_assets.defs.tables import LEDGER_KEY

        note(f"Reading {len(pending.drop_ids)} drops from {self.settings.inbox}") if not OPTIONS.as_json else None
        day = max(self.opening, pending.date or self.opening)
        self._execute(day, select=[LEDGER_KEY])
        if self.new_rejections():
            self.failures.clear()  # the step failed because of them, and they are named one by one

    def build(self, day: date, select: str | None) -> None:
        """One run of the newest date."""
        self._execute(day, select=select)

    def restate(self, first: date, last: date, *, take_in: bool = True, select: str | None = None) -> None:
        """Runs over the range in chunks, oldest first; a chunk that is up to date costs next to nothing.

        Without ``take_in`` the inbox is left alone.
        """
        from caremetrix_assets.defs.local_run import all_but_the_ledger

        start = max(first, self.opening)
        chosen = select if take_in else all_but_the_ledger(self.opening, self.overrides)
        while start <= last:
            end = min(last, start + timedelta(days=RESTATE_CHUNK_DAYS - 1))
            self._execute(last, restate=(start, end), select=chosen)
            start = end + timedelta(days=1)

    def _execute(self, day: date, **kwargs: Any) -> None:
        from caremetrix_assets.defs.local_run import execute, open_instance

        if self._instance is None:
            self._instance = self.enter_context(open_instance(self.settings))
        with self.progress:
            report = execute(self._instance, self.overrides, self.opening, day, **kwargs)
        self.runs.append(report.run_id)
        self.failures.update(report.failures)
        self.service_failed = self.service_failed or report.service_failed

    def conclude(self, day: date, seconds: float) -> None:
        """The summary, and exit code 1 when something failed or was rejected in this command."""
        document = summary(self.settings, day, seconds, self.progress, ok=self.ok)
        rejected = self.new_rejections()
        say(document.pop("text"), styled=True, **document, failures=self.failures, rejected=[e.reason for e in rejected])
        for step, reason in self.failures.items():
            note(f"{step}: {reason}")
        self._tell_webhook(day)
        if self.service_failed:
            raise typer.Exit(3)
        self.leave_when_rejected()
        if self.failures:
            raise typer.Exit(1)

    def _tell_webhook(self, day: date) -> None:
        """Runs of a terminal have no sensor behind them that would tell."""
        if not self.failures:
            return
        what = f"`caremetrix run` failed: {'; '.join(self.failures.values())}".rstrip(".") + "."
        todo = "Readers keep the last good data. Once the cause is mended, run again."
        told = notify(self.settings, "run_failed", what, todo, run_id=self.runs[-1], partition=day.isoformat(), steps=list(self.failures))
        note(told) if told else None

    def new_rejections(self) -> list[Entry]:
        """Drops that this command rejected."""
        return [e for e in self._rejected() if e.drop_id not in self.rejected_before]

    def leave_when_rejected(self) -> None:
        """Names the drops that were rejected, and ends with exit code 1 when there are any."""
        rejected = self.new_rejections()
        for entry in rejected:
            note(f"drop {entry.name} was rejected: {entry.reason}")
        if rejected:
            raise typer.Exit(1)

    def _rejected(self) -> list[Entry]:
        return [e for e in Ledger.load(open_lake(self.settings)).history() if e.status == "rejected"]
