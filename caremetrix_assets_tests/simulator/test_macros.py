"""The words that all processes share: draws, the practice's clock, quarters of an hour, banking days, ages, billing days."""

import hashlib
from datetime import date, datetime

import duckdb
import pytest

from caremetrix_assets.simulator.feed import SQL
from caremetrix_assets.simulator.parameters import load_parameters


@pytest.fixture(scope="module")
def value():
    con = duckdb.connect()
    con.execute("set variable seed = '7'")
    con.execute("create macro start_date() as date '2022-01-01'")
    con.execute("create macro end_date() as date '2025-11-30'")
    for macro in load_parameters().macros():
        con.execute(macro)
    con.execute((SQL / "macros.sql").read_text())
    billing = (SQL / "line_money.sql").read_text()
    con.execute(billing[billing.index("create macro next_billing_day") : billing.index("create table line_statement")])

    def ask(expression):
        return con.execute(f"select {expression}").fetchall()[0][0]

    return ask


def test_a_draw_is_32_bits_of_md5(value):
    digest = hashlib.md5(b"7|wait|some id").digest()
    lower = int.from_bytes(digest[8:], "little")
    assert value("u('some id', 'wait')") == (lower >> 32) / 2**32


def test_ids_do_not_depend_on_the_seed(value):
    assert value("id_of('room', 'org|1')") == hashlib.md5(b"simulated room|org|1").hexdigest()


@pytest.mark.parametrize(
    ("second", "minutes", "clock"),
    [
        (0, 30, "08:00"),
        (43_200, 30, "12:45"),
        (86_399, 30, "17:25"),
        (86_399, 480, "09:55"),
        (86_399, 10, "17:45"),
        (151, 30, "08:00"),
        (758, 30, "08:05"),
    ],
)
def test_the_clock_spreads_a_day_over_office_hours(value, second, minutes, clock):
    assert value(f"on_clock(date '2025-03-01', {second}, {minutes})") == datetime.fromisoformat(f"2025-03-01 {clock}")


@pytest.mark.parametrize(
    ("time", "before", "after"), [("09:00", "09:00", "09:00"), ("09:05", "09:00", "09:15"), ("09:14:59", "09:00", "09:15")]
)
def test_quarters_of_an_hour(value, time, before, after):
    assert value(f"quarter_before(timestamp '2025-03-01 {time}')") == datetime.fromisoformat(f"2025-03-01 {before}")
    assert value(f"quarter_after(timestamp '2025-03-01 {time}')") == datetime.fromisoformat(f"2025-03-01 {after}")


@pytest.mark.parametrize(("day", "posted"), [("2025-02-28", "2025-02-28"), ("2025-03-01", "2025-03-03"), ("2025-03-02", "2025-03-03")])
def test_weekends_post_on_monday(value, day, posted):
    assert value(f"banking_day(date '{day}')") == date.fromisoformat(posted)


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        ("2000-02-29", "2001-02-28", 0),
        ("2000-02-29", "2001-03-01", 1),
        ("2000-02-29", "2004-02-29", 4),
        ("2000-06-15", "2025-06-14", 24),
        ("2000-06-15", "2025-06-15", 25),
    ],
)
def test_completed_years(value, born, day, years):
    assert value(f"years_old(date '{born}', date '{day}')") == years


@pytest.mark.parametrize(
    ("day", "billing", "next_day"),
    [("2025-03-10", 10, "2025-03-10"), ("2025-03-10", 28, "2025-03-28"), ("2025-03-11", 10, "2025-04-10"), ("2025-12-31", 1, "2026-01-01")],
)
def test_the_next_billing_day(value, day, billing, next_day):
    assert value(f"next_billing_day(date '{day}', {billing})") == date.fromisoformat(next_day)
