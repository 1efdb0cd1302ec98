"""``caremetrix simulate``: the practice feed that Synthea does not know, for a drop; off unless asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.cli.output import OPTIONS, command, day_of, is_terminal, note, say, show
from caremetrix_assets.errors import UsageError
from caremetrix_assets.settings import load_settings
from caremetrix_assets.sources.manifest import Kind

if TYPE_CHECKING:
    from caremetrix_assets.simulator.run import Result


@command
def simulate(
    folder: Annotated[Path, typer.Argument(help="The drop: a folder with Synthea CSV files.")],
    history: Annotated[list[Path] | None, typer.Option("--history", help="An earlier drop; once for each. A full drop needs none.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a sealed drop of its own to this new folder.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another practice.")] = 7,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file with parameters to change; see docs/simulator.md.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Write nothing; print what is drawn per parameter.")] = False,
    date_: Annotated[str | None, typer.Option("--date", help="Date of an unsealed folder whose name holds none, YYYY-MM-DD.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="full or delta, for an unsealed folder (default: delta with history).")] = None,
    gzip: Annotated[bool, typer.Option("--gzip", help="Write .csv.gz instead of .csv.")] = False,
) -> None:
    """Writes bookings, claims' fates, payments, messages and more for a drop. Example: caremetrix simulate output --date 2026-01-31"""
    from caremetrix_assets.simulator.parameters import load_parameters
    from caremetrix_assets.simulator.run import Order, Workshop
    from caremetrix_assets.simulator.run import explain as explain_order
    from caremetrix_assets.simulator.run import simulate as simulate_order

    settings = load_settings()
    if kind not in (None, "full", "delta"):
        raise UsageError(f"--kind {kind}: choose full or delta.")
    parameters = load_parameters(config)
    order = Order(
        folder, tuple(history or ()), seed, parameters, day_of(date_, "--date") if date_ is not None else None, cast("Kind | None", kind)
    )
    shop = Workshop(settings.work_dir, settings.threads, settings.duckdb_memory, _tell)
    catalog = load_catalog()
    if explain:
        show(explain_order(order, catalog, shop), title="What was drawn")
        return
    _report(simulate_order(order, catalog, shop, out, gzip), folder, seed)


def _report(result: Result, folder: Path, seed: int) -> None:
    """What was written, where, and what to do next."""
    rows = sum(result.rows.values())
    what = f"{rows:,} rows of {sum(1 for n in result.rows.values() if n)} practice files"
    sealed = (
        "It is sealed; put it into the inbox."
        if result.drop_id
        else f"Seal it with `caremetrix drop seal {folder} --date {result.drop_date} --kind {result.kind}`."
    )
    say(
        f"{result.folder} holds {what}, simulated from {result.start} to {result.drop_date}. {sealed}",
        folder=result.folder,
        drop_date=result.drop_date,
        kind=result.kind,
        start=result.start,
        seed=seed,
        rows=dict(result.rows),
        withdrawn=dict(result.withdrawn),
        drop_id=result.drop_id,
    )
    if not OPTIONS.as_json:
        show([{"file": file, "rows": n} for file, n in result.rows.items()], title="Practice files")
    for file, count in result.withdrawn.items():
        note(f"Warning: {file}: {count} rows told before are no longer made, for visits that came late; a drop cannot take them back.")


def _tell(step: str) -> None:
    if not is_terminal():
        return
    note(f"  {step}")
