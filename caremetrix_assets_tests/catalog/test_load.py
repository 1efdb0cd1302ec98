"""An author's mistakes are named: file, line, column, and what to write instead."""

from pathlib import Path

import pytest

from caremetrix_assets.catalog.lineage import check_columns, column_lineage
from caremetrix_assets.catalog.lint import lint, lint_table
from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.models import Catalog, Column, Table
from caremetrix_assets.errors import UsageError

GLOSSARY = """
partition_date: {type: date, doc: "The partition.", privacy: public, required: true}
visits: {type: int, doc: "Visits.", privacy: internal}
"""
GROUPS = "footer:\n  partition_date: {}\n"
MART_SQL = "select 1 as visits, r.partition_date as partition_date from run_dates as r\n"
MART_YML = """
doc: "Visits a day."
grain: "one day"
key: [visits]
refresh: "every run"
sources: "nothing"
usage: ["select visits from mart_small"]
footer: footer
columns:
  visits: {}
"""


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A tables folder with one small mart."""
    folder = tmp_path / "tables"
    (folder / "marts" / "operations").mkdir(parents=True)
    (folder / "glossary.yml").write_text(GLOSSARY)
    (folder / "column_groups.yml").write_text(GROUPS)
    (folder / "marts" / "operations" / "mart_small.sql").write_text(MART_SQL)
    (folder / "marts" / "operations" / "mart_small.yml").write_text(MART_YML)
    return folder


def mart(tables: Path, sql: str = MART_SQL, yml: str = MART_YML, name: str = "mart_small") -> Path:
    """Rewrites the mart's files."""
    (tables / "marts" / "operations" / f"{name}.sql").write_text(sql)
    (tables / "marts" / "operations" / f"{name}.yml").write_text(yml)
    return tables


def test_two_files_are_a_table(tables: Path) -> None:
    table = load_catalog(tables).table("mart_small")
    assert [c.name for c in table.columns] == ["visits", "partition_date"]
    assert table.group == "marts_operations"
    assert table.upstream == ("run_dates",)


@pytest.mark.parametrize(
    ("sql", "yml", "words"),
    [
        ("select 1 as visits, partition_date from nowhere", MART_YML, ["mart_small.sql", "nowhere"]),
        ("select partition_date, 1 as visits from run_dates", MART_YML, ["mart_small.sql", "partition_date", "visits", "order"]),
        ("select 1 as visits from run_dates", MART_YML, ["nothing more", "partition_date"]),
        ("select 1 as visits, from from run_dates where", MART_YML, ["mart_small.sql", "line 1", "column"]),
        ("select * from run_dates", MART_YML, ["names every column"]),
        ("select 1 as visits; select 2", MART_YML, ["exactly one SELECT"]),
        (MART_SQL, MART_YML.replace("visits: {}", "visits: {type: monny}"), ["column visits", "glossary"]),
        (MART_SQL, MART_YML.replace("visits: {}", "other: {type: monny, doc: a, privacy: public}"), ["column other", "type"]),
        (MART_SQL, MART_YML.replace("key: [visits]", "key: [visitz]"), ["visitz"]),
        (MART_SQL, MART_YML.replace("footer: footer", "footer: feet"), ["feet", "column_groups.yml"]),
        (MART_SQL, MART_YML + "colour: red\n", ["colour"]),
        (MART_SQL, MART_YML + "doc: again\n", ["mart_small.yml", "line", "twice"]),
        (MART_SQL, MART_YML.replace('doc: "Visits a day."', 'doc: "Visits'), ["mart_small.yml", "line"]),
        (MART_SQL, MART_YML.replace('doc: "Visits a day."\n', ""), ["doc"]),
    ],
)
def test_a_mistake_is_named(tables: Path, sql: str, yml: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        load_catalog(mart(tables, sql, yml))
    for word in words:
        assert word in str(error.value)


def test_a_missing_sql_file_is_named(tables: Path) -> None:
    (tables / "marts" / "operations" / "mart_small.sql").unlink()
    with pytest.raises(UsageError, match=r"mart_small\.sql beside it"):
        load_catalog(tables)


def test_a_circle_is_named(tables: Path) -> None:
    for one, other in (("mart_a", "mart_b"), ("mart_b", "mart_a")):
        mart(tables, f"select x.visits as visits, x.partition_date as partition_date from {other} as x", MART_YML, one)
    with pytest.raises(UsageError, match="circle: mart_"):
        load_catalog(tables)


def test_what_rules_look_into_comes_first(tables: Path) -> None:
    """A key that the SQL only computes, a check's neighbour and the source of a sum must be there before the audit asks for them."""
    for name in ("mart_a", "mart_b", "mart_c"):
        mart(tables, MART_SQL, MART_YML, name)
    check = 'checks:\n  same:\n    sql: "select t.partition_date, 1 as key from mart_small__all as t, mart_b as o"\n'
    columns = MART_YML.replace("visits: {}", "visits: {ref: mart_c.visits}")
    catalog = load_catalog(mart(tables, MART_SQL, columns + check))
    table = catalog.table("mart_small")
    assert (table.upstream, table.audited_with) == (("run_dates",), ("mart_b", "mart_c"))
    assert table.after == ("run_dates", "mart_b", "mart_c")
    assert list(catalog.tables)[-1] == "mart_small"
    assert catalog.table("mart_a").audited_with == ()


def test_marts_may_not_read_raw(tables: Path) -> None:
    (tables / "raw").mkdir()
    raw = MART_YML.replace("visits: {}", "visits: {}\nsource: {file: small, key: [visits]}")
    (tables / "raw" / "raw_small.yml").write_text(raw)
    with pytest.raises(UsageError, match=r"layer marts may not read raw_small"):
        load_catalog(mart(tables, "select x.visits as visits, x.partition_date as partition_date from raw_small as x"))


def test_a_description_changes_no_definition(tables: Path) -> None:
    before = load_catalog(tables).table("mart_small").definition
    load_catalog.__globals__["_load"].cache_clear()
    after = load_catalog(
        mart(tables, "-- why\n" + MART_SQL.upper().replace("RUN_DATES", "run_dates").lower(), MART_YML.replace("a day", "each day"))
    )
    assert after.table("mart_small").definition == before
    load_catalog.__globals__["_load"].cache_clear()
    changed = load_catalog(mart(tables, MART_SQL.replace("1 as", "2 as")))
    assert changed.table("mart_small").definition != before


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("date_diff('month', partition_date, partition_date)", "months"),
        ("extract(dow from partition_date)", "calendar"),
        ("hash(partition_date)", "portable"),
        ("median(1) over ()", "portable"),
        ("current_date", "clock"),
        ("cast(60 * minutes_between(partition_date, partition_date) as bigint)", "round"),
        ("(select count(*) from generate_series(1, 2))", "generate_series"),
    ],
)
def test_what_engines_read_differently_is_refused(tables: Path, expression: str, words: str) -> None:
    table = load_catalog(mart(tables, f"select {expression} as visits, partition_date as partition_date from run_dates")).table(
        "mart_small"
    )
    assert any(words in finding for finding in lint_table(table))


def test_an_unknown_column_is_named(tables: Path) -> None:
    catalog = load_catalog(mart(tables, "select r.visitz as visits, r.partition_date as partition_date from run_dates as r"))
    with pytest.raises(UsageError, match="visitz"):
        check_columns(catalog, catalog.table("mart_small"))


def test_every_table_of_the_package_is_portable() -> None:
    assert lint(load_catalog()) == []


def test_every_table_of_the_package_names_real_columns_and_has_lineage() -> None:
    catalog = load_catalog()
    for table in catalog.tables.values():
        if table.sql:
            assert list(column_lineage(catalog, table)) == [c.name for c in table.columns]
    lineage = column_lineage(catalog, catalog.table("fact_appointment"))
    assert ("raw_encounters", "total_claim_cost") in lineage["billed_amount"]


def test_lineage_follows_ctes_unions_windows_and_subqueries(tables: Path) -> None:
    sql = """with fees as (
        select base_cost as fee, patient from raw_small union all select 0, payer_id from dim_small
    ), ranked as (select fee, row_number() over (partition by patient order by fee) as place, 1 as one from fees)
    select max(fee + place) + (select max(valid_from) from dim_small) as visits, count(*) as n, max(one) as o, 'x' as w from ranked
    """
    catalog = Catalog.model_construct(
        tables={
            "raw_small": Table.model_construct(name="raw_small", columns=_columns("base_cost", "patient")),
            "dim_small": Table.model_construct(name="dim_small", columns=_columns("payer_id", "valid_from")),
        },
        seeds={},
    )
    table = Table.model_construct(name="mart_small", sql=sql, upstream=("dim_small", "raw_small"))
    fee_and_place = [("dim_small", "payer_id"), ("raw_small", "base_cost"), ("raw_small", "patient")]
    assert column_lineage(catalog, table) == {"visits": sorted([*fee_and_place, ("dim_small", "valid_from")]), "n": [], "o": [], "w": []}


def _columns(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name=name, type="int", doc="A number.", privacy="internal") for name in names)


@pytest.mark.parametrize(
    ("drill", "words"),
    [
        ("{fact: fact_none, where: 'true'}", "no table has that name"),
        ("{fact: mart_small, where: 'f.visit = m.visits'}", "mart_small has no such column"),
        ("{fact: mart_small, where: 'f.visits = m.visit'}", "mart_small has no such column"),
        ("{fact: mart_small, where: 'f.visits = ='}", "not readable as SQL"),
        ("{fact: mart_small, where: 'true', measures: {patients: 'count(*)'}}", "drill speaks of 'patients'"),
        ("{fact: mart_small, without: [patients]}", "drill speaks of 'patients'"),
        ("{fact: mart_small, through: {table: fact_none, by: [visits]}}", "'fact_none', and no table has that name"),
        ("{fact: mart_small, through: {table: mart_small, by: [visit]}}", "drill goes through 'visit', and mart_small has no such column"),
        (
            "{fact: mart_small, through: {table: mart_small, by: [visits], where: 't.visit > 0'}}",
            "t.visit, and mart_small has no such column",
        ),
    ],
)
def test_a_drill_names_what_exists(tables: Path, drill: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_catalog(mart(tables, yml=f"{MART_YML}drill: {drill}\n"))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("{formula: 'visit + 1'}", "the formula of visits names visit, which the table does not have"),
        ("{formula: 'visits + 1', no_drill: 'nobody counts them'}", "visits has several of drill, `formula` and `no_drill`"),
    ],
)
def test_a_measure_has_one_way_back(tables: Path, column: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        load_catalog(mart(tables, yml=MART_YML.replace("visits: {}", f"visits: {column}")))


def test_every_process_finds_the_same_definitions() -> None:
    """Sets come in another order in every process: a definition that hangs on it rebuilds its table in every run."""
    import os
    import subprocess
    import sys

    script = (
        "from caremetrix_assets.catalog.load import load_catalog\n"
        "print([(t.name, t.definition, t.upstream, t.after) for t in load_catalog().tables.values()])"
    )
    found = [subprocess.check_output([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}) for seed in "12"]
    assert found[0] == found[1]
