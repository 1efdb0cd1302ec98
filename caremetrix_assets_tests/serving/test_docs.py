"""The data dictionary: its committed pages are those of the contracts, its queries run, its links lead somewhere."""

import re
from pathlib import Path

import pytest
import sqlglot
from typer.testing import CliRunner

from caremetrix_assets import Lake
from caremetrix_assets.catalog.load import TABLES, load_catalog
from caremetrix_assets.cli.app import app
from caremetrix_assets.serving.docs import pages
from caremetrix_assets.serving.docs.markdown import MARK, cell, laid_out, linked
from caremetrix_assets.serving.docs.questions import questions_of
from caremetrix_assets.serving.query import query

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference"
CATALOG = load_catalog()
QUERIES = [
    *((f"{table.name}-{n}", sql) for table in CATALOG.tables.values() for n, sql in enumerate(table.usage)),
    *((question.ask, question.sql) for question in questions_of(CATALOG)),
    *((f"guide-{n}", sql) for n, sql in enumerate(re.findall(r'caremetrix query "([^"]+)"', (TABLES / "guide.md").read_text()))),
]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return pages(CATALOG)


def test_the_committed_pages_are_those_of_the_contracts(texts: dict[str, str]):
    """`make docs` writes them anew."""
    committed = {path.name: path.read_text("utf-8") for path in REFERENCE.iterdir()}
    assert sorted(committed) == sorted(texts)
    assert [name for name in texts if committed[name] != texts[name]] == []


def test_every_table_has_a_page_that_says_what_a_reader_needs(texts: dict[str, str]):
    for name, table in CATALOG.tables.items():
        text = texts[f"{name}.md"]
        for heading in ("## Queries to start from", "## Columns", "## Lineage"):
            assert heading in text, name
        for line in ("| One row is |", "| Unique by |", "| History |", "| Refreshed |", "| Comes from |", "| Files behind it |"):
            assert line in text, name
        for column in table.columns:
            assert f"| `{column.name}` | {column.type}" in text, (name, column.name)
            assert cell(column.doc) in text, (name, column.name)
        assert f"[{name}]({name}.md)" in texts["README.md"], name


def test_metrics_stand_with_both_parts(texts: dict[str, str]):
    for table in CATALOG.tables.values():
        for column in table.columns:
            if column.parts:
                row = f"| `{column.name}` | `{column.parts[0]}` / `{column.parts[1]}` |"
                assert row in texts[f"{table.name}.md"]
                assert row in texts["metrics.md"]


def test_lineage_of_columns_leads_to_the_source(texts: dict[str, str]):
    assert "| `billed_amount` | `raw_encounters.total_claim_cost` |" in texts["fact_appointment.md"]
    assert "    raw_conditions --> fact_patient_e\n" in texts["fact_patient_e.md"]
    files = "| Files behind it | `conditions.csv`, `encounters.csv`, `observations.csv`, `procedures.csv` |"
    assert files in texts["fact_patient_e.md"]


def test_every_link_leads_to_a_page_and_its_heading(texts: dict[str, str]):
    for name, text in texts.items():
        for target, heading in re.findall(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)", text):
            assert target in texts, (name, target)
            headings = [h.lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", texts[target], re.M)]
            assert not heading or heading in headings, (name, target, heading)


def test_every_question_is_in_the_index_under_its_table(texts: dict[str, str]):
    for question in questions_of(CATALOG):
        assert f"| {question.ask} | [{question.table}]({question.table}.md#queries-to-start-from) |" in texts["README.md"]
        assert f"**{question.ask}**\n\n```sql\n{laid_out(question.sql)}\n```" in texts[f"{question.table}.md"]
        assert re.search(rf"\b{question.table}\b", question.sql), "the query reads the table it is listed under"


@pytest.mark.parametrize(("name", "sql"), QUERIES, ids=[name for name, _ in QUERIES])
def test_every_query_runs_on_the_sample(sample_lake: Lake, name: str, sql: str):
    assert query(sample_lake, sql).num_columns > 0


@pytest.mark.parametrize(("name", "sql"), QUERIES, ids=[name for name, _ in QUERIES])
def test_laying_a_query_out_changes_white_space_only(name: str, sql: str):
    laid = laid_out(sql)
    assert re.sub(r"\s", "", laid) == re.sub(r"\s", "", sql)
    assert sqlglot.transpile(laid, read="duckdb") == sqlglot.transpile(sql, read="duckdb")


def test_a_clause_begins_a_line_but_not_in_quotes_or_short_brackets():
    long = "select a.patient_id, max_by(a.value_number, a.event_start_at) as systolic from results as a where a.code = 'x' group by a.id"
    sql = f"with l as ({long}) select 'out from here' as b, extract(year from d) as y from l where a = 1 and b in (select c from d) limit 1"
    assert laid_out(sql).splitlines() == [
        "with l as (",
        "    select a.patient_id, max_by(a.value_number, a.event_start_at) as systolic",
        "    from results as a",
        "    where a.code = 'x'",
        "    group by a.id",
        ")",
        "select 'out from here' as b, extract(year from d) as y",
        "from l",
        "where a = 1 and b in (select c from d)",
        "limit 1",
    ]


def test_a_long_line_breaks_at_a_comma_outside_brackets():
    names = ", ".join(f"round(some_measured_value_{n}, 2) as value_{n}" for n in range(6))
    lines = laid_out(f"select {names} from t").splitlines()
    assert lines[0].endswith("as value_1,")
    assert lines[1].startswith("    round(some_measured_value_2, 2)")
    assert max(map(len, lines)) <= 110


def test_words_that_are_tables_become_links_but_not_the_page_itself():
    assert linked("fact_a rests on dim_b, not dim_bc.", ["fact_a", "dim_b"], "fact_a") == "fact_a rests on [dim_b](dim_b.md), not dim_bc."


def test_the_command_writes_the_pages_and_removes_only_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("caremetrix_assets.serving.docs.pages", lambda catalog: {"README.md": f"{MARK}\n", "dim_a.md": f"{MARK}\n"})
    (tmp_path / "fact_gone.md").write_text(f"{MARK}\n")
    (tmp_path / "notes.md").write_text("mine\n")
    result = CliRunner().invoke(app, ["docs", "--out", str(tmp_path)])
    assert (result.exit_code, sorted(path.name for path in tmp_path.iterdir())) == (0, ["README.md", "dim_a.md", "notes.md"])
    assert "2 pages" in result.output
