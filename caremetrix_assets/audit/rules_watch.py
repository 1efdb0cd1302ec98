"""Rules that compare a partition with earlier ones: sizes, null shares, categories, headline rates. They warn only.

The numbers they compare are ``metrics``; without a history they do not apply.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
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
SHIFT = 0.10
FEW_ROWS = 100
CATEGORY_ROWS = 1_000
FEW = "under 1,000 rows"
SMALL_DENOMINATOR = 30
# a history that never moved has no spread of its own: one row, and one step of a rate's last decimal
ROW_STEP, RATE_STEP = 1.0, 0.0001


def watch_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Drift rules of one table."""
    yield rule("volume_drift", Procedure(_volume))
    if optional_columns(table):
        yield rule("null_share_stable", Procedure(_null_shares))
    for column in table.columns:
        if column.values and column.is_text and column.name not in ("period_grain", "breakdown", "change_type"):
            yield rule("category_seen", Procedure(_seen(column)), column=column.name, needs=_content(table))
    if headline_columns(table):
        yield rule("mart_drift", Procedure(_headlines))


def is_drifting(value: float, before: Sequence[float], step: float) -> bool:
    """True when ``value`` is at least three standard deviations away from the mean of the values before it."""
    spread = max(statistics.pstdev(before), step)
    return abs(value - statistics.fmean(before)) / spread >= Z


def _volume(env: Environment) -> Mapping[date, Outcome]:
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
            found[day] = Outcome(1, int(not 0.5 * before[-1] <= rows <= 2 * before[-1]), (env.table.name,))
        else:
            found[day] = Outcome(1, int(is_drifting(rows, before, ROW_STEP)), (env.table.name,))
    return found


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


class _seen:  # noqa: N801  a function of a column, kept comparable
    """Declared values that no row of the last 12 months has; of a snapshot, none of its rows."""

    def __init__(self, column: Column) -> None:
        self.column = column

    def __call__(self, env: Environment) -> Mapping[date, Outcome]:
        table, values = env.table, self.column.values or ()
        if env.size < CATEGORY_ROWS:
            return dict.fromkeys(env.dates, Outcome(0, 0, reason=FEW))
        relation = staged(table) if table.is_snapshot else f"{name(table.name + '__all')} as t"
        day_of = event_day(table) or "date_key(t.partition_date)"
        if table.is_snapshot:
            window = "t.partition_date = r.partition_date"
        else:
            window = f"{day_of} > date_key(add_months(r.partition_date, -12)) and {day_of} <= date_key(r.partition_date)"
        counted = ", ".join(f"count(*) filter (where {col(self.column.name)} = {literal(v)})" for v in values)
        dates = ", ".join(f"({literal(d)})" for d in env.dates)
        sql = (
            f"select r.partition_date, count(t.partition_date), {counted} from (values {dates}) as r(partition_date) "
            f"left join {relation} on {window} group by 1"
        )
        found = {}
        for day, rows, *seen in env.rows(sql):
            absent = sorted(v for v, n in zip(values, seen, strict=True) if not n)
            reason = FEW if rows < CATEGORY_ROWS else None
            # the contract's own words, not values of rows
            found[day] = Outcome(len(values), len(absent), tuple(absent), reason)
        return found


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
