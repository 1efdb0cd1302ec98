"""The few functions that table SQL may use beyond portable SQL, as DuckDB macros.

Each has one meaning for every engine: keys as the first 15 hexadecimal digits of md5, quotients exact and
rounded half away from zero, months by calendar. Nothing else belongs here; business rules are SQL in ``tables/``.
"""

from __future__ import annotations

import duckdb

_QUOTIENT = """(case when (n >= 0) = (d >= 0) then 1 else -1 end
    * ((abs(cast(cast(n as decimal(38, 6)) * 1000000 as hugeint)) * 2 * {scale}
        + abs(cast(cast(d as decimal(38, 6)) * 1000000 as hugeint)))
       // (2 * abs(cast(cast(d as decimal(38, 6)) * 1000000 as hugeint)))))"""

MACROS = (
    # sources: the project's key convention; 60 bits fit a positive BIGINT.
    "create or replace macro stable_key(t) as cast('0x' || substring(md5(t), 1, 15) as bigint)",
    "create or replace macro iso_ts(t) as strftime(cast(t as timestamp), '%Y-%m-%dT%H:%M:%SZ')",
    "create or replace macro iso_date(d) as strftime(cast(d as date), '%Y-%m-%d')",
    "create or replace macro date_key(d) as "
    "cast(extract(year from d) as bigint) * 10000 + cast(extract(month from d) as bigint) * 100 + cast(extract(day from d) as bigint)",
    "create or replace macro minutes_between(a, b) as "
    "cast(round(cast(date_diff('second', a, b) as decimal(28, 6)) / 60, 6) as decimal(18, 6))",
    "create or replace macro add_months(d, n) as cast(cast(d as date) + to_months(cast(n as integer)) as date)",
    # where the day does not exist, the first of the next month
    "create or replace macro lapse_date(d, n) as "
    "cast(case when extract(day from cast(d as date) + to_months(cast(n as integer))) < extract(day from cast(d as date)) "
    "then cast(d as date) + to_months(cast(n as integer)) + interval 1 day "
    "else cast(d as date) + to_months(cast(n as integer)) end as date)",
    # completed years; a birthday on 29 February is completed on 1 March in other years
    "create or replace macro age_years(b, t) as cast(extract(year from t) - extract(year from b) "
    "- case when extract(month from t) * 100 + extract(day from t) < extract(month from b) * 100 + extract(day from b) "
    "then 1 else 0 end as integer)",
    "create or replace macro age_band(a) as case when a is null then null when a < 5 then '0-4' when a < 18 then '5-17' "
    "when a < 35 then '18-34' when a < 50 then '35-49' when a < 65 then '50-64' when a < 80 then '65-79' else '80+' end",
    "create or replace macro rate_of(n, d) as case when d is null or d = 0 or n is null then null "
    f"when abs({_QUOTIENT.format(scale=10_000)}) > 999999999 then null "
    f"else cast(cast({_QUOTIENT.format(scale=10_000)} as decimal(38, 0)) * 0.0001 as decimal(9, 4)) end",
    "create or replace macro money_of(n, d) as case when d is null or d = 0 or n is null then null "
    f"else cast(cast({_QUOTIENT.format(scale=100)} as decimal(36, 0)) * 0.01 as decimal(18, 2)) end",
    "create or replace macro number_of(n, d) as case when d is null or d = 0 or n is null then null "
    f"else cast(cast({_QUOTIENT.format(scale=1_000_000)} as decimal(30, 0)) * 0.000001 as double) end",
)


def install(con: duckdb.DuckDBPyConnection) -> None:
    """Defines the functions for every connection of a database."""
    for macro in MACROS:
        con.execute(macro)
