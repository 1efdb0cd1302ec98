"""What Athena is told of a table: types, dates, places, texts within Glue's limits, and DDL that a parser reads the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from typer.testing import CliRunner

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Column, Table
from caremetrix_assets.cli.app import app
from caremetrix_assets.serving.athena.ddl import create_table, statements
from caremetrix_assets.serving.athena.definition import Definition, LakePlace, definition, definitions, shortened
from caremetrix_assets_tests.serving.athena.conftest import BUCKET

CATALOG = load_catalog()
TYPES = {
    "key": "bigint",
    "id": "string",
    "text": "string",
    "int": "int",
    "bigint": "bigint",
    "money": "decimal(18,2)",
    "rate": "decimal(9,4)",
    "number": "double",
    "bool": "boolean",
    "date": "date",
    "ts": "timestamp",
}
SPECIAL = [
    "it's",
    r"a \ b",
    r"ends in \\",
    "'quoted'",
    "semi;colon -- dash /* star */",
    '`tick` "double"',
    "é – 日本 %s _ {x}",
    r"\'",
    r"\u0041 \n",
]


def every_type() -> Table:
    columns = [Column(name=f"a_{kind}", type=kind, doc=f"One {kind}", privacy="public") for kind in TYPES]  # type: ignore[arg-type]
    day = Column(name="partition_date", type="date", doc="Day", privacy="public")
    return CATALOG.tables["fact_payment"].model_copy(update={"columns": (*columns, day)})


def parsed(statement: str) -> exp.Create:
    tree = sqlglot.parse_one(statement, read="athena")
    assert isinstance(tree, exp.Create) and not tree.find(exp.Command)
    return tree


def texts_of(tree: exp.Create) -> dict[str, str]:
    """Comments as the parser understood them, by column; the table's own under ``''``."""
    of_columns = {c.name: c.find(exp.CommentColumnConstraint).this.this for c in tree.find_all(exp.ColumnDef)}  # type: ignore[union-attr]
    return {"": tree.find(exp.SchemaCommentProperty).this.this, **of_columns}  # type: ignore[union-attr]


def test_every_type_of_a_contract_has_its_athena_type(at: LakePlace):
    wanted = definition(every_type(), at)
    assert {c.name.removeprefix("a_"): c.type for c in wanted.columns} == TYPES
    assert wanted.partition and wanted.partition[:2] == ("partition_date", "date")


def test_a_daily_table_is_projected_from_the_opening_date_to_today(at: LakePlace):
    wanted = definition(CATALOG.tables["fact_payment"], at)
    assert wanted.location == f"{BUCKET}/facts/fact_payment/"
    assert wanted.parameters["projection.partition_date.range"] == "2025-11-30,NOW"
    assert [c.name for c in wanted.columns] == [c.name for c in CATALOG.tables["fact_payment"].columns if c.name != "partition_date"]


def test_an_entity_dimension_points_to_its_newest_snapshot(at: LakePlace):
    wanted = definition(CATALOG.tables["dim_patient"], at)
    assert wanted.location == f"{BUCKET}/dims/dim_patient/partition_date=2025-12-07/"
    assert wanted.partition is None and wanted.columns[-1][:2] == ("partition_date", "date")
    assert not [name for name in wanted.parameters if name.startswith("projection")]
    nothing_yet = definition(CATALOG.tables["dim_payer"], at)
    assert nothing_yet.location == f"{BUCKET}/dims/dim_payer/partition_date=2025-11-30/"


def test_all_tables_fit_into_the_catalog_whole(at: LakePlace):
    for wanted, table in zip(definitions(CATALOG, at), CATALOG.tables.values(), strict=True):
        assert wanted.comment == table.doc and len(table.doc.encode()) <= 2048
        columns = [*wanted.columns, *([wanted.partition] if wanted.partition else [])]
        assert [c.name for c in columns] == [c.name for c in table.columns]
        assert {c.name: c.comment for c in columns} == {c.name: " ".join(c.doc.split()) for c in table.columns}


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one\n  two\tthree", 20, "one two three"),
        ("été été été", 12, "été…"),
        ("unbroken", 6, "unb…"),
    ],
)
def test_a_long_text_is_cut_between_words(text: str, limit: int, short: str):
    assert shortened(text, limit) == short
    assert len(shortened(text, limit).encode()) <= limit


class TestDdl:
    @pytest.mark.parametrize("table", CATALOG.tables.values(), ids=lambda t: t.name)
    def test_a_parser_reads_every_statement_as_it_was_meant(self, table: Table, at: LakePlace):
        wanted = definition(table, at)
        tree = parsed(create_table("clinic", wanted))
        found = {c.name: c.kind.sql("hive").lower().replace(" ", "") for c in tree.find_all(exp.ColumnDef) if c.kind}
        columns = [*wanted.columns, *([wanted.partition] if wanted.partition else [])]
        assert found == {c.name: c.type for c in columns}
        assert texts_of(tree) == {"": wanted.comment, **{c.name: c.comment for c in columns}}
        assert tree.find(exp.LocationProperty).this.this == wanted.location  # type: ignore[union-attr]
        assert {p.name: p.args["value"].this for p in tree.find_all(exp.Property) if type(p) is exp.Property} == {
            k: v for k, v in wanted.parameters.items() if k != "EXTERNAL"
        }
        assert tree.find(exp.ExternalProperty) and tree.args["exists"]
        assert (tree.find(exp.PartitionedByProperty) is None) == (wanted.partition is None)

    @pytest.mark.parametrize("text", SPECIAL)
    def test_a_text_stays_a_text(self, text: str, at: LakePlace):
        wanted = definition(every_type(), at)
        column = wanted.columns[0]._replace(comment=text)
        tree = parsed(create_table("clinic", replace(wanted, comment=text, columns=(column, *wanted.columns[1:]))))
        assert texts_of(tree)[""] == texts_of(tree)[column.name] == text

    def test_the_database_comes_first(self, at: LakePlace):
        made = statements("clinic", definitions(CATALOG, at))
        assert next(iter(made)) == "_database"
        assert list(made)[1:] == list(CATALOG.tables)
        database = sqlglot.parse_one(made["_database"], read="athena")
        assert isinstance(database, exp.Create) and database.kind == "DATABASE"


class TestCommand:
    def test_writes_a_file_per_statement(self, folder: Path, tmp_path: Path):
        result = CliRunner().invoke(app, ["athena", "ddl", "--lake", str(folder), "--out", str(tmp_path / "ddl"), "--database", "clinic"])
        assert result.exit_code == 0, result.output
        assert {p.stem for p in (tmp_path / "ddl").iterdir()} == {"_database", *CATALOG.tables}
        text = (tmp_path / "ddl" / "dim_patient.sql").read_text()
        assert text.startswith("CREATE EXTERNAL TABLE IF NOT EXISTS `clinic`.`dim_patient` (\n") and text.endswith(");\n")
        assert f"LOCATION '{folder.as_uri()}/dims/dim_patient/partition_date=2025-12-07/'" in text
        assert "Athena reads buckets only" in result.stderr

    def test_prints_statements_or_json(self, folder: Path):
        result = CliRunner().invoke(app, ["athena", "ddl", "--lake", str(folder)])
        assert result.stdout.count(";\n") >= len(CATALOG.tables) + 1
        document = json.loads(CliRunner().invoke(app, ["--json", "athena", "ddl", "--lake", str(folder)]).stdout)
        assert [entry["name"] for entry in document] == ["_database", *CATALOG.tables]

    def test_a_lake_without_a_start_date_is_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        words = ["athena", "ddl", "--lake", str(tmp_path / "none")]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 3 and "has no start date yet" in result.stderr
        monkeypatch.setenv("CAREMETRIX_START_DATE", "2026-01-01")
        assert "'2026-01-01,NOW'" in CliRunner().invoke(app, words).stdout

    def test_a_name_that_athena_refuses_is_a_wrong_option(self, folder: Path):
        result = CliRunner().invoke(app, ["athena", "ddl", "--lake", str(folder), "--database", "Clinic-Lake"])
        assert result.exit_code == 2 and "CAREMETRIX_GLUE_DATABASE" in result.stderr


def test_a_definition_says_the_same_twice(at: LakePlace):
    table = CATALOG.tables["mart_ar_aging"]
    assert definition(table, at) == definition(table, LakePlace(BUCKET, date(2025, 11, 30), {}))
    assert isinstance(definition(table, at), Definition)
