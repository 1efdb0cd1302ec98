"""Runs the rules of a table on its staged rows: one result per rule and date.

Clean data is the usual case and must be cheap: all row conditions are first asked together in one scan, and only
what that scan finds is counted and shown. Which rules there are is ``rules``; how a query runs is ``scan``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

import duckdb

from caremetrix_assets.audit import scan
from caremetrix_assets.audit.environment import Environment
from caremetrix_assets.audit.fragments import safe_key
from caremetrix_assets.audit.model import (
    NOT_BUILT,
    ROWS,
    SAMPLES,
    Aggregate,
    AuditContext,
    Evaluation,
    Missing,
    Offenders,
    Outcome,
    Predicate,
    Procedure,
    Rule,
    RuleResult,
    Scope,
    Staged,
    Status,
    phrase,
)
from caremetrix_assets.audit.rules import rules_of
from caremetrix_assets.catalog.models import Catalog, Table

# Up to this many rows the queries of a table are joined into one statement: planning costs more than the rows there.
SMALL = 100_000
_SCANS: dict[type, scan.Scan] = {
    Predicate: scan.predicates,
    Missing: scan.missing,
    Aggregate: scan.aggregates,
    Offenders: scan.offenders,
}


def audit(con: duckdb.DuckDBPyConnection, catalog: Catalog, table: Table, staged: Staged, context: AuditContext) -> list[RuleResult]:
    """Every rule of ``table`` on every date of ``staged``.

    ``con`` has the engine functions and the relations of ``Table.after``; the staged rows are
    the relation named like the table, the complete new content of raw tables, event dimensions and facts
    ``<name>__all``, the newest state of a raw table ``<name>__state``. A rule whose relations are missing does not
    apply; one that cannot run is an ``error``. Never raises for what the data holds.
    """
    rules = rules_of(catalog, table)
    env = Environment(con, catalog, table, staged, context, _scopes(rules))
    able = [r for r in rules if r.needs <= env.relations]
    found: dict[str, Evaluation] = {}
    if 0 < sum(staged.rows.values()) <= context.gx_row_limit:
        from caremetrix_assets.audit import gx

        found |= gx.evaluate(env, [r for r in able if r.expectations])
    rest = [r for r in able if r.name not in found]
    for kind, run in _SCANS.items():
        chosen = [r for r in rest if isinstance(r.test, kind)]
        alone = kind is Offenders and sum(staged.rows.values()) > SMALL
        for group in [[r] for r in chosen] if alone else [chosen]:
            found |= _timed(env, group, run)
    found |= {r.name: _procedure(env, r) for r in rest if isinstance(r.test, Procedure)}
    return [result for r in rules for result in _results(env, r, found.get(r.name))]


def _scopes(rules: Iterable[Rule]) -> tuple[Scope, ...]:
    scopes = [s for r in rules for s in (r.scope, *((r.test.filled,) if isinstance(r.test, Missing) else ()))]
    return tuple(dict.fromkeys(scopes))


def _timed(env: Environment, rules: Sequence[Rule], run: scan.Scan) -> dict[str, Evaluation]:
    """All rules together; when that fails each alone, so that the error belongs to its rule."""
    if not rules:
        return {}
    started = time.perf_counter()
    try:
        outcomes = run(env, rules)
    except Exception as error:
        if len(rules) == 1:
            return {rules[0].name: Evaluation({}, phrase(error))}
        return {name: e for r in rules for name, e in _timed(env, [r], run).items()}
    each = (time.perf_counter() - started) / len(rules)
    return {r.name: Evaluation(outcomes[r.name], None, each) for r in rules}


def _procedure(env: Environment, rule: Rule) -> Evaluation:
    assert isinstance(rule.test, Procedure)
    started = time.perf_counter()
    try:
        outcomes = rule.test.run(env)
    except Exception as error:
        return Evaluation({}, phrase(error))
    return Evaluation(outcomes, None, time.perf_counter() - started)


def _results(env: Environment, rule: Rule, found: Evaluation | None) -> Iterable[RuleResult]:
    for day in env.dates:
        status, reason, outcome = _judge(env, rule, found, day)
        counted = status not in ("not_applicable", "error")
        failing = status in ("failed", "warned")
        yield RuleResult(
            check_name=rule.name,
            layer=env.table.layer,
            table_name=env.table.name,
            check_kind="gx" if found and found.kind == "gx" else "sql",
            group=rule.group,
            severity=rule.severity,
            status=status,
            reason=reason,
            rows_checked=outcome.checked if counted else None,
            rows_failed=outcome.failed if counted else None,
            threshold=rule.threshold,
            sample_keys=" ".join(safe_key(k) for k in outcome.keys[:SAMPLES]) if failing else "",
            seconds=round(found.seconds / len(env.dates), 6) if found else 0.0,
            partition_date=day,
        )


def _judge(env: Environment, rule: Rule, found: Evaluation | None, day: date) -> tuple[Status, str | None, Outcome]:
    nothing = Outcome(0, 0)
    empty = not env.staged.rows.get(day)
    if found is None:
        return "not_applicable", NOT_BUILT, nothing
    if found.error:
        return "error", found.error, nothing
    outcome = found.outcomes.get(day)
    if outcome is None:
        outcome = Outcome(0, 0, reason=ROWS if empty else rule.unchecked)
    if empty and not rule.on_empty and not outcome.failed:
        return "not_applicable", ROWS, nothing
    if outcome.reason:
        return "not_applicable", outcome.reason, nothing
    if outcome.failed:
        bad = status_of(rule, outcome)
        return bad, None, outcome
    if not outcome.checked and not (empty and rule.on_empty):
        return "not_applicable", rule.unchecked, nothing
    return "passed", None, outcome


def status_of(rule: Rule, outcome: Outcome) -> Status:
    """``passed`` while the failed share is at most the threshold; the share of something unchecked is 1."""
    if Decimal(outcome.failed) <= rule.threshold * outcome.checked:
        return "passed"
    return "failed" if rule.severity == "blocking" else "warned"


class Blocked(NamedTuple):
    """Dates that must not be published, and the blocking rules that say so, first date first."""

    dates: tuple[date, ...]
    rules: tuple[str, ...]

    def __bool__(self) -> bool:
        """True when there is something to hold back."""
        return bool(self.dates)


def blocking(results: Iterable[RuleResult]) -> Blocked:
    """What blocking rules that failed or could not run hold back.

    ``dates``: the audited dates from the first failing one on, since nothing is published past it. ``rules``: the
    names that failed on the first failing date, in the order of the audit.
    """
    results = list(results)
    bad = [r for r in results if r.severity == "blocking" and r.status in ("failed", "error")]
    if not bad:
        return Blocked((), ())
    first = min(r.partition_date for r in bad)
    dates = sorted({r.partition_date for r in results if r.partition_date >= first})
    return Blocked(tuple(dates), tuple(dict.fromkeys(r.check_name for r in bad if r.partition_date == first)))
