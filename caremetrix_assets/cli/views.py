"""``caremetrix duckdb``: a file of views over the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caremetrix_assets.cli.look import LakeOption, lake_of
from caremetrix_assets.cli.output import command, say


@command
def duckdb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, such as caremetrix.duckdb; replaced when it is there.")],
    lake: LakeOption = None,
) -> None:
    """Writes a DuckDB file with a view per table of the lake; it holds no data. Example: caremetrix duckdb caremetrix.duckdb"""
    from caremetrix_assets.serving.views import write_views

    layers = write_views(lake_of(lake), file)
    count = sum(len(names) for names in layers.values())
    text = f"{file} has {count} views over the lake. Open it with `duckdb {file}`; later partitions show by themselves."
    say(text, file=file, views=layers)
