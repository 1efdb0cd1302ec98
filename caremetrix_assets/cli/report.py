"""``caremetrix report``: the marts' headline figures and plots as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caremetrix_assets.cli.look import LakeOption, lake_of
from caremetrix_assets.cli.output import command, day_of, say


@command
def report(
    date: Annotated[str | None, typer.Option("--date", help="As of this day; without it the newest one.")] = None,
    output: Annotated[Path, typer.Option("--out", help="The page.")] = Path("report.html"),
    lake: LakeOption = None,
) -> None:
    """One self-contained HTML page of the marts' figures, readable offline, on a phone and on paper.

    Example: caremetrix report --date 2025-12-07 --out report.html
    """
    from caremetrix_assets.serving.report import newest_day
    from caremetrix_assets.serving.report import report as make

    place = lake_of(lake)
    day = newest_day(place) if date is None else day_of(date, "--date")
    text = make(place, day)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    say(f"The report as of {day} is in {output}.", date=day, file=str(output), bytes=len(text.encode()))
