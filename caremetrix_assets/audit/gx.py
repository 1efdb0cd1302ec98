"""Column rules through Great Expectations, on a pandas frame of the staged rows. Counts equal those of the SQL twins.

Columns that share an expectation are stacked into one long column: an expectation costs about 3 ms whatever its
rows, so a table of 45 columns takes 15 of them instead of 110. Only whether an expectation holds is asked for; the
positions of offending rows are read where it does not. Values never leave this module.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from math import inf
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from caremetrix_assets.audit.environment import Environment
from caremetrix_assets.audit.fragments import OPEN_END, col, key_text, staged
from caremetrix_assets.audit.model import SAMPLES, Evaluation, Expectation, Outcome, Rule, phrase

if TYPE_CHECKING:
    import pandas as pd

# Great Expectations loads what it finds of PySpark. The part for remote sessions warns of pandas, and where its own packages
# are missing it ends a process that was started with `python -c`.
SPARK_REMOTE = ("pyspark.sql.connect.dataframe", "pyspark.sql.connect.session")
# Half of the seconds that the import takes; no expectation in use here needs them.
UNUSED = ("scipy.stats", "altair")
_lock = threading.Lock()
_batches: Any = None
# fills a stacked column up to the frame's length; nulls are filled with a value
_FILLED = "-"
_EVERY = {"result_format": "COMPLETE", "include_unexpected_rows": False}


class _Frame(NamedTuple):
    """The staged rows: dates, keys, values by column, and for each scope condition whether a row is in it."""

    dates: list[date]
    keys: list[str]
    values: dict[str, list[Any]]
    scopes: dict[str, list[Any]]


class _Stack(NamedTuple):
    """Columns checked by one expectation: their values end to end, and which rule and row each value belongs to."""

    expectation: Expectation
    values: list[Any]
    owners: list[tuple[str, int]]


def warm_up() -> threading.Thread:
    """Imports Great Expectations in the background (seconds), so that the first audit need not wait."""
    thread = threading.Thread(target=_batch_definition, name="great-expectations", daemon=True)
    thread.start()
    return thread


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """Modules that cannot be imported for a while, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None is Python's mark for "not importable"
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


class _Lazily(MetaPathFinder):
    """While it is in place, ``UNUSED`` modules are imported without being run; the first use of one runs it."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname in UNUSED else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)

    def __exit__(self, *_error: object) -> None:
        sys.meta_path.remove(self)


def _batch_definition() -> Any:
    """The one ephemeral context of the process and its one pandas batch definition."""
    global _batches
    with _lock:
        if _batches is None:
            with _without(SPARK_REMOTE), _Lazily():
                import great_expectations as gx

            logging.getLogger("great_expectations").setLevel(logging.ERROR)
            context = gx.get_context(mode="ephemeral")
            context.enable_analytics(False)
            context.variables.progress_bars = {"globally": False, "metric_calculations": False}
            asset = context.data_sources.add_pandas("staged").add_dataframe_asset("rows")
            _batches = asset.add_batch_definition_whole_dataframe("all")
        return _batches


def evaluate(env: Environment, rules: Sequence[Rule]) -> dict[str, Evaluation]:
    """Outcomes of rules that have expectations, over all staged rows in one validation."""
    started = time.perf_counter()
    try:
        frame = _frame(env, rules)
        stacks = _stacks(rules, frame)
        failed, broken = _validate(stacks)
    except Exception as error:
        return {r.name: Evaluation({}, phrase(error), 0.0, "gx") for r in rules}
    each = (time.perf_counter() - started) / max(len(rules), 1)
    found = {}
    for r in rules:
        if r.name in broken:
            found[r.name] = Evaluation({}, "could not run (expectation)", each, "gx")
        else:
            found[r.name] = Evaluation(_outcomes(env, r, frame, failed.get(r.name, set())), None, each, "gx")
    return found


def _frame(env: Environment, rules: Sequence[Rule]) -> _Frame:
    columns = list(dict.fromkeys(c for r in rules for e in r.expectations for c in e.columns))
    scopes = list(dict.fromkeys(r.scope.where for r in rules if r.scope.where))
    picked = ", ".join(["t.partition_date", key_text(env.table), *(f"({s})" for s in scopes), *(col(c) for c in columns)])
    rows = env.rows(f"select {picked} from {staged(env.table)}")
    series = [list(s) for s in zip(*rows, strict=True)]
    # not a number is no null: it stands outside every range
    values = {c: [inf if v != v else v for v in series[2 + len(scopes) + i]] for i, c in enumerate(columns)}
    return _Frame(series[0], series[1], values, {s: series[2 + i] for i, s in enumerate(scopes)})


def _stacks(rules: Sequence[Rule], frame: _Frame) -> list[_Stack]:
    stacks: dict[object, _Stack] = {}
    rows = range(len(frame.dates))
    for rule in rules:
        inside = frame.scopes.get(rule.scope.where or "")
        chosen = [i for i in rows if inside is None or inside[i]]
        for e in rule.expectations:
            # a key of several columns is a stack of its own
            name = rule.name if e.kind == "unique" else (e.kind, e.arguments)
            stack = stacks.setdefault(name, _Stack(e, [], []))
            if e.kind == "unique":
                stack.values.extend(tuple(frame.values[c][i] for c in e.columns) for i in chosen)
            else:
                stack.values.extend(_seen(e, frame.values[e.columns[0]][i]) for i in chosen)
            stack.owners.extend((rule.name, i) for i in chosen)
    return [s for s in stacks.values() if s.owners]


def _seen(expectation: Expectation, value: Any) -> Any:
    """A value as its expectation must see it: exact types for type checks, nothing for an open end."""
    if expectation.kind == "of_type":
        import numpy as np

        # a bool is an int to Python and a datetime a date
        if isinstance(value, bool):
            return np.bool_(value)
        return np.datetime64(value) if isinstance(value, datetime) else value
    if expectation.kind == "between" and expectation.arguments[2] and value == OPEN_END:
        return None
    return value


def _validate(stacks: Sequence[_Stack]) -> tuple[dict[str, set[int]], set[str]]:
    """Offending rows by rule, and the rules whose expectation could not run: each alone, when its stack could not."""
    import great_expectations as gx

    batch = _batch_definition().get_batch(batch_parameters={"dataframe": _dataframe(stacks)})
    made = [_expectation(s.expectation, i) for i, s in enumerate(stacks)]
    result = batch.validate(gx.ExpectationSuite(name="staged", expectations=made), result_format="BOOLEAN_ONLY")
    failed: dict[str, set[int]] = {}
    broken: list[_Stack] = []
    suspects = [_position(r) for r in result.results if not r.success]
    if suspects:
        suite = gx.ExpectationSuite(name="suspects", expectations=[made[i] for i in suspects])
        for r in batch.validate(suite, result_format=_EVERY).results:
            stack = stacks[_position(r)]
            if "unexpected_index_list" not in (r.result or {}):
                broken.append(stack)
                continue
            for at in r.result["unexpected_index_list"] or ():
                owner, row = stack.owners[at]
                failed.setdefault(owner, set()).add(row)
    alone = [single for stack in broken if len(singles := _split(stack)) > 1 for single in singles]
    unable = {owner for stack in broken if len(_split(stack)) == 1 for owner, _ in stack.owners}
    if alone:
        rest, more = _validate(alone)
        for owner, rows in rest.items():
            failed.setdefault(owner, set()).update(rows)
        unable |= more
    return failed, unable


def _split(stack: _Stack) -> list[_Stack]:
    """One stack for each rule of a stack."""
    parts: dict[str, _Stack] = {}
    for value, owner in zip(stack.values, stack.owners, strict=True):
        part = parts.setdefault(owner[0], _Stack(stack.expectation, [], []))
        part.values.append(value)
        part.owners.append(owner)
    return list(parts.values())


def _position(result: Any) -> int:
    kwargs = result.expectation_config.kwargs
    return int((kwargs.get("column") or kwargs["column_list"][0]).split("_")[1])


def _dataframe(stacks: Sequence[_Stack]) -> pd.DataFrame:
    """One column a stack (``c_3``; a key: ``c_3_0`` …), NumPy-backed, with Python objects, filled up to one length."""
    import pandas as pd

    length = max((len(s.values) for s in stacks), default=0)
    data: dict[str, list[Any]] = {}
    for i, stack in enumerate(stacks):
        fill = [_FILLED if stack.expectation.kind == "not_null" else None] * (length - len(stack.values))
        if stack.expectation.kind == "unique":
            # the first column tells rows of the table from filled ones
            data[f"c_{i}"] = [1] * len(stack.values) + fill
            for k in range(len(stack.expectation.columns)):
                data[f"c_{i}_{k}"] = [v[k] for v in stack.values] + fill
        else:
            data[f"c_{i}"] = stack.values + fill
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in data.items()})


def _expectation(e: Expectation, i: int) -> Any:
    import great_expectations.expectations as gxe

    column = f"c_{i}"
    if e.kind == "not_null":
        return gxe.ExpectColumnValuesToNotBeNull(column=column)
    if e.kind == "of_type":
        return gxe.ExpectColumnValuesToBeInTypeList(column=column, type_list=[e.arguments[0]])
    if e.kind == "in_set":
        return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(e.arguments))
    if e.kind == "not_in_set":
        return gxe.ExpectColumnValuesToNotBeInSet(column=column, value_set=list(e.arguments))
    if e.kind == "regex":
        return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=e.arguments[0])
    if e.kind == "not_regex":
        return gxe.ExpectColumnValuesToNotMatchRegex(column=column, regex=e.arguments[0])
    if e.kind == "between":
        return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=e.arguments[0], max_value=e.arguments[1])
    columns = [column, *(f"{column}_{k}" for k in range(len(e.columns)))]
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=columns, ignore_row_if="all_values_are_missing")


def _outcomes(env: Environment, rule: Rule, frame: _Frame, rows: Iterable[int]) -> dict[date, Outcome]:
    """Counts and the lowest keys by date. A type is one thing to check, however many values have it."""
    by_date: dict[date, list[str]] = {}
    for i in rows:
        by_date.setdefault(frame.dates[i] or env.dates[0], []).append(frame.keys[i])
    checked = env.counts.scopes[rule.scope]
    found = {}
    for day in env.dates:
        bad = by_date.get(day, [])
        if rule.check == "column_type":
            found[day] = Outcome(int(checked.get(day, 0) > 0), int(bool(bad)), rule.expectations[0].columns if bad else ())
        else:
            found[day] = Outcome(checked.get(day, 0), len(bad), tuple(sorted(set(bad))[:SAMPLES]))
    return found
