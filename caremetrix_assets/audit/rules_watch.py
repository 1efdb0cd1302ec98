"""Rules that compare a partition with earlier ones: sizes, null shares, categories, headline rates. They warn only.

The numbers they compare are ``metrics``; without a history they do not apply.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from caremetrix_assets.audit.fragments import col, event_day, literal, name, staged
from caremetrix_assets.audit.metrics import HEADLINE_GRAIN, headline_columns, optional_columns
from caremetrix_assets.audit.model import Outcome, Procedure, Rule
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.catalog.models import Catalog, Column, Table

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment

LAST = 14
ENOUGH = 7
Z = 3.0
SLACK = 1e-9
SHIFT = 0.10
FEW_ROWS = 100
CATEGORY_ROWS = 1_000
FEW = "under 1,000 rows"
SMALL_DENOMINATOR = 30
# a history that never moved has no spread of its own: one row, and one step of a rate's last decimal
ROW_STEP, RATE_STEP = 1.0, 0.0001
# Of the sample's eight small days 52 were drifts (2 claims, then 5) before chance was allowed for; a mart of 1,270 rows that
# lost 20 in a steady month was one too.


def watch_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Drift rules of one table."""
    yield rule("volume_drift", Procedure(_volume))
    if optional_columns(table):
        yield rule("null_share_stable", Procedure(_null_shares))
    for column in _categories(table):
        yield rule("category_seen", Procedure(_seen(column)), column=column.name, needs=_content(table))
    if headline_columns(table):
        yield rule("mart_drift", Procedure(_headlines))


def is_drifting(value: float, before: Sequence[float], step: float) -> bool:
    """True when ``value`` is at least three standard deviations away from the mean of the values before it."""
    spread = max(statistics.pstdev(before), step)
    return abs(value - statistics.fmean(before)) / spread >= Z - SLACK


def _volume(env: Environment) -> Mapping[date, Outcome]:
    """Rows against the partitions before. Rows come and go one by one, so their number varies by chance about as its root:
    what stays within three times that is no drift, however steady the days before were.
    """
    found = {}
    # the opening partition holds everything earlier: no day can be compared with it
    opening = None if env.table.is_snapshot else env.context.opening
    for day in env.dates:
        rows, kind = env.counts.rows.get(day, 0), env.kinds.get(day, "")
        key = ("rows", "", kind)
        before = [] if day == opening else _without(env, key, day, opening)
        if not before:
            other = any(k[0] == "rows" and k != key for k in env.history)
            found[day] = Outcome(0, 0, reason="other drop kind" if other and day != opening else "first partition")
        elif len(before) < ENOUGH:
            found[day] = Outcome(1, int(is_jump(rows, before[-1])), (env.table.name,))
        else:
            chance = max(ROW_STEP, math.sqrt(statistics.fmean(before)))
            found[day] = Outcome(1, int(is_drifting(rows, before, chance)), (env.table.name,))
    return found


def is_jump(rows: float, before: float) -> bool:
    """True when ``rows`` is under half or over twice the partition before, and by more than chance makes of so many rows:
    three standard deviations of the difference of two counts. So a jump needs nine rows at least.
    """
    return not 0.5 * before <= rows <= 2 * before and abs(rows - before) >= Z * math.sqrt(rows + before) - SLACK


def _without(env: Environment, key: tuple[str, str, str], day: date, opening: date | None) -> list[float]:
    known = {**env.history.get(key, {}), **env.metrics.get(key, {})}
    return [known[d] for d in sorted(d for d in known if d < day and d != opening)][-LAST:]


def _null_shares(env: Environment) -> Mapping[date, Outcome]:
    found = {}
    for day in env.dates:
        if env.counts.rows.get(day, 0) < FEW_ROWS:
            found[day] = Outcome(0, 0, reason="under 100 rows")
            continue
        moved, checked = [], 0
        for column in optional_columns(env.table):
            key = ("null_share", column.name, "")
            before, now = env.before(key, day, LAST), env.metrics.get(key, {}).get(day)
            if len(before) >= ENOUGH and now is not None:
                checked += 1
                # decimals, as shares are kept with six of them
                if round(abs(now - statistics.median(before)), 6) > SHIFT:
                    moved.append(column.name)
        reason = None if checked else "under 7 earlier partitions"
        found[day] = Outcome(checked, len(moved), tuple(sorted(moved)), reason)
    return found


def _content(table: Table) -> frozenset[str]:
    return frozenset() if table.is_snapshot else frozenset({f"{table.name}__all"})


def _categories(table: Table) -> list[Column]:
    header = ("period_grain", "breakdown", "change_type", "data_basis")
    return [c for c in table.columns if c.values and c.is_text and c.name not in header]


def _seen(column: Column) -> Callable[[Environment], Mapping[date, Outcome]]:
    """Declared values that no row of the last 12 months has; of a snapshot, none of its rows. Waived ones are not asked for."""

    def run(env: Environment) -> Mapping[date, Outcome]:
        if env.size < CATEGORY_ROWS:
            return dict.fromkeys(env.dates, Outcome(0, 0, reason=FEW))
        waived = {*column.waived, *(() if _has_feed(env) else column.waived_without_feed)}
        values = [v for v in column.values or () if v not in waived]
        found = {}
        for day in env.dates:
            rows, seen = _in_window(env, day)
            absent = sorted(v for v in values if not seen[column.name, v])
            # the contract's own words, not values of rows
            found[day] = Outcome(len(values), len(absent), tuple(absent), FEW if rows < CATEGORY_ROWS else None)
        return found

    return run


def _has_feed(env: Environment) -> bool:
    return "drop_ledger" in env.relations and bool(env.once("select 1 from drop_ledger where has_feed limit 1"))


def _in_window(env: Environment, day: date) -> tuple[int, dict[tuple[str, str], int]]:
    """Rows of the 12 months up to a date, and of these the rows with each declared value."""
    names = [(c.name, v) for c in _categories(env.table) for v in c.values or ()]
    last = day.year * 10_000 + day.month * 100 + day.day
    first = last if env.table.is_snapshot else last - 10_000
    totals = [0] * (len(names) + 1)
    for row in env.once(_per_day(env.table)):
        if row[0] is not None and (row[0] == last if env.table.is_snapshot else first < row[0] <= last):
            totals = [a + b for a, b in zip(totals, row[1:], strict=True)]
    return totals[0], dict(zip(names, totals[1:], strict=True))


def _per_day(table: Table) -> str:
    """One scan for all columns of the table: rows per day with each declared value."""
    relation = staged(table) if table.is_snapshot else f"{name(table.name + '__all')} as t"
    day = "date_key(t.partition_date)" if table.is_snapshot else event_day(table) or "date_key(t.partition_date)"
    counted = [f"count(*) filter (where {col(c.name)} = {literal(v)})" for c in _categories(table) for v in c.values or ()]
    return f"select {day}, {', '.join(['count(*)', *counted])} from {relation} group by 1"


def _headlines(env: Environment) -> Mapping[date, Outcome]:
    found = {}
    for day in env.dates:
        drifting, checked, reasons = [], 0, set()
        for column in headline_columns(env.table):
            key = ("share", column.name, HEADLINE_GRAIN)
            now, parts = (env.metrics.get((m, column.name, HEADLINE_GRAIN), {}).get(day) for m in ("share", "sum"))
            before = env.before(key, day, LAST)
            if now is None or parts is None or abs(parts) < SMALL_DENOMINATOR:
                reasons.add("denominator below 30")
            elif len(before) < ENOUGH:
                reasons.add("under 7 earlier partitions")
            else:
                checked += 1
                if is_drifting(now, before, RATE_STEP):
                    drifting.append(column.name)
        found[day] = Outcome(checked, len(drifting), tuple(sorted(drifting)), None if checked else min(reasons))
    return found
