"""The functions that table SQL may use: each against values worked out by hand."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from caremetrix_assets.engines.duckdb import EngineOptions, connect

# what an expression is, for every engine
CASES: list[tuple[str, object]] = [
    # md5('patient|a|1900-01-01') = d62b973181bc853e5cfeff23ef0ee41a (md5sum): its first 15 hexadecimal digits
    ("stable_key('patient|a|1900-01-01')", int("d62b973181bc853", 16)),
    ("iso_ts(timestamp '2024-03-04 05:06:07')", "2024-03-04T05:06:07Z"),
    ("iso_date(date '2024-03-04')", "2024-03-04"),
    ("date_key(date '2024-03-04')", 20240304),
    ("rate_of(1, 3)", Decimal("0.3333")),
    ("rate_of(1, 32)", Decimal("0.0313")),  # 0.03125: half goes away from zero
    ("rate_of(-1, 32)", Decimal("-0.0313")),
    ("rate_of(1, 0)", None),
    ("rate_of(cast(null as integer), 3)", None),
    ("rate_of(10000000, 1)", None),  # beyond 99,999.9999
    ("rate_of(99999.9999, 1)", Decimal("99999.9999")),
    ("money_of(0.005, 1)", Decimal("0.01")),
    ("money_of(-0.005, 1)", Decimal("-0.01")),
    ("money_of(100, 3)", Decimal("33.33")),
    ("number_of(2, 3)", 0.666667),
    ("minutes_between(timestamp '2024-01-01 00:00:00', timestamp '2024-01-01 00:01:30')", Decimal("1.500000")),
    ("add_months(date '2024-01-31', 1)", date(2024, 2, 29)),
    ("add_months(date '2025-02-28', -12)", date(2024, 2, 28)),
    ("lapse_date(date '2024-08-31', 18)", date(2026, 3, 1)),
    ("lapse_date(date '2024-08-28', 18)", date(2026, 2, 28)),
    ("age_years(date '2004-02-29', date '2023-02-28')", 18),
    ("age_years(date '2004-02-29', date '2023-03-01')", 19),
    ("age_band(4)", "0-4"),
    ("age_band(80)", "80+"),
]


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection as steps use it."""
    with connect(EngineOptions(1, "500MB", tmp_path)) as connection:
        yield connection


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_functions(con: duckdb.DuckDBPyConnection, expression: str, expected: object) -> None:
    row = con.execute(f"select {expression}").fetchone()
    assert row is not None
    assert row[0] == expected


def test_an_error_carries_no_value(tmp_path: Path) -> None:
    with pytest.raises(Exception) as error:  # noqa: B017, PT011 - the kind is asserted below
        with connect(EngineOptions(1, "500MB", tmp_path)) as con:
            con.execute("select cast('secret name' as integer)")
    assert type(error.value).__name__ == "CaremetrixError"
    assert "secret" not in str(error.value)
