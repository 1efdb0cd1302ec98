"""The state of a change log: the last row per key and ordinal in drop order, deleted ones left out; and the row hash."""

from __future__ import annotations

import hashlib
from datetime import date

import duckdb
import pytest

from caremetrix_assets.catalog.models import Column, RawSource, Table
from caremetrix_assets.lake.changelog import row_hash_sql, state_key, state_sql

TYPES = {
    "person": "id",
    "code": "text",
    "day": "ts",
    "paid": "money",
    "level": "number",
    "open": "bool",
    "seen": "int",
    "source_ordinal": "int",
    "source_row_hash": "text",
    "change_type": "text",
    "drop_id": "text",
    "drop_date": "date",
    "drop_sequence": "int",
    "partition_date": "date",
}


def table(ordinal: bool = True) -> Table:
    columns = tuple(
        Column.model_validate({"name": n, "type": t, "doc": "-", "privacy": "internal", "counts": n != "seen"}) for n, t in TYPES.items()
    )
    return Table(
        name="raw_orders",
        layer="raw",
        folder="",
        doc="-",
        grain="-",
        key=("drop_id",),
        refresh="-",
        sources="-",
        usage=("-",),
        columns=columns,
        source=RawSource(file="orders", key=("person", "code"), ordinal=ordinal),
    )


def state(*rows: tuple, ordinal: bool = True, until: int = 31) -> list[tuple]:
    """State of rows (code, ordinal, change_type, day, sequence, drop_id, seen): what it says of code, ordinal and seen."""
    with duckdb.connect() as con:
        con.execute(f"create table log ({', '.join(f'{c.name} {c.sql_type}' for c in table().columns)})")
        for code, place, change, day, sequence, drop_id, seen in rows:
            con.execute(
                "insert into log by name select 'p' as person, ? as code, ? as source_ordinal, ? as change_type, ? as drop_date, "
                "? as drop_sequence, ? as drop_id, ? as seen",
                [code, place, change, date(2025, 1, day), sequence, drop_id, seen],
            )
        con.execute(f"create view part as select * from log where drop_date <= date '2025-01-{until:02d}'")
        found = con.execute(f"select code, source_ordinal, seen from ({state_sql(table(ordinal), 'part')}) order by all")
        return found.fetchall()


def test_row_without_a_later_change_stands():
    assert state(("a", 0, "insert", 1, 0, "x", 1), ("b", 0, "insert", 2, 0, "y", 2)) == [("a", 0, 1), ("b", 0, 2)]


def test_last_update_stands():
    rows = [("a", 0, "insert", 1, 0, "x", 1), ("a", 0, "update", 2, 0, "y", 2), ("a", 0, "update", 3, 0, "z", 3)]
    assert state(*rows) == state(*reversed(rows)) == [("a", 0, 3)]


def test_deleted_row_is_left_out_until_it_comes_again():
    rows = [("a", 0, "insert", 1, 0, "x", 1), ("a", 0, "delete", 2, 0, "y", 1), ("a", 0, "insert", 3, 0, "z", 3)]
    assert state(*rows[:2]) == []
    assert state(*rows) == [("a", 0, 3)]


def test_state_as_of_a_day_knows_nothing_later():
    rows = [("a", 0, "insert", 1, 0, "x", 1), ("a", 0, "update", 2, 0, "y", 2), ("a", 0, "delete", 3, 0, "z", 2)]
    assert [state(*rows, until=day) for day in (1, 2, 3)] == [[("a", 0, 1)], [("a", 0, 2)], []]


@pytest.mark.parametrize(
    ("first", "last"),
    [((1, 9, "z"), (2, 0, "a")), ((1, 0, "z"), (1, 1, "a")), ((1, 0, "a"), (1, 0, "b"))],
    ids=["date", "sequence", "drop_id"],
)
def test_drop_order_is_date_then_sequence_then_id(first: tuple, last: tuple):
    for earlier, later in ((first, last), (last, first)):
        found = state(("a", 0, "update", *earlier, 1), ("a", 0, "update", *later, 2))
        assert found == [("a", 0, 2 if later == last else 1)]


def test_ordinals_are_rows_of_their_own_where_the_file_repeats_keys():
    rows = [("a", 0, "insert", 1, 0, "x", 1), ("a", 1, "insert", 1, 0, "x", 2), ("a", 1, "update", 2, 0, "y", 3)]
    assert state(*rows) == [("a", 0, 1), ("a", 1, 3)]
    assert state_key(table()) == ("person", "code", "source_ordinal")
    assert state_key(table(ordinal=False)) == ("person", "code")


def test_null_in_a_key_is_a_value():
    assert state((None, 0, "insert", 1, 0, "x", 1), (None, 0, "update", 2, 0, "y", 2)) == [(None, 0, 2)]


def test_row_hash_is_md5_of_counted_columns_as_text():
    values = "'p' as person, null as code, timestamp '2025-01-02 03:04:05' as day, 1.50::decimal(18, 2) as paid, 0.25::double as level"
    with duckdb.connect() as con:
        found = con.execute(f"select {row_hash_sql(table())} from (select {values}, true as open, 7 as seen)").fetchone()
    assert found == (hashlib.md5(b"p||2025-01-02T03:04:05Z|1.50|0.25|true").hexdigest(),)
