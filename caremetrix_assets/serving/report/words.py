"""How figures are written: thousands, cents, percent, changes."""

from __future__ import annotations

import datetime as dt
from typing import Any

from caremetrix_assets.serving.report.definition import Unit

MISSING = "–"
THOUSAND, MILLION = 1_000, 1_000_000


def written(value: Any, unit: Unit) -> str:
    """A figure as a reader sees it; a dash where it is unknown."""
    if value is None:
        return MISSING
    number = float(value)
    if unit == "money":
        return f"{'−' if number < 0 else ''}${shortened(abs(number))}"
    if unit == "rate":
        return f"{number * 100:.1f} %".replace("-", "−")
    if unit in ("days", "minutes"):
        return f"{_plain(number)} {'min' if unit == 'minutes' else 'days'}"
    return _plain(number)


def shortened(number: float) -> str:
    """12,345 in full, above a million in millions."""
    if abs(number) >= MILLION:
        return f"{number / MILLION:,.2f} M"
    return f"{number:,.0f}" if abs(number) >= THOUSAND else f"{number:,.2f}"


def axis(value: float, unit: Unit) -> str:
    """The same, short, for the scale of a plot."""
    if unit == "rate":
        return f"{value * 100:g} %"
    sign, size = ("−" if value < 0 else ""), abs(value)
    text = f"{size / MILLION:g} M" if size >= MILLION else f"{size / THOUSAND:g} k" if size >= 10 * THOUSAND else f"{size:,g}"
    return f"{sign}{'$' if unit == 'money' else ''}{text}"


def change(value: Any, before: Any, unit: Unit) -> tuple[str, int]:
    """How a figure moved, in words, and its direction: -1, 0, 1. Rates in percentage points, others in percent."""
    if value is None or before is None:
        return "", 0
    now, old = float(value), float(before)
    direction = (now > old) - (now < old)
    arrow = {1: "▲", -1: "▼", 0: "="}[direction]
    if direction == 0:
        return "= unchanged", 0
    if unit == "rate":
        return f"{arrow} {abs(now - old) * 100:.1f} points", direction
    if old == 0:
        return f"{arrow} from {written(before, unit)}", direction
    return f"{arrow} {abs(now - old) / abs(old) * 100:.1f} %", direction


def label(value: Any) -> str:
    """A label of a plot: dates short, the rest as it is."""
    if value is None:
        return "unknown"
    if isinstance(value, (dt.date, dt.datetime)):
        return f"{value.day} {value:%b}"
    return str(value)


def _plain(number: float) -> str:
    return (f"{number:,.0f}" if number == int(number) else f"{number:,.1f}").replace("-", "−")
