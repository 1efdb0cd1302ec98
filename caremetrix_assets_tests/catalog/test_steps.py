"""Steps of a long query in files of their own: joined in the order in which they read each other."""

from pathlib import Path

import duckdb
import pytest

from caremetrix_assets.catalog.load import TABLES, load_catalog
from caremetrix_assets.catalog.sqltext import parse_query, read_shared
from caremetrix_assets.engines.functions import install
from caremetrix_assets.errors import UsageError


def query(folder: Path, own: str, **steps: str) -> Path:
    (folder / "mart_small.sql").write_text(own)
    for name, text in steps.items():
        (folder / f"mart_small__{name}.sql").write_text(text)
    return folder / "mart_small.sql"


def test_steps_come_before_what_reads_them(tmp_path: Path):
    path = query(
        tmp_path,
        "-- why\nwith own as (select visits from counted)\n\nselect o.visits from own as o",
        counted="select count(*) as visits from kept as k",
        kept="with rows_kept as (select partition_date from run_dates)\n\nselect r.partition_date from rows_kept as r",
    )
    found = parse_query(path)
    assert (found.upstream, found.columns) == (("run_dates",), ("visits",))
    assert [found.text.index(f"{name} as (") for name in ("kept", "counted", "own")] == sorted(
        found.text.index(f"{name} as (") for name in ("kept", "counted", "own")
    )


def test_a_query_without_steps_of_its_own_may_have_some(tmp_path: Path):
    found = parse_query(query(tmp_path, "select c.visits from counted as c", counted="select 1 as visits from run_dates as r"))
    assert (found.upstream, found.columns) == (("run_dates",), ("visits",))


@pytest.mark.parametrize(
    ("own", "steps", "words"),
    [
        (
            "select 1 as visits from run_dates as r",
            {"lonely": "select 1 as n from run_dates as r"},
            "mart_small__lonely.sql: nothing reads",
        ),
        ("select a.n from a", {"a": "select b.n from b", "b": "select a.n from a"}, "circle: "),
        ("select a.n from a", {"a": "select n from from where"}, "mart_small__a.sql, line 1"),
        ("select a.n from a", {"a": "select * from run_dates"}, "mart_small__a.sql"),
    ],
)
def test_mistakes_are_named_with_their_file(tmp_path: Path, own: str, steps: dict[str, str], words: str):
    with pytest.raises(UsageError, match=words.replace(".", r"\.")):
        parse_query(query(tmp_path, own, **steps))


def test_a_step_is_part_of_the_tables_definition():
    table = load_catalog().table("fact_appointment")
    assert "raw_appointments" in table.upstream and "classified" not in table.upstream


def shared(folder: Path, **texts: str) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text)
    return folder


def test_a_shared_query_comes_with_those_it_names_and_no_others(tmp_path: Path):
    queries = read_shared(
        shared(
            tmp_path / "shared",
            shared_days="select r.partition_date from run_dates as r",
            shared_weeks="select d.partition_date as week from shared_days as d",
            shared_unread="select s.opening_date from run_settings as s",
        )
    )
    path = query(tmp_path, "with own as (select week from shared_weeks) select o.week from own as o")
    found = parse_query(path, queries)
    assert (found.upstream, found.columns) == (("run_dates",), ("week",))
    assert found.text.index("shared_days as (") < found.text.index("shared_weeks as (") < found.text.index("own as (")
    assert "shared_unread" not in found.text


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"days": "select r.partition_date from run_dates as r"}, "days.sql: the name of a shared query begins with 'shared_'"),
        ({"shared_days": "select from where"}, "shared_days.sql, line 1"),
        ({"shared_a": "select b.n from shared_b as b", "shared_b": "select a.n from shared_a as a"}, "mart_small.sql: its steps read each"),
    ],
)
def test_mistakes_in_shared_queries_are_named(tmp_path: Path, texts: dict[str, str], words: str):
    with pytest.raises(UsageError, match=words.replace(".", r"\.")):
        parse_query(query(tmp_path, "select a.n from shared_a as a"), read_shared(shared(tmp_path / "shared", **texts)))


@pytest.mark.parametrize(
    ("day", "grain", "expected"),
    [
        ("2025-12-10", "day", "2025-12-10 2025-12-10 | 2025-12-03 2025-12-03 | 2024-12-10 2024-12-10"),
        ("2025-03-30", "month", "2025-03-01 2025-03-30 | 2025-02-01 2025-02-28 | 2024-03-01 2024-03-30"),
        ("2025-02-28", "month", "2025-02-01 2025-02-28 | 2025-01-01 2025-01-31 | 2024-02-01 2024-02-29"),
        ("2025-03-31", "rolling_30d", "2025-03-02 2025-03-31 | 2025-01-31 2025-03-01 | 2024-03-02 2024-03-31"),
        ("2025-03-31", "rolling_90d", "2025-01-01 2025-03-31 | 2024-10-03 2024-12-31 | 2024-01-02 2024-03-31"),
        ("2024-02-29", "rolling_12m", "2023-03-01 2024-02-29 | 2022-03-01 2023-02-28 | 2022-03-01 2023-02-28"),
    ],
)
def test_periods_end_on_their_day_and_know_the_ones_before(day: str, grain: str, expected: str):
    sql = (TABLES / "shared" / "shared_periods.sql").read_text()
    with duckdb.connect() as con:
        install(con)
        con.execute(f"create table run_dates as select date '{day}' as partition_date")
        row = con.execute(
            f"select period_start, period_end, prior_start, prior_end, year_start, year_end from ({sql}) where period_grain = '{grain}'"
        ).fetchall()[0]
    assert " ".join(map(str, row)) == expected.replace(" |", "")
