"""Runs queries of rules against a connection: all row conditions in one scan, samples only where something was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from caremetrix_assets.audit.environment import Environment
from caremetrix_assets.audit.fragments import both, col, key_text, staged
from caremetrix_assets.audit.model import SAMPLES, Aggregate, Missing, Offenders, Outcome, Predicate, Rule

Found = dict[str, dict[date, Outcome]]
Scan = Callable[[Environment, Sequence[Rule]], Found]


def predicates(env: Environment, rules: Sequence[Rule]) -> Found:
    """Outcomes of rules with row conditions; rules over the same source share their scans."""
    found: Found = {}
    for source in dict.fromkeys(_test(r).source for r in rules):
        group = [r for r in rules if _test(r).source == source]
        found |= _one_source(env, source or staged(env.table), group)
    return found


def _one_source(env: Environment, source: str, rules: Sequence[Rule]) -> Found:
    failed: dict[str, dict[date, int]] = {}
    _count(env, source, "", [r for r in rules if _test(r).always], failed)
    suspects = [r for r in rules if not _test(r).always]
    if suspects:
        # one filter over all conditions; where it finds nothing, which is usual, nothing is counted
        where = " where " + " or ".join(f"({_test(r).screen or _test(r).bad})" for r in suspects)
        if env.rows(f"select exists (select 1 from {source}{where})")[0][0]:
            _count(env, source, where, suspects, failed)
    return {r.name: outcomes(env, r, failed.get(r.name, {}), _shown(env, r, source, failed.get(r.name))) for r in rules}


def _count(env: Environment, source: str, where: str, rules: Sequence[Rule], failed: dict[str, dict[date, int]]) -> None:
    """Adds the bad rows of each rule and date to ``failed``."""
    if not rules:
        return
    counted = ", ".join(f"count(*) filter (where {_test(r).bad})" for r in rules)
    for day, *numbers in env.rows(f"select t.partition_date, {counted} from {source}{where} group by 1"):
        for r, n in zip(rules, numbers, strict=True):
            if n:
                _add(failed.setdefault(r.name, {}), env, day, n)


def _test(rule: Rule) -> Predicate:
    assert isinstance(rule.test, Predicate)
    return rule.test


def _shown(env: Environment, rule: Rule, source: str, failed: Mapping[date, int] | None) -> Mapping[date, tuple[str, ...]]:
    if not failed or not _exceeds(env, rule, failed):
        return {}
    test = _test(rule)
    key = test.key or key_text(env.table)
    return _samples(env, f"select t.partition_date, {key} as key from {source} where {test.bad}")


def _exceeds(env: Environment, rule: Rule, failed: Mapping[date, int]) -> bool:
    checked = env.counts.scopes.get(rule.scope, {})
    return any(n > rule.threshold * checked.get(day, 0) for day, n in failed.items())


def _add(failed: dict[date, int], env: Environment, day: date | None, n: int) -> None:
    """Counts for a date. Rows without one stop everything: the first audited date. Rows of other dates are not at stake."""
    if day is None:
        day = env.dates[0]
    if day in env.dates:
        failed[day] = failed.get(day, 0) + n


def outcomes(env: Environment, rule: Rule, failed: Mapping[date, int], keys: Mapping[date, tuple[str, ...]]) -> dict[date, Outcome]:
    """Outcomes of every audited date from the failed rows of some."""
    checked = env.counts.scopes[rule.scope]
    return {d: Outcome(checked.get(d, 0), failed.get(d, 0), keys.get(d, ())) for d in env.dates}


def _samples(env: Environment, sql: str) -> dict[date, tuple[str, ...]]:
    """The lowest keys of each date among the rows of ``select partition_date, key``."""
    distinct = f"select distinct partition_date, cast(key as varchar) as key from ({sql})"
    rows = env.rows(f"select partition_date, min(key, {SAMPLES}) from ({distinct}) group by 1")
    return {(day or env.dates[0]): tuple(keys) for day, keys in rows}


def missing(env: Environment, rules: Sequence[Rule]) -> Found:
    """Outcomes of rules about nulls, from the counts there are."""
    found: Found = {}
    for r in rules:
        assert isinstance(r.test, Missing)
        rows, filled = env.counts.scopes[r.scope], env.counts.scopes[r.test.filled]
        failed: dict[date, int] = {}
        for day, n in rows.items():
            if n > filled.get(day, 0):
                _add(failed, env, day, n - filled.get(day, 0))
        assert r.test.filled.column is not None
        bad = both(f"{col(r.test.filled.column)} is null", r.test.filled.where)
        keys = (
            _samples(env, f"select t.partition_date, {key_text(env.table)} as key from {staged(env.table)} where {bad}") if failed else {}
        )
        found[r.name] = outcomes(env, r, failed, keys)
    return found


def aggregates(env: Environment, rules: Sequence[Rule]) -> Found:
    """Outcomes of rules that are one number per date, per source in one scan."""
    found: Found = {}
    for source in dict.fromkeys(_aggregate(r).source for r in rules):
        group = [r for r in rules if _aggregate(r).source == source]
        numbers = ", ".join(f"{_aggregate(r).failed}, {_aggregate(r).checked}" for r in group)
        rows = {row[0]: row[1:] for row in env.rows(f"select t.partition_date, {numbers} from {source or staged(env.table)} group by 1")}
        for i, r in enumerate(group):
            found[r.name] = {day: _number(r, rows.get(day), i) for day in env.dates}
    return found


def _number(rule: Rule, row: tuple[Any, ...] | None, i: int) -> Outcome:
    test = _aggregate(rule)
    if row is None:
        return Outcome(int(bool(test.if_empty)), test.if_empty, test.keys)
    failed, checked = int(row[2 * i] or 0), int(row[2 * i + 1] or 0)
    return Outcome(checked, failed, test.keys if failed else ())


def _aggregate(rule: Rule) -> Aggregate:
    assert isinstance(rule.test, Aggregate)
    return rule.test


def offenders(env: Environment, rules: Sequence[Rule]) -> Found:
    """Outcomes of rules that are a SELECT of offending rows, in one statement."""
    reasons = {r.name: _reasons(env, r) for r in rules}
    running = [r for r in rules if None not in reasons[r.name]]
    failed: dict[str, dict[date, int]] = {}
    parts = [f"select {i} as rule, partition_date, count(*) from ({_sql(r)}) group by 2" for i, r in enumerate(running)]
    for i, day, n in env.rows(" union all ".join(parts)) if parts else ():
        _add(failed.setdefault(running[i].name, {}), env, day, n)
    found: Found = {}
    for r in rules:
        bad = failed.get(r.name, {})
        keys = _samples(env, _sql(r)) if bad and _exceeds(env, r, bad) else {}
        found[r.name] = outcomes(env, r, bad, keys)
        for day, reason in reasons[r.name].items():
            for d in env.dates if day is None else [d for d in env.dates if d == day]:
                found[r.name][d] = Outcome(0, 0, reason=reason)
    return found


def _sql(rule: Rule) -> str:
    """The rule's SELECT, fit to stand in brackets: a comment may end it."""
    assert isinstance(rule.test, Offenders)
    return rule.test.sql.strip().removesuffix(";") + "\n"


def _reasons(env: Environment, rule: Rule) -> dict[date | None, str]:
    """Why a rule does not apply, by date; None stands for all."""
    assert isinstance(rule.test, Offenders)
    if not rule.test.unless:
        return {}
    return {(row[1] if len(row) > 1 else None): str(row[0]) for row in env.rows(rule.test.unless)}
