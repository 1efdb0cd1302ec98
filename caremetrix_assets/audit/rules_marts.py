"""Rules of marts: headers, rates and their parts, breakdowns and windows that must agree, honesty about inputs.

What is left to a mart's contract: its identities and what it equals in a fact (``checks``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING

from caremetrix_assets.audit.fragments import ALL_KEY, ALL_TEXT, col, key_text, literals, staged
from caremetrix_assets.audit.model import Expectation, Offenders, Outcome, Predicate, Procedure, Rule, Scope
from caremetrix_assets.audit.registry import rule
from caremetrix_assets.audit.rules_columns import is_count
from caremetrix_assets.catalog.drill import numbers_of, simulated_behind
from caremetrix_assets.catalog.models import Catalog, Column, Table

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment

SMALL = 11
PERIOD = ("period_grain", "period_start", "period_end", "is_period_complete", "is_warmup")
# breakdown → the header column that is real in it
BREAKDOWNS = {"location": "location_key", "provider": "provider_key", "patient_type": "patient_type", "acquisition_source": "source_key"}
WINDOWS = ("day", "rolling_30d", "rolling_90d", "rolling_12m")
# figures about another period than the row's own, or about its first day, do not grow with the window
NOT_GROWING = ("prior_", "opening_", "base_", "frame_")
# half a unit of the last decimal, and a little for binary fractions among the parts
TOLERANCE = {"rate": "0.0000500001", "money": "0.0050001", "number": "0.0000005001"}
SUM_TOLERANCE = "0.001"


def mart_rules(catalog: Catalog, table: Table) -> Iterator[Rule]:
    """Rules of one mart, by which header columns and attributes it has."""
    yield rule("mart_not_empty", Procedure(_not_empty), on_empty=True)
    if all(table.has(c) for c in ("period_grain", "period_start", "period_end")):
        yield rule("header_valid", Predicate(f"not coalesce({_header(table)}, false)"))
    for column in table.columns:
        if column.parts:
            yield from _rate(table, column)
    if _is_summary(table):
        yield from _sums(table)
        yield from _windows(table)
    if table.has("data_basis") and (honest := _honest(catalog, table)):
        yield rule("data_basis_honest", Offenders(honest))
    if table.has("is_small_cell") and (people := _people(table)):
        scope = Scope(people, f"{col(people)} < {SMALL}")
        yield rule(
            "small_cell_marked",
            Predicate(f"{scope.where} and t.is_small_cell is distinct from true"),
            scope,
            expectations=(Expectation("in_set", ("is_small_cell",), (True,)), Expectation("not_null", ("is_small_cell",))),
            no_value="no small cell",
        )


def _honest(catalog: Catalog, table: Table) -> str:
    """Rows that tell something though called not_available, or nothing though not; totals called real with a simulated row behind."""
    selects, key = [], key_text(table)
    if measures := numbers_of(table):
        tells = " or ".join(f"{col(m.name)} is not null" for m in measures)
        lies = f"(t.data_basis = 'not_available') is not distinct from ({tells})"
        selects.append(f"select t.partition_date, {key} as key from {staged(table)} where {lies}")
    total = " and t.breakdown = 'total'" if table.has("breakdown") else ""
    for behind in simulated_behind(catalog.tables, table):
        selects.append(
            f"select m.partition_date, m.key from (select t.*, {key} as key from {staged(table)} "
            f"where t.data_basis in ('source', 'derived'){total}) as m where exists ({behind})"
        )
    return " union all ".join(selects)


def _is_summary(table: Table) -> bool:
    return all(table.has(c) for c in ("period_grain", "breakdown", *BREAKDOWNS.values()))


def own_keys(table: Table) -> list[str]:
    """Key columns that are no part of the summary header."""
    header = {*PERIOD, "breakdown", "partition_date", *BREAKDOWNS.values()}
    return [k for k in table.key if k not in header]


def _people(table: Table) -> str | None:
    """The column that counts the patients behind a row: the one called so, else the first whose name ends so."""
    counts = [c.name for c in table.columns if c.type in ("int", "bigint") and (c.name == "patients" or c.name.endswith("_patients"))]
    return "patients" if "patients" in counts else next(iter(counts), None)


def _not_empty(env: Environment) -> Mapping[date, Outcome]:
    if not env.table.has("breakdown") or not env.table.has("period_grain"):
        empty = _reasons(env)
        return {day: _at_least_one(env, day, empty) for day in env.dates}
    sql = f"select t.partition_date, t.period_grain, count(*) filter (where t.breakdown = 'total') from {staged(env.table)} group by 1, 2"
    grains: dict[date, list[tuple[str, int]]] = {}
    for day, grain, totals in env.rows(sql):
        grains.setdefault(day, []).append((grain, totals))
    empty, found = _reasons(env), {}
    for day in env.dates:
        if day not in grains:
            found[day] = _at_least_one(env, day, empty)
            continue
        without = sorted(grain for grain, totals in grains[day] if not totals)
        found[day] = Outcome(max(len(grains[day]), 1), len(without), tuple(without))
    return found


def _reasons(env: Environment) -> Mapping[date, str]:
    """Why a date may have no row, by the contract: what it says of no date holds on every one."""
    empty = [day for day in env.dates if not env.counts.rows.get(day)]
    said = env.rows(env.table.empty_when) if env.table.empty_when and empty else ()
    return {day: str(row[0]) for row in said for day in empty if day in (row[1:] or (day,))}


def _at_least_one(env: Environment, day: date, empty: Mapping[date, str]) -> Outcome:
    """The verdict on a date as a whole."""
    if day in empty:
        return Outcome(0, 0, reason=empty[day])
    return Outcome(1, int(not env.counts.rows.get(day)), (env.table.name,))


def _header(table: Table) -> str:
    """True for a row whose period follows from grain and D, and whose standard keys fit its breakdown."""
    d = "t.partition_date"
    starts = {
        "day": d,
        "month": f"cast(date_trunc('month', {d}) as date)",
        "rolling_30d": f"{d} - 29",
        "rolling_90d": f"{d} - 89",
        "rolling_12m": f"add_months({d}, -12) + 1",
    }
    whens = " ".join(f"when '{grain}' then {start}" for grain, start in starts.items())
    conditions = [f"t.period_end = {d}", f"t.period_start = case t.period_grain {whens} end"]
    if table.has("is_period_complete"):
        conditions.append(f"t.is_period_complete = (t.period_grain <> 'month' or {d} = last_day({d}))")
    if _is_summary(table):
        conditions.append(_keys_fit())
    return " and ".join(conditions)


def _keys_fit() -> str:
    is_all = {b: f"{col(c)} = " + (f"'{ALL_TEXT}'" if c == "patient_type" else str(ALL_KEY)) for b, c in BREAKDOWNS.items()}
    whens = [f"when 'total' then {' and '.join(is_all.values())}"]
    whens += [f"when '{b}' then not ({own}) and {' and '.join(v for k, v in is_all.items() if k != b)}" for b, own in is_all.items()]
    whens.append(f"when 'detail' then not ({' or '.join(is_all.values())})")
    return f"case t.breakdown {' '.join(whens)} else t.breakdown is not null end"


def _rate(table: Table, column: Column) -> Iterator[Rule]:
    assert column.parts is not None
    rate, n, d = col(column.name), col(column.parts[0]), col(column.parts[1])
    off = TOLERANCE.get(column.type, "0")
    bad = f"{rate} is not null and ({n} is null or {d} is null or {d} = 0 or abs({rate} * {d} - {n}) > {off} * abs({d}))"
    yield rule("rate_equals_parts", Predicate(bad), column=column.name)
    top, bottom = table.column(column.parts[0]), table.column(column.parts[1])
    share = column.name.endswith("_share") or "money" not in (top.type, bottom.type)
    may_pass = (column.max is not None and column.max != 1) or column.min is not None and column.min != 0
    if column.type == "rate" and share and not may_pass and not column.name.endswith(("_ratio", "_change_rate")):
        scope = Scope(column.parts[1], f"{n} is not null")
        yield rule("numerator_within_denominator", Predicate(f"{n} > {d}"), scope, column=column.name)


def _sums(table: Table) -> Iterator[Rule]:
    """Every additive column, per grain and own keys: the rows of each standard breakdown add up to the total row.

    A column may be additive in some breakdowns only, where it is null in the others.
    """
    columns = [c for c in table.columns if c.additive]
    if not columns:
        return
    keys = ["partition_date", "period_grain", *own_keys(table)]
    key = ", ".join(col(k) for k in keys)
    sums = ", ".join(f"sum({_exact(c)}) as s{i}, count({col(c.name)}) as n{i}" for i, c in enumerate(columns))
    offered = literals(("total", *BREAKDOWNS))
    grouped = f"select {key}, t.breakdown, count(*) as n, {sums} from {staged(table)} where t.breakdown in {offered} group by all"
    match = " and ".join(f"b.{k} is not distinct from w.{k}" for k in keys)
    flags = []
    for i, column in enumerate(columns):
        slack = SUM_TOLERANCE if column.type == "number" else "0"
        where = f" and o.breakdown in {literals(column.additive)}" if isinstance(column.additive, tuple) else ""
        checked = f"w.n{i} > 0 and (b.n is null or b.n{i} > 0){where} as checked{i}"
        flags.append(f"{checked}, abs(w.s{i} - coalesce(b.s{i}, 0)) > {slack} as off{i}")
    source = (
        f"(with sums as ({grouped}), offered as (select distinct partition_date, breakdown from sums where breakdown <> 'total') "
        f"select w.partition_date, w.period_grain || '|' || o.breakdown as key, {', '.join(flags)} from sums as w "
        f"inner join offered as o on o.partition_date = w.partition_date "
        f"left join sums as b on b.breakdown = o.breakdown and {match} where w.breakdown = 'total') as t"
    )
    for i, column in enumerate(columns):
        test = Predicate(f"t.checked{i} and t.off{i}", source=source, key="t.key")
        scope = Scope(column.name, "t.breakdown = 'total'")
        yield rule("breakdown_sums_to_total", test, scope, column=column.name, no_value="null in the breakdown")


def _exact(column: Column) -> str:
    return f"cast({col(column.name)} as decimal(28, 6))" if column.type == "number" else col(column.name)


def _windows(table: Table) -> Iterator[Rule]:
    """Additive counts of a shorter window never exceed those of the longer one that contains it."""
    columns = [c.name for c in table.columns if c.additive and c.type in ("int", "bigint") and is_count(c.name)]
    columns = [c for c in columns if not c.startswith(NOT_GROWING) and "_prior" not in c]
    if not columns:
        return
    keys = [k for k in table.key if k not in ("period_grain", "partition_date")]
    picked, offered, bad = [], [], []
    for w in WINDOWS:
        picked += [f"max({col(c)}) filter (where t.period_grain = '{w}') as {w}_{i}" for i, c in enumerate(columns)]
        picked.append(f"bool_or(t.period_grain = '{w}') as has_{w}")
        offered.append(f"bool_or(t.period_grain = '{w}') as {w}")
    for short, long in zip(WINDOWS, WINDOWS[1:], strict=False):
        # no row stands for 0; a row with null says that this grain does not have the figure
        least = [f"case when has_{long} then {long}_{i} else 0 end" for i in range(len(columns))]
        bad += [f"(o.{long} and {short}_{i} > {least[i]})" for i in range(len(columns))]
    key = ", ".join(col(k) for k in ("partition_date", *keys))
    shown = key_text(table.model_copy(update={"natural_key": tuple(keys), "source": None}))
    sql = (
        f"with o as (select t.partition_date, {', '.join(offered)} from {staged(table)} group by 1), "
        f"w as (select {key}, {', '.join(picked)} from {staged(table)} group by all) "
        f"select t.partition_date, {shown} as key from w as t inner join o on o.partition_date = t.partition_date where {' or '.join(bad)}"
    )
    windows = f"t.period_grain in {literals(WINDOWS)}"
    one = f"select 'grain not offered' where (select count(distinct t.period_grain) from {staged(table)} where {windows}) < 2"
    scope = Scope(None, windows)
    yield rule("windows_monotone", Offenders(sql, unless=one), scope)
