"""SQL expressions that turn one text field into its contract's type: sentinels first, then a cast that never guesses.

``blanked`` gives the text or null; ``without_sentinels`` makes the agreed sentinels null; ``typed`` casts what is left
and gives null for what cannot be typed. Deciding what a null means for the row is ``typed_rows``.
"""

from __future__ import annotations

from caremetrix_assets.catalog.models import Column
from caremetrix_assets.sources.sql import literal

# Synthea builds of 2023 wrote 292278994-08-17T07:12:55Z for "never"; the line is drawn at the year 2200.
LAST_YEAR = 2200
_FAR_YEAR = r"\+?(\d{5,}-\d\d-\d\d.*|(22(0[1-9]|[1-9]\d)|2[3-9]\d\d|[3-9]\d{3})(-\d\d-\d\d.*)?)"
_PLAIN_TIME = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z| ?UTC)?)?[ \t]*"
_OFFSET_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?[+-]\d\d(:?\d\d)?[ \t]*"
_DATE = r"\d{4}-\d\d-\d\d[ \t]*"
_WHOLE_NUMBER = r"[+-]?\d+(\.0*)?[ \t]*"
_TIMES = ("ts", "date")
_NUMBERS = ("money", "number", "int", "bigint", "rate")


def blanked(column: Column, field: str) -> str:
    """The field, or null when it is empty or blank; texts keep their outer blanks, other types lose leading ones."""
    kept = field if column.is_text else f"ltrim({field}, ' \t')"
    # one comparison settles nearly every value: whatever starts at '!' or above has no leading blank
    return f"case when {field} >= '!' then {field} when trim({field}, ' \t') = '' then null else {kept} end"


def has_sentinels(column: Column, has_nan: bool) -> bool:
    """True when some text of this column stands for null; ``has_nan`` when the file has the letters NaN anywhere."""
    return bool(column.null_if) or column.type in _TIMES or (has_nan and column.type in _NUMBERS)


def is_sentinel(column: Column, text: str) -> str:
    """Whether a text that is not null stands for null: the contract's ``null_if``, a far year, NaN for a number."""
    tests = [f"{text} = {literal(value)}" for value in column.null_if]
    if column.type in _TIMES:
        cheap = f"({text} >= '{LAST_YEAR + 1}' or {text}[5] between '0' and '9' or {text}[1] = '+')"
        tests.append(f"case when {cheap} then regexp_full_match({text}, '{_FAR_YEAR}') else false end")
        tests += [f"coalesce(try_cast({text} as timestamp) = try_cast({literal(v)} as timestamp), false)" for v in column.null_if]
    if column.type in _NUMBERS:
        tests.append(f"{text} = 'NaN'")
    return " or ".join(tests) or "false"


def typed(column: Column, text: str, header: str) -> str:
    """The value of a text that is not a sentinel, or null when it is not a value of the column's type.

    ``header`` is the name the file uses: release 2.x writes whole years under START_YEAR and END_YEAR.
    """
    if column.is_text:
        return text
    if column.type == "ts":
        return _timestamp(text, header)
    if column.type == "date":
        return f"case when {text} like '____-__-__' or regexp_full_match({text}, '{_DATE}') then try_cast({text} as date) end"
    if column.type in ("int", "bigint"):
        return _whole(text, column.sql_type)
    if column.type == "bool":
        return f"case lower({text}) when 'true' then true when 'false' then false end"
    # DuckDB's cast from text rounds half away from zero by the written digits, once; it also reads 1_000, which no
    # file means.
    value = f"try_cast({text} as {column.sql_type})"
    if column.type == "number":
        return f"case when contains({text}, '_') or not isfinite({value}) then null else {value} end"
    return f"case when contains({text}, '_') then null else {value} end"


def _whole(text: str, sql_type: str) -> str:
    """Digits, with a fraction only of zeros: DuckDB alone would round 3.7 to 4 and read 0x1F."""
    value = f"try_cast({text} as {sql_type})"
    return (
        f"case when cast({value} as varchar) = {text} then {value} "
        f"when regexp_full_match({text}, '{_WHOLE_NUMBER}') then try_cast(split_part({text}, '.', 1) as {sql_type}) end"
    )


def _timestamp(text: str, header: str) -> str:
    """UTC. A cast of '...+02:00' to TIMESTAMP drops the offset silently, so offsets go through TIMESTAMPTZ."""
    year = ""
    if header.endswith("_YEAR"):
        # Synthea 2.7, CSVExporter.exportPayerTransitions: a span is START_YEAR to END_YEAR, the next one starts at
        # END_YEAR + 1. So the last year is inclusive, and the exclusive end is 1 January of the year after.
        after = " + 1" if header == "END_YEAR" else ""
        year = f"when regexp_full_match({text}, '\\d{{4}}') then make_timestamp(cast({text} as bigint){after}, 1, 1, 0, 0, 0) "
    return (
        f"case when {text} like '____-__-__T__:__:__Z' then try_cast({text} as timestamp) {year}"
        f"when regexp_full_match({text}, '{_PLAIN_TIME}') then try_cast({text} as timestamp) "
        f"when regexp_full_match({text}, '{_OFFSET_TIME}') "
        f"then make_timestamp(epoch_us(try_cast({text} as timestamptz))) end"
    )
