"""What a simulation drew, parameter by parameter: for people who change a parameter and want to see what came of it."""

from __future__ import annotations

from typing import Any

import duckdb

from caremetrix_assets.simulator.feed import SQL
from caremetrix_assets.simulator.parameters import Parameters, Value

_NUMBERS = """
select parameter, avg(number), min(number), max(number), count(*) from drawn
where number is not null group by parameter"""
_LABELS = """
select parameter, label, count(*) from drawn where label is not null group by parameter, label"""


def explained(con: duckdb.DuckDBPyConnection, parameters: Parameters) -> list[dict[str, Any]]:
    """One row per parameter: process, parameter, its value, what was drawn and from how many (None where nothing is drawn).

    The connection is one in which ``make_feed`` has run.
    """
    for part in ("bookings", "money", "people"):
        con.execute((SQL / f"explain_{part}.sql").read_text("utf-8"))
    numbers = {name: (mean, low, high, n) for name, mean, low, high, n in con.execute(_NUMBERS).fetchall()}
    labels: dict[str, dict[str, int]] = {}
    for name, label, n in con.execute(_LABELS).fetchall():
        labels.setdefault(name, {})[label] = n
    rows = []
    for name, value in parameters.items():
        process, _, parameter = name.partition(".")
        drawn, n = _drawn(value, numbers.get(name), labels.get(name))
        rows.append({"process": process, "parameter": parameter, "value": _said(value), "drawn": drawn, "n": n})
    return rows


def _drawn(value: Value, number: tuple[float, float, float, int] | None, label: dict[str, int] | None) -> tuple[str | None, int | None]:
    if label is not None and isinstance(value, dict):
        n = sum(label.values())
        return ", ".join(f"{key} {label.get(key, 0) / n:.3f}" for key in value), n
    if number is None:
        return None, None
    mean, low, high, n = number
    return f"{mean:.4f}" if isinstance(value, float) else f"{low:g} to {high:g}, mean {mean:.1f}", n


def _said(value: Value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {share:g}" for key, share in value.items())
    return f"{value[0]} to {value[1]}" if isinstance(value, list) else f"{value:g}"
