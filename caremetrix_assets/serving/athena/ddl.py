"""The same definitions as statements to paste into Athena, one per file: for teams that register tables by hand or in CI."""

from __future__ import annotations

from pathlib import Path

from caremetrix_assets.serving.athena.definition import AthenaColumn, Definition

DATABASE_FILE = "_database"
DATABASE_COMMENT = "CareMetrix: audited dimensions, facts and marts of a clinic group."


def statements(database: str, wanted: list[Definition]) -> dict[str, str]:
    """Statement by file name (without ``.sql``), in the order to run them: the database, then a table each."""
    first = f"CREATE DATABASE IF NOT EXISTS {_name(database)}\nCOMMENT {_text(DATABASE_COMMENT)}"
    return {DATABASE_FILE: first, **{d.name: create_table(database, d) for d in wanted}}


def create_table(database: str, wanted: Definition) -> str:
    """``CREATE EXTERNAL TABLE`` in the DDL of Athena, which is Hive's: names in backticks, quotes in texts behind a backslash."""
    own = [p for p in wanted.parameters.items() if p[0] != "EXTERNAL"]
    lines = [
        f"CREATE EXTERNAL TABLE IF NOT EXISTS {_name(database)}.{_name(wanted.name)} (",
        ",\n".join(f"  {_column(c)}" for c in wanted.columns),
        ")",
        f"COMMENT {_text(wanted.comment)}",
    ]
    if wanted.partition:
        lines.append(f"PARTITIONED BY (\n  {_column(wanted.partition)}\n)")
    lines += [
        "STORED AS PARQUET",
        f"LOCATION {_text(wanted.location)}",
        "TBLPROPERTIES (\n" + ",\n".join(f"  {_text(k)} = {_text(v)}" for k, v in own) + "\n)",
    ]
    return "\n".join(lines)


def write(folder: Path, made: dict[str, str]) -> list[Path]:
    """Writes a file per statement, replacing older ones; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, statement in made.items():
        paths.append(folder / f"{name}.sql")
        paths[-1].write_text(f"{statement};\n", "utf-8")
    return paths


def _column(column: AthenaColumn) -> str:
    return f"{_name(column.name)} {column.type} COMMENT {_text(column.comment)}"


def _name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
