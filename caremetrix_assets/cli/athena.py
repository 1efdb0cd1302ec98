"""Commands about Athena: ``athena ddl|sync|verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caremetrix_assets.cli.look import LakeOption, lake_of
from caremetrix_assets.cli.output import OPTIONS, command, note, say, show
from caremetrix_assets.settings import load_settings

athena = typer.Typer(help="The lake's tables in Athena: statements, registration, comparison.", no_args_is_help=True)

DatabaseOption = Annotated[str | None, typer.Option("--database", help="Database of the Glue catalog (CAREMETRIX_GLUE_DATABASE).")]


@athena.command()
@command
def ddl(
    folder: Annotated[Path | None, typer.Option("--out", help="A file per statement in this folder instead of the terminal.")] = None,
    lake: LakeOption = None,
    database: DatabaseOption = None,
) -> None:
    """Statements that create the tables in Athena. Example: caremetrix athena ddl --lake s3://clinic-lake/caremetrix --out ddl"""
    from caremetrix_assets.serving.athena.ddl import statements, write
    from caremetrix_assets.serving.athena.definition import definitions, place_of

    settings = load_settings(lake=lake, glue_database=database)
    place = lake_of(lake)
    made = statements(settings.glue_database, definitions(place.catalog, place_of(place, settings)))
    if settings.is_local:
        note("Athena reads buckets only: these statements name a folder. Pass the lake in its bucket as --lake s3://bucket/prefix.")
    if folder:
        paths = write(folder, made)
        say(f"{len(paths)} statements are in {folder}; run {paths[0].name} first.", folder=folder, files=[p.name for p in paths])
    elif OPTIONS.as_json:
        show([{"name": name, "statement": statement} for name, statement in made.items()])
    else:
        print("\n\n".join(f"{statement};" for statement in made.values()))


@athena.command()
@command
def sync(
    lake: LakeOption = None,
    database: DatabaseOption = None,
    drop_removed: Annotated[
        bool, typer.Option("--drop-removed", help="Also drop tables from Glue that no contract names any more. Files stay.")
    ] = False,
) -> None:
    """Registers the tables in Glue; changes only what differs. Example: caremetrix athena sync --lake s3://clinic-lake/caremetrix"""
    from caremetrix_assets.serving.athena.sync import summary_of, sync_lake

    settings = load_settings(lake=lake, glue_database=database)
    changes = sync_lake(settings, drop_removed=drop_removed)
    if OPTIONS.as_json:
        show([change._asdict() for change in changes])
    else:
        done = [change._asdict() for change in changes if change.action != "unchanged"]
        show(done, empty="Glue already says what the contracts and the lake say.")
        say(f"Database {settings.glue_database}: {summary_of(changes)}.")
    for change in changes:
        if change.action == "removed":
            note(f"{change.table} is still in Glue, but {change.detail}; drop it with --drop-removed.")
        elif change.action == "refused":
            note(f"{change.table} was left alone: {change.detail}.")
    if any(change.action == "refused" for change in changes):
        raise typer.Exit(1)


@athena.command()
@command
def verify(lake: LakeOption = None, database: DatabaseOption = None) -> None:
    """Compares contracts, Glue and the lake's files. Example: caremetrix athena verify --lake s3://clinic-lake/caremetrix"""
    from caremetrix_assets.serving.athena.verify import verify_lake

    settings = load_settings(lake=lake, glue_database=database)
    findings = verify_lake(settings)
    show([f._asdict() for f in findings], empty=f"Database {settings.glue_database} shows every table of {settings.lake} as it is.")
    for finding in findings:
        note(f"{finding.table or settings.glue_database}: {finding.difference}: {finding.detail}")
    if findings:
        raise typer.Exit(1)
