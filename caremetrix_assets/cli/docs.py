"""``caremetrix docs``: the data dictionary as Markdown pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.output import command, say


@command
def docs(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the pages; its README.md is the index.")] = Path("docs/reference"),
) -> None:
    """Writes the data dictionary: a page per table, found by question. Example: caremetrix docs --out docs/reference"""
    from caremetrix_assets.serving.docs import write

    written = write(load_catalog(), folder)
    say(f"{len(written)} pages are in {folder}; begin with {folder / 'README.md'}.", pages=len(written), index=str(folder / "README.md"))
