"""The functions of table SQL for Spark: each a Spark SQL expression that takes the place of its call.

The meaning is that of ``functions.py``, which defines them for DuckDB; where the two engines' arithmetic differs, the
expression says why it is written as it is. No function runs in Python.
"""

from __future__ import annotations

from functools import cache

import sqlglot
from sqlglot import exp

# DuckDB counts in 128 bits; the widest number of Spark is a decimal of 38 digits.
_MILLIONTHS = "cast(cast({0} as decimal(38, 6)) * 1000000 as decimal(38, 0))"
_N, _D = f"abs({_MILLIONTHS.format('n')})", f"abs({_MILLIONTHS.format('d')})"
_SIGN = "case when (n >= 0) = (d >= 0) then 1 else -1 end"
# `div` is exact where `/` rounds; its result is a BIGINT, which holds every quotient the result types can.
_QUOTIENT = f"({_SIGN} * (({_N} * {{double}} + {_D}) div (2 * {_D})))"
_UNDEFINED = "case when d is null or d = 0 or n is null then null"

TEMPLATES: dict[str, tuple[tuple[str, ...], str]] = {
    "stable_key": (("t",), "cast(conv(substring(md5(t), 1, 15), 16, 10) as bigint)"),
    "iso_ts": (("t",), "date_format(cast(t as timestamp_ntz), \"yyyy-MM-dd'T'HH:mm:ss'Z'\")"),
    "iso_date": (("d",), "date_format(cast(d as date), 'yyyy-MM-dd')"),
    "date_key": (("d",), "cast(year(d) as bigint) * 10000 + cast(month(d) as bigint) * 100 + cast(day(d) as bigint)"),
    # timestampdiff counts complete seconds, DuckDB those begun: whole seconds are the same for both
    "minutes_between": (
        ("a", "b"),
        "cast(round(cast(timestampdiff(second, date_trunc('second', a), date_trunc('second', b)) as decimal(28, 6)) / 60, 6) "
        "as decimal(18, 6))",
    ),
    "add_months": (("d", "n"), "add_months(cast(d as date), cast(n as int))"),
    "lapse_date": (
        ("d", "n"),
        "case when day(add_months(cast(d as date), cast(n as int))) < day(cast(d as date)) "
        "then date_add(add_months(cast(d as date), cast(n as int)), 1) else add_months(cast(d as date), cast(n as int)) end",
    ),
    "age_years": (
        ("b", "t"),
        "cast(year(t) - year(b) - case when month(t) * 100 + day(t) < month(b) * 100 + day(b) then 1 else 0 end as int)",
    ),
    "age_band": (
        ("a",),
        "case when a is null then null when a < 5 then '0-4' when a < 18 then '5-17' when a < 35 then '18-34' "
        "when a < 50 then '35-49' when a < 65 then '50-64' when a < 80 then '65-79' else '80+' end",
    ),
    # the rounded quotient is beyond 99999.9999 exactly when the comparison holds, which needs no division
    "rate_of": (
        ("n", "d"),
        f"{_UNDEFINED} when {_N} * 20000 + {_D} >= 2000000000 * {_D} then null "
        f"else cast(cast({_QUOTIENT.format(double=20_000)} as decimal(19, 0)) * 0.0001bd as decimal(9, 4)) end",
    ),
    "money_of": (
        ("n", "d"),
        f"{_UNDEFINED} else cast(cast({_QUOTIENT.format(double=200)} as decimal(19, 0)) * 0.01bd as decimal(18, 2)) end",
    ),
    "number_of": (
        ("n", "d"),
        f"{_UNDEFINED} else cast(cast({_QUOTIENT.format(double=2_000_000)} as decimal(19, 0)) * 0.000001bd as double) end",
    ),
}


@cache
def _template(name: str) -> exp.Expr:
    return sqlglot.parse_one(TEMPLATES[name][1], dialect="spark")


def expanded(name: str, arguments: list[exp.Expr]) -> exp.Expr:
    """The expression that a call of ``name`` stands for, in parentheses; the arguments are copied into it."""
    values = dict(zip(TEMPLATES[name][0], arguments, strict=True))

    def put(node: exp.Expr) -> exp.Expr:
        return exp.paren(values[node.name].copy()) if isinstance(node, exp.Column) and node.name in values else node

    return exp.paren(_template(name).transform(put))
