"""The commands and their order. What each does is in its own module."""

from __future__ import annotations

import gc
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from caremetrix_assets.cli import athena, doctor, drops, look
from caremetrix_assets.cli.docs import docs
from caremetrix_assets.cli.explain import explain
from caremetrix_assets.cli.forget import forget
from caremetrix_assets.cli.output import OPTIONS, out
from caremetrix_assets.cli.report import report
from caremetrix_assets.cli.run import init, run
from caremetrix_assets.cli.simulate import simulate
from caremetrix_assets.cli.vacuum import vacuum
from caremetrix_assets.cli.views import duckdb

app = typer.Typer(
    name="caremetrix",
    help="Synthea drops to audited dimensions, facts and marts in a lake.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.add_typer(drops.drop, name="drop")
app.command()(simulate)
app.add_typer(drops.quarantine, name="quarantine")
app.command()(look.tables)
app.command()(look.query)
app.command()(explain)
app.command()(look.checks)
app.add_typer(athena.athena, name="athena")
app.command()(docs)
app.command()(report)
app.command()(duckdb)
app.command()(forget)
app.command()(vacuum)
app.command()(doctor.doctor)
app.command()(init)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"caremetrix {version('caremetrix-assets')}")
        raise typer.Exit


@app.callback()
def options(
    json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    show_version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Synthea drops to audited dimensions, facts and marts in a lake."""
    OPTIONS.as_json, OPTIONS.debug = json, debug


def main() -> None:
    """The console script ``caremetrix``. ``--json`` and ``--debug`` may stand before or behind the command."""
    # A run makes many small objects that last; looking through them again and again, and at the end, took a sixth of its time.
    gc.set_threshold(200_000, 50, 1000)
    words = sys.argv[1:]
    front = [w for w in ("--json", "--debug") if w in words]
    try:
        app(args=[*front, *(w for w in words if w not in front)])
    except SystemExit as end:
        _leave(end.code)


def _leave(code: str | int | None) -> None:
    """Ends the process at once; taking a run's objects apart one by one took over a second."""
    if isinstance(code, str):
        print(code, file=sys.stderr)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = code or 1
    os._exit(code if isinstance(code, int) else int(code is not None))
