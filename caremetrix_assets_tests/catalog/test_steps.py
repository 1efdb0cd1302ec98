"""Steps of a long query in files of their own: joined in the order in which they read each other."""

from pathlib import Path

import pytest

from caremetrix_assets.catalog.load import load_catalog
from caremetrix_assets.catalog.sqltext import parse_query
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
        ("select 1 as visits from run_dates as r", {"lonely": "select 1 as n from run_dates as r"}, "mart_small__lonely.sql: nothing"),
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
