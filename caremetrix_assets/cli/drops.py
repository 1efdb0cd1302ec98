"""Commands about drops: ``drop seal|check|list|withdraw|reopen`` and ``quarantine list|replay``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.look import LakeOption
from caremetrix_assets.cli.output import OPTIONS, command, day_of, note, say, show
from caremetrix_assets.errors import ServiceError, UsageError
from caremetrix_assets.lake.lease import Lease
from caremetrix_assets.lake.reader import open_lake
from caremetrix_assets.settings import Settings, load_settings
from caremetrix_assets.sources.contracts import known_places
from caremetrix_assets.sources.manifest import Kind

if TYPE_CHECKING:
    from caremetrix_assets.sources.ledger import Ledger

drop = typer.Typer(help="Drops: seal, check, list, withdraw.", no_args_is_help=True)
quarantine = typer.Typer(help="Rows that could not be taken.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="A folder with Synthea CSV files, directly or under csv/.")]


def _folder(path: Path) -> Path:
    if not path.expanduser().is_dir():
        raise ServiceError(f"{path} is not a folder; name the folder that holds the CSV files.")
    return path


@drop.command()
@command
def seal(
    folder: Folder,
    date: Annotated[str, typer.Option("--date", help="The drop's date, YYYY-MM-DD: the day the export was made for.")],
    kind: Annotated[str, typer.Option("--kind", help="full or delta.")] = "full",
    producer: Annotated[str, typer.Option("--producer", help="Who exports; what is gone is judged per producer.")] = "default",
    sequence: Annotated[int, typer.Option("--sequence", min=0, help="Order of several drops of one date.")] = 0,
    deletes: Annotated[bool, typer.Option("--deletes", help="Keys that are gone from this full drop are removed.")] = False,
    history_start: Annotated[str | None, typer.Option("--history-start", help="First day of complete history, YYYY-MM-DD.")] = None,
    practice_start: Annotated[str | None, typer.Option("--practice-start", help="Day the feed's money begins, YYYY-MM-DD.")] = None,
) -> None:
    """Writes manifest.json, which makes a folder a drop. Example: caremetrix drop seal output --date 2026-01-31"""
    from caremetrix_assets.sources.seal import seal as seal_folder

    if kind != "full" and kind != "delta":
        raise UsageError(f"--kind {kind}: choose full or delta.")
    known = known_places(load_catalog())
    manifest = seal_folder(
        _folder(folder),
        day_of(date, "--date"),
        known,
        cast(Kind, kind),
        producer,
        sequence,
        deletes=deletes,
        history_start=day_of(history_start, "--history-start") if history_start else None,
        practice_start=day_of(practice_start, "--practice-start") if practice_start else None,
    )
    rows = sum(entry.rows or 0 for entry in manifest.files.values())
    say(
        f"{folder} is sealed: {kind} drop of {date}, {len(manifest.files)} files, {rows} rows. Put the folder into the inbox.",
        drop_id=manifest.drop_id,
        files=len(manifest.files),
        rows=rows,
    )


@drop.command()
@command
def check(folder: Folder, lake: LakeOption = None) -> None:
    """Says what taking the folder in would do, without doing it. Example: caremetrix drop check output"""
    from caremetrix_assets.sources.check import check as check_folder
    from caremetrix_assets.sources.examine import ReadOptions

    settings = load_settings(lake=lake)
    options = ReadOptions.of(settings)
    found = check_folder(_folder(folder), load_catalog(), options, datetime.now(UTC).date(), open_lake(settings))
    rows = [{"file": r.file, "line": r.line, "column": r.column, "rule": r.rule, "wanted": r.wanted} for r in found.rows]
    starts = [
        {"organization": s.organization, "start": s.date.isoformat(), "claims": s.claims, "with_event": s.with_event} for s in found.starts
    ]
    files = [{"file": f.file, "rows": f.rows, "broken": f.broken, "superseded": f.superseded} for f in found.files]
    say(
        found.verdict,
        name=found.name,
        drop_id=found.drop_id,
        acceptable=found.is_acceptable,
        verdict=found.verdict,
        problems=found.problems,
        warnings=found.warnings,
        files=files,
        rows=rows,
        feed_starts=starts,
    )
    if not OPTIONS.as_json:
        show(files, title="Files", empty="No file was read.")
        if rows:
            show(rows, title="Broken rows")
        if starts:
            show(starts, title="The practice feed's money counts from")
        for warning in found.warnings:
            note(f"Warning: {warning}")
    for problem in found.problems:
        note(problem)
    if not found.is_acceptable:
        raise typer.Exit(1)


@drop.command("list")
@command
def list_drops(lake: LakeOption = None) -> None:
    """Every drop ever seen, in drop order, with status and counts. Example: caremetrix drop list --json"""
    from caremetrix_assets.sources.ledger import Ledger

    rows = Ledger.load(open_lake(load_settings(lake=lake))).to_arrow().to_pylist()
    if not OPTIONS.as_json:
        kept = (
            "drop_date",
            "sequence",
            "name",
            "kind",
            "status",
            "rows_in",
            "rows_new",
            "rows_changed",
            "rows_quarantined",
            "rows_waiting",
            "reason",
        )
        rows = [{"id": r["drop_id"][:12], **{k: r[k] for k in kept}} for r in rows]
    show(rows, title="Drops", empty="No drop was seen yet.")


@drop.command()
@command
def withdraw(
    drop_id: Annotated[str, typer.Argument(metavar="ID", help="Start of the drop's id, or its folder's name.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Kept in the ledger.")] = None,
    lake: LakeOption = None,
) -> None:
    """Un-loads a drop; the next run rebuilds the tables as if it had never come. Example: caremetrix drop withdraw 3fa9"""
    entry = _change(load_settings(lake=lake), drop_id, lambda ledger, id_: ledger.withdraw(id_, reason))
    say(f"{entry} is withdrawn. Run `caremetrix run` to rebuild what it had changed.", drop_id=entry, status="withdrawn")


@drop.command()
@command
def reopen(
    drop_id: Annotated[str, typer.Argument(metavar="ID", help="Start of the drop's id, or its folder's name.")], lake: LakeOption = None
) -> None:
    """Lets a rejected or withdrawn drop be looked at again by the next run. Example: caremetrix drop reopen 3fa9"""
    from caremetrix_assets.sources.memory import Memory

    settings = load_settings(lake=lake)

    def again(ledger: Ledger, id_: str) -> None:
        ledger.reopen(id_)
        storage = open_lake(settings)
        Memory.load(storage).reopen(id_, storage)  # before the ledger says so, so that earlier failures no longer count

    entry = _change(settings, drop_id, again)
    say(f"{entry} will be looked at again by the next run.", drop_id=entry, status="seen")


def _change(settings: Settings, text: str, change: Callable[[Ledger, str], object]) -> str:
    from caremetrix_assets.sources.fold import refuse_folded
    from caremetrix_assets.sources.ledger import Ledger

    storage = open_lake(settings)
    with Lease(storage, "caremetrix drop", on_wait=note):
        ledger = Ledger.load(storage)
        entry = ledger.find(text)
        refuse_folded(storage, entry)
        change(ledger, entry.drop_id)
        ledger.save(storage)
    return entry.name or entry.drop_id


@quarantine.command("list")
@command
def list_rows(
    file: Annotated[str | None, typer.Option("--file", help="Only this source file, such as claims.")] = None, lake: LakeOption = None
) -> None:
    """Rows in quarantine by file, drop and rule; never their text. Example: caremetrix quarantine list --file claims"""
    from caremetrix_assets.sources.quarantine import list_quarantine

    found = list_quarantine(open_lake(load_settings(lake=lake)), file)
    rows = [
        {"file": q.file, "drop": q.drop_id[:12], "kind": q.kind, "rule": q.rule, "rows": q.rows, "first_line": q.first_line} for q in found
    ]
    show(rows, title="Quarantine", empty="No row is in quarantine.")


@quarantine.command("replay")
@command
def replay_rows(lake: LakeOption = None) -> None:
    """Reads broken rows of archived drops again, after a rule was fixed. Example: caremetrix quarantine replay"""
    from caremetrix_assets.sources.examine import ReadOptions
    from caremetrix_assets.sources.ledger import Ledger
    from caremetrix_assets.sources.retry import retry_all
    from caremetrix_assets.steps.forget import keep_out
    from caremetrix_assets.steps.raw import replay_again

    settings, catalog = load_settings(lake=lake), load_catalog()
    storage = open_lake(settings)
    options = ReadOptions.of(settings)
    with Lease(storage, "caremetrix quarantine", on_wait=note):
        gained = retry_all(storage, catalog, Ledger.load(storage), options)
        keep_out(settings, storage, catalog)
        replay_again(storage, catalog, {file for _, file in gained})
    rows = [{"drop": drop_id[:12], "file": file, "rows": count} for (drop_id, file), count in sorted(gained.items())]
    show(rows, title="Taken back from quarantine", empty="No quarantined row is accepted by the present rules.")
    if rows and not OPTIONS.as_json:
        note("Run `caremetrix run` to bring them into the tables.")
