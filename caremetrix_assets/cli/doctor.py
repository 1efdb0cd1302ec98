"""``caremetrix doctor``: settings, storage, engine and versions, each tried and not only read."""

from __future__ import annotations

import platform
import re
from typing import Annotated, Any

import typer

from caremetrix_assets.cli.output import command, note, show
from caremetrix_assets.errors import CaremetrixError
from caremetrix_assets.settings import PREFIX, Settings, load_settings


@command
def doctor(
    lake: Annotated[str | None, typer.Option("--lake", help="Folder or s3://bucket/prefix (CAREMETRIX_LAKE).")] = None,
    inbox: Annotated[str | None, typer.Option("--inbox", help="Folder or s3://bucket/prefix (CAREMETRIX_INBOX).")] = None,
) -> None:
    """Checks settings, storage, engine, versions. Example: caremetrix doctor --lake s3://clinic/lake"""
    settings = load_settings(lake=lake, inbox=inbox)
    rows = [*_versions(), *_settings(settings), *_trials(settings)]
    show(rows, title="caremetrix doctor")
    broken = [row for row in rows if row["state"] == "error"]
    for row in broken:
        note(f"{row['what']}: {row['detail']}")
    if broken:
        raise typer.Exit(3)


def _versions() -> list[dict[str, Any]]:
    from importlib.metadata import version

    names = ("caremetrix-assets", "dagster", "duckdb", "pyarrow", "sqlglot", "great-expectations")
    return [{"what": n, "state": "ok", "detail": version(n)} for n in names] + [
        {"what": "python", "state": "ok", "detail": platform.python_version()}
    ]


def _settings(settings: Settings) -> list[dict[str, Any]]:
    shown = settings.model_dump()
    secret = {"webhook_url"}
    return [
        {"what": PREFIX + name.upper(), "state": "ok", "detail": "set" if name in secret and value else without_password(str(value))}
        for name, value in shown.items()
    ]


def without_password(text: str) -> str:
    """An address without what stands before ``@`` or behind ``?``: people put keys there."""
    return re.sub(r"(?<=//)[^/@]*@|\?.*", "", text) if "//" in text else text


def _trials(settings: Settings) -> list[dict[str, Any]]:
    return [
        _try("catalog", _catalog),
        _try("engine", lambda: _engine(settings)),
        _try("lake", lambda: _lake(settings)),
        _try("inbox", lambda: _inbox(settings)),
        *([_try("glue", lambda: _glue(settings))] if settings.registers_tables else []),
    ]


def _try(what: str, trial: Any) -> dict[str, Any]:
    try:
        return {"what": what, "state": "ok", "detail": trial()}
    except CaremetrixError as error:
        return {"what": what, "state": "error", "detail": str(error)}


def _catalog() -> str:
    from caremetrix_assets.catalog.load import load_catalog

    return f"{len(load_catalog().tables)} tables"


def _engine(settings: Settings) -> str:
    from caremetrix_assets.engines.duckdb import EngineOptions, connect

    with connect(EngineOptions(settings.threads, settings.duckdb_memory, settings.work_dir)) as con:
        con.execute("select stable_key('a')").fetchone()
    found = f"DuckDB with {settings.threads} threads and {settings.duckdb_memory}"
    if settings.engine == "duckdb":
        return found
    from caremetrix_assets.engines.spark_session import spark_options, trial

    return f"{trial(spark_options(settings))}; the rest in {found}"


def _lake(settings: Settings) -> str:
    from caremetrix_assets.lake.reader import open_lake
    from caremetrix_assets.lake.state import load_built, read_start_date

    storage = open_lake(settings)
    storage.write("ops/doctor.json", b"{}\n")
    storage.delete("ops/doctor.json")
    return f"{storage.url} is writable; starts {read_start_date(storage)}, built to {load_built(storage).newest_date}"


def _inbox(settings: Settings) -> str:
    from caremetrix_assets.steps.pending import inbox_summary

    return inbox_summary(settings)


def _glue(settings: Settings) -> str:
    from caremetrix_assets.serving.athena.glue import Glue

    found = Glue.of(settings).tables()
    return f"database {settings.glue_database} " + ("is not there yet" if found is None else f"with {len(found)} tables")
