"""What each type makes of a text: values, sentinels, and texts that are no value, through DuckDB itself."""

from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest

from caremetrix_assets.catalog.models import Column
from caremetrix_assets.sources.sql import literal, one_row
from caremetrix_assets.sources.typing_sql import blanked, is_sentinel, typed

BROKEN, SENTINEL = "broken", "sentinel"


def value(kind, text, header="START", null_if=()):
    """The typed value; None for blank; BROKEN or SENTINEL."""
    column = Column(name="x", type=kind, doc="-", privacy="public", null_if=null_if)
    kept = f"(select {blanked(column, 'f')} as t from (select cast({literal(text)} as varchar) as f))"
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'America/New_York'")
        kept_text, sentinel = one_row(con, f"select t, t is not null and ({is_sentinel(column, 't')}) from {kept}")
        (result,) = one_row(con, f"select {typed(column, 't', header)} from {kept}")
    if kept_text is None:
        return None
    if sentinel:
        return SENTINEL
    return BROKEN if result is None else result


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-02T10:00:00Z", datetime(2025, 1, 2, 10)),
        ("2025-01-02T10:00:00+02:00", datetime(2025, 1, 2, 8)),
        ("2025-01-02T10:00:00-0530", datetime(2025, 1, 2, 15, 30)),
        ("2025-01-02 10:00:00", datetime(2025, 1, 2, 10)),
        ("2025-01-02T10:00Z", datetime(2025, 1, 2, 10)),
        ("2025-01-02T10:00:00.123456Z", datetime(2025, 1, 2, 10, 0, 0, 123456)),
        ("2025-01-02", datetime(2025, 1, 2)),
        (" 2025-01-02T10:00:00Z ", datetime(2025, 1, 2, 10)),
        ("2200-12-31T23:59:59Z", datetime(2200, 12, 31, 23, 59, 59)),
        ("2201-01-01T00:00:00Z", SENTINEL),
        ("292278994-08-17T07:12:55Z", SENTINEL),
        ("9999-12-31", SENTINEL),
        ("10000-01-01T00:00:00Z", SENTINEL),
        ("2025-02-30T10:00:00Z", BROKEN),
        ("2025-1-2T10:00:00Z", BROKEN),
        ("02/01/2025", BROKEN),
        ("2025-01-02T10:00:00 CET", BROKEN),
        ("99 bottles", BROKEN),
        ("9999", SENTINEL),
        ("", None),
        (" \t", None),
    ],
)
def test_timestamps_are_utc(text, expected):
    assert value("ts", text) == expected


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("START_YEAR", "2019", datetime(2019, 1, 1)),
        ("END_YEAR", "2019", datetime(2020, 1, 1)),
        ("END_YEAR", "2019-06-01T00:00:00Z", datetime(2019, 6, 1)),
        ("END_DATE", "2019", BROKEN),
    ],
)
def test_years_of_release_2_are_inclusive_at_the_end(header, text, expected):
    assert value("ts", text, header) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-01-02", date(2025, 1, 2)),
        ("2024-02-29 ", date(2024, 2, 29)),
        ("2023-02-29", BROKEN),
        ("2025-01-02T00:00:00Z", BROKEN),
        ("20250102", BROKEN),
        ("292278994-08-17", SENTINEL),
        ("2201-01-01", SENTINEL),
    ],
)
def test_dates(text, expected):
    assert value("date", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.00", Decimal("10.00")),
        ("8727.5475", Decimal("8727.55")),
        ("333.55499999999995", Decimal("333.55")),
        ("0.005", Decimal("0.01")),
        ("-0.005", Decimal("-0.01")),
        ("-0.0049", Decimal("0.00")),
        ("1.2345678E7", Decimal("12345678.00")),
        ("+5.", Decimal("5.00")),
        ("9999999999999999.99", Decimal("9999999999999999.99")),
        ("99999999999999999", BROKEN),
        ("1,000.00", BROKEN),
        ("1_000", BROKEN),
        ("$5", BROKEN),
        ("Infinity", BROKEN),
        ("NaN", SENTINEL),
        ("", None),
    ],
)
def test_money_is_rounded_once_half_away_from_zero(text, expected):
    assert value("money", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", 3), ("-3", -3), ("3.0", 3), ("3.", 3), (" 3", 3), ("007", 7), ("3.7", BROKEN), ("3.70", BROKEN), ("1e3", BROKEN)]
    + [("0x1F", BROKEN), ("1_000", BROKEN), ("2147483648", BROKEN), ("three", BROKEN), ("NaN", SENTINEL)],
)
def test_whole_numbers_are_never_rounded(text, expected):
    assert value("int", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("0.664", 0.664), ("1e-3", 0.001), ("NaN", SENTINEL), ("inf", BROKEN), ("1_0", BROKEN), ("x", BROKEN)]
)
def test_numbers_are_finite(text, expected):
    assert value("number", text) == expected


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("FALSE", False), ("1", BROKEN), ("yes", BROKEN)])
def test_booleans(text, expected):
    assert value("bool", text) is expected if expected is not BROKEN else value("bool", text) == BROKEN


@pytest.mark.parametrize(
    ("text", "null_if", "expected"),
    [
        ("02081", (), "02081"),
        (" two  blanks ", (), " two  blanks "),
        ("null", (), "null"),
        ("null", ("null",), SENTINEL),
        ("0", ("0",), SENTINEL),
        ("00", ("0",), "00"),
        ("   ", (), None),
        ("!", (), "!"),
        (" x", (), " x"),
    ],
)
def test_texts_stay_as_they_are_spelled(text, null_if, expected):
    assert value("text", text, null_if=null_if) == expected


def test_a_sentinel_timestamp_is_known_in_every_spelling():
    for text in ("1970-01-01T00:00:00Z", "1970-01-01 00:00:00", "1970-01-01"):
        assert value("ts", text, null_if=("1970-01-01T00:00:00Z",)) == SENTINEL
