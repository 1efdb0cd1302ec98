"""The words of the audit: what is staged, what a rule is, what its result says.

Which rules a table has is ``rules``; running them is ``evaluate``; keeping results is ``results``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from caremetrix_assets.audit.environment import Environment

Status = Literal["passed", "failed", "warned", "not_applicable", "error"]
Severity = Literal["blocking", "warn"]
Group = Literal["contract", "integrity", "watch"]

ROWS = "the partition has no row"
NO_VALUE = "the column has no value"
NO_ROW = "there is nothing to check"
NOT_BUILT = "table not built"
NO_PARENT = "parent file not in any drop"
SAMPLES = 5


@dataclass(frozen=True)
class Staged:
    """What a step has built and not yet published.

    ``files`` has the Parquet file of each date; a raw, event-dimension or fact date without rows has none.
    ``rows`` has the number of rows of each date.
    """

    dates: Sequence[date]
    files: Mapping[date, Path]
    rows: Mapping[date, int]


class FileCounts(NamedTuple):
    """What became of one file of one drop: the numbers behind the checks that look at files, not at rows.

    ``compared`` names the columns in which its rows must be those of the state.
    """

    drop_id: str
    kind: Literal["full", "delta"]
    rows: int
    accepted: int
    broken: int = 0
    waiting: int = 0
    superseded: int = 0
    vanished: int = 0
    keys_before: int = 0
    headers: int = 0
    headers_off: int = 0
    compared: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditContext:
    """What a rule must know beyond the rows.

    ``published`` is the file of the newest published partition, None before the first one. ``contract_changed`` says
    that it was written under another definition. ``files`` has, for a raw table, the counts of each audited date.
    ``gx_row_limit``: a step with more rows runs the column expectations as SQL; 0 always does.
    """

    opening: date
    published: Path | None = None
    contract_changed: bool = False
    files: Mapping[date, Sequence[FileCounts]] = field(default_factory=dict)
    quarantine_limit: Decimal = Decimal("0.01")
    gx_row_limit: int = 2_000


class Expectation(NamedTuple):
    """One Great Expectations rule about columns: its kind, its arguments, the columns it reads."""

    kind: Literal["not_null", "of_type", "in_set", "not_in_set", "regex", "not_regex", "between", "unique"]
    columns: tuple[str, ...]
    arguments: tuple[object, ...] = ()


class Scope(NamedTuple):
    """Which rows a rule checks: those where ``column`` has a value and ``where`` holds."""

    column: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Predicate:
    """Rows ``t`` of ``source`` where ``bad`` is true offend.

    ``screen`` is a cheaper condition that is true for every bad row. ``always`` counts without screening first:
    for conditions that are often true. ``source`` defaults to the staged rows as ``t``.
    """

    bad: str
    screen: str | None = None
    source: str | None = None
    key: str | None = None
    always: bool = False


@dataclass(frozen=True)
class Missing:
    """Rows of the rule's scope that are not in ``filled``, which is the same scope with a value in a column."""

    filled: Scope


@dataclass(frozen=True)
class Aggregate:
    """``failed`` and ``checked`` are aggregates over the rows ``t`` of a date; ``keys`` names what they are about."""

    failed: str
    checked: str
    source: str | None = None
    keys: tuple[str, ...] = ()
    if_empty: int = 0


@dataclass(frozen=True)
class Offenders:
    """A SELECT of the offending rows: ``partition_date, key``. A row without a date counts against the first audited one.

    ``unless`` is a SELECT whose row says why the rule does not apply; a second column says on which date.
    """

    sql: str
    unless: str | None = None


class Outcome(NamedTuple):
    """What a rule found on one date; ``reason`` says why it does not apply."""

    checked: int
    failed: int
    keys: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class Procedure:
    """A rule that is not one query. Gives an outcome for each date that it knows something about."""

    run: Callable[[Environment], Mapping[date, Outcome]]


Test = Predicate | Missing | Aggregate | Offenders | Procedure


@dataclass(frozen=True)
class Rule:
    """A named rule of one table: what it looks for, and what it means when it finds it."""

    name: str
    check: str
    group: Group
    severity: Severity
    threshold: Decimal
    test: Test
    scope: Scope = Scope()
    expectations: tuple[Expectation, ...] = ()
    needs: frozenset[str] = frozenset()
    on_empty: bool = False
    no_value: str | None = None

    @property
    def unchecked(self) -> str:
        """Why the rule does not apply when its scope has no row."""
        return self.no_value or (NO_VALUE if self.scope.column else NO_ROW)


class Evaluation(NamedTuple):
    """What a rule found: outcomes by date, or why it could not run; how, and in how many seconds."""

    outcomes: Mapping[date, Outcome]
    error: str | None = None
    seconds: float = 0.0
    kind: Literal["gx", "sql"] = "sql"


def phrase(error: Exception) -> str:
    """What may be said of an error: its class. Messages of an engine quote values."""
    return f"could not run ({type(error).__name__})"


class RuleResult(NamedTuple):
    """One rule on one date. Carries counts and natural keys, never a value of a row."""

    check_name: str
    layer: str
    table_name: str
    check_kind: Literal["gx", "sql"]
    group: Group
    severity: Severity
    status: Status
    reason: str | None
    rows_checked: int | None
    rows_failed: int | None
    threshold: Decimal
    sample_keys: str
    seconds: float
    partition_date: date
