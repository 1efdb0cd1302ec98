"""Commands that only look: ``tables``, ``query``, ``checks``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import typer

from caremetrix_assets.catalog.lineage import column_lineage
from caremetrix_assets.cli.output import command, day_of, out, plain, say, show
from caremetrix_assets.errors import UsageError
from caremetrix_assets.lake.reader import Lake
from caremetrix_assets.lake.state import load_table
from caremetrix_assets.serving.query import query as run_query
from caremetrix_assets.settings import load_settings

LakeOption = Annotated[str | None, typer.Option("--lake", help="Folder or s3://bucket/prefix (CAREMETRIX_LAKE).")]


def lake_of(url: str | None) -> Lake:
    """The lake of the option, else of the settings."""
    return Lake.open(load_settings(lake=url))


@command
def tables(
    name: Annotated[str | None, typer.Argument(help="One table in full.")] = None,
    changes: Annotated[bool, typer.Option("--changes", help="What the newest run changed and why; of one table, every run.")] = False,
    late: Annotated[bool, typer.Option("--late", help="Tables whose newest partition is not the one owed; exit code 1 if any.")] = False,
    lake: LakeOption = None,
) -> None:
    """Tables with grain, partitions, rows, newest partition and grade. Example: caremetrix tables fact_procedure"""
    from caremetrix_assets.cli.watching import show_changes, show_late

    place = lake_of(lake)
    if late:
        show_late(load_settings(lake=lake))
    elif changes:
        show_changes(place, name)
    elif name:
        _one_table(place, name)
    else:
        _all_tables(place)


def _all_tables(place: Lake) -> None:
    rows = []
    for table in place.catalog.tables.values():
        state = load_table(place.storage, table.name)
        rows.append(
            {
                "table": table.name,
                "layer": table.layer,
                "grain": table.grain,
                "partitions": len(state.partitions),
                "rows": sum(p.rows for p in state.partitions.values()),
                "newest": max(state.partitions, default=None),
                "grade": state.extra.get("grade"),
                "stale": " ".join("..".join(span) for span in state.extra.get("stale", [])) or None,
            }
        )
    show(rows, title=f"Tables of {place.url}")


def _one_table(place: Lake, name: str) -> None:
    table = place.table(name).contract
    state = load_table(place.storage, name)
    lineage = column_lineage(place.catalog, table)
    columns = [
        {
            "column": c.name,
            "type": c.sql_type,
            "privacy": c.privacy,
            "meaning": c.doc,
            "from": ", ".join(f"{t}.{source}" for t, source in lineage.get(c.name, ())) or None,
        }
        for c in table.columns
    ]
    facts: dict[str, Any] = {
        "table": table.name,
        "doc": table.doc,
        "grain": table.grain,
        "key": list(table.key),
        "reads": list(table.upstream),
        "read_by": sorted(t.name for t in place.catalog.tables.values() if name in t.upstream),
        "refresh": table.refresh,
        "sources": table.sources,
        "warnings": list(table.warnings),
        "usage": list(table.usage),
        "partitions": {d: p.rows for d, p in state.partitions.items()},
    }
    say(_described(facts), styled=True, **facts, columns=columns)
    from caremetrix_assets.cli.output import OPTIONS

    if not OPTIONS.as_json:
        show(columns, title=f"Columns of {name}")


def _described(facts: dict[str, Any]) -> str:
    lines = [f"[bold]{facts['table']}[/]  {facts['doc']}", f"Grain: {facts['grain']}. Key: {', '.join(facts['key'])}."]
    lines += [f"Reads: {', '.join(facts['reads']) or 'the drops'}.", f"Read by: {', '.join(facts['read_by']) or 'no table'}."]
    lines += [f"Refresh: {facts['refresh']}", f"Sources: {facts['sources']}"]
    lines += [f"Mind: {w}" for w in facts["warnings"]]
    lines += [f"Example: {u}" for u in facts["usage"]]
    lines += [f"Partitions: {len(facts['partitions'])}, rows {sum(facts['partitions'].values())}."]
    return "\n".join(lines)


@command
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT over tables by name.")],
    format: Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")] = "table",
    output: Annotated[Path | None, typer.Option("--out", help="A file instead of the terminal.")] = None,
    lake: LakeOption = None,
) -> None:
    """Read-only SQL over the lake. Example: caremetrix query "select count(*) as visits from fact_appointment"."""
    if format not in ("table", "csv", "json", "parquet"):
        raise UsageError(f"--format {format}: choose table, csv, json or parquet.")
    if format == "parquet" and output is None:
        raise UsageError("--format parquet needs --out FILE.")
    result = run_query(lake_of(lake), sql)
    from caremetrix_assets.cli.output import OPTIONS

    chosen = "json" if OPTIONS.as_json and format == "table" else format
    text = _rendered(result, chosen, output)
    if text is None:
        return
    if output:
        output.write_text(text, "utf-8")
    else:
        print(text, end="")


def _rendered(result: pa.Table, format: str, output: Path | None) -> str | None:
    if format == "parquet":
        pyarrow.parquet.write_table(result, output)
        return None
    if format == "json":
        return json.dumps([{k: plain(v) for k, v in row.items()} for row in result.to_pylist()], indent=1) + "\n"
    if format == "csv":
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(result, sink)
        return sink.getvalue().to_pybytes().decode("utf-8")
    rows = result.to_pylist()
    if output:
        raise UsageError("--out needs --format csv, json or parquet.")
    show(rows, empty="No row.")
    out.print(f"{result.num_rows} rows", highlight=False)
    return None


@command
def checks(
    table: Annotated[str | None, typer.Option("--table", help="Only this table.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="Only this partition date.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="passed, failed, warned, not_applicable or error.")] = None,
    lake: LakeOption = None,
) -> None:
    """Newest result of every check from dq_results. Example: caremetrix checks --status warned"""
    from caremetrix_assets.audit.newest import newest_results

    day = None if date is None else day_of(date, "--date")
    rows = newest_results(lake_of(lake).storage, table=table, date=day, status=status)
    kept = ("table_name", "partition_date", "check_name", "status", "severity", "rows_checked", "rows_failed", "sample_keys", "reason")
    show([{k: row[k] for k in kept} for row in rows], title="Checks", empty="No check result matches.")
