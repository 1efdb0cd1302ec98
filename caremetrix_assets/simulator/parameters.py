"""The simulator's parameters: the defaults of ``defaults.toml``, a file that changes some of them, checks, their hash.

A parameter is a share (0 to 1), a whole number, a range ``[from, to]`` or a table of shares that add up to 1; its
default says which. Each becomes a SQL macro named ``<section>_<key>``; what they mean is said in ``defaults.toml``.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from caremetrix_assets.errors import ServiceError, UsageError

Value = float | int | list[int] | dict[str, float]
START = "start"
_DEFAULTS = Path(__file__).with_name("defaults.toml")
_DAY_MINUTES = 1440


@dataclass(frozen=True)
class Parameters:
    """All parameters by section and key; ``start`` is the first simulated day, None for the default of the drop."""

    values: Mapping[str, Mapping[str, Value]]
    start: date | None = None

    def items(self) -> Iterator[tuple[str, Value]]:
        """Every parameter with its name ``section.key``, in the order of the defaults."""
        for section, keys in self.values.items():
            for key, value in keys.items():
                yield f"{section}.{key}", value

    def hash(self, start: date) -> str:
        """sha256 of all parameters and the start that was used: 64 hexadecimal digits."""
        text = json.dumps({START: start.isoformat(), **self.values}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def macros(self) -> Iterator[str]:
        """``create macro`` statements: ranges and tables take the number in [0, 1) that chooses, ranges also give their ends."""
        for dotted, value in self.items():
            name = dotted.replace(".", "_")
            yield f"create macro {_macro(name, value)}"
            if isinstance(value, list):
                yield f"create macro {name}_from() as {value[0]}"
                yield f"create macro {name}_to() as {value[1]}"


def _macro(name: str, value: Value) -> str:
    if isinstance(value, dict):
        return f"{name}(x) as {_choice(value)}"
    if isinstance(value, list):
        low, high = value
        return f"{name}(x) as {low} + cast(floor(x * {high - low + 1}) as integer)"
    return f"{name}() as {f'cast({value!r} as double)' if isinstance(value, float) else value}"


def _choice(shares: Mapping[str, float]) -> str:
    """A CASE over the running sums; keys that are numbers give numbers."""
    are_numbers = all(key.isdigit() for key in shares)
    results = [key if are_numbers else "'" + key.replace("'", "''") + "'" for key in shares]
    total, whens = 0.0, []
    for share, result in zip(shares.values(), results, strict=True):
        total += share
        whens.append(f"when x < {round(total, 9)!r} then {result}")
    return f"case {' '.join(whens[:-1])} else {results[-1]} end" if whens[:-1] else results[-1]


@cache
def defaults() -> Mapping[str, Mapping[str, Value]]:
    """The parameters of ``defaults.toml`` by section and key."""
    return tomllib.loads(_DEFAULTS.read_text("utf-8"))


def load_parameters(path: Path | None = None) -> Parameters:
    """The defaults with the changes of a TOML file; UsageError with the parameter's name and what it should be."""
    if path is None:
        return Parameters(defaults())
    if not path.is_file():
        raise ServiceError(f"{path} is not a file; --config names a TOML file with the parameters to change.")
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}.") from error
    start = _start(content.pop(START, None), path)
    values = {section: dict(keys) for section, keys in defaults().items()}
    for section, keys in content.items():
        if section not in values or not isinstance(keys, dict):
            raise UsageError(f"{path}: {section} is no section of parameters; there are {', '.join(values)}, and the date {START}.")
        for key, value in keys.items():
            if key not in values[section]:
                raise UsageError(f"{path}: {section}.{key} is no parameter; {section} has {', '.join(values[section])}.")
            values[section][key] = _checked(f"{path}: {section}.{key}", value, values[section][key])
    found = Parameters(values, start)
    for problem in _contradictions(found):
        raise UsageError(f"{path}: {problem}")
    return found


def _start(value: Any, path: Path) -> date | None:
    if value is None or type(value) is date:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: {START} must be a date such as 2022-01-01.") from error


def _checked(name: str, value: Any, default: Value) -> Value:
    if isinstance(default, dict):
        return _checked_shares(name, value, default)
    if isinstance(default, list):
        if not isinstance(value, list) or len(value) != 2 or not all(_is_count(v) for v in value) or value[0] > value[1]:
            raise UsageError(f"{name} must be a range of two whole numbers such as {default}, the lower one first.")
        return value
    if isinstance(default, float):
        if not _is_share(value):
            raise UsageError(f"{name} must be a share between 0 and 1 such as {default}.")
        return float(value)
    if not _is_count(value):
        raise UsageError(f"{name} must be a whole number from 0 on such as {default}.")
    return value


def _checked_shares(name: str, value: Any, default: Mapping[str, float]) -> dict[str, float]:
    wanted = ", ".join(default)
    if not isinstance(value, dict) or set(value) != set(default):
        raise UsageError(f"{name} must be a table with a share for each of {wanted}.")
    if not all(_is_share(v) for v in value.values()) or abs(sum(value.values()) - 1) > 1e-6:
        raise UsageError(f"{name}: the shares of {wanted} must lie between 0 and 1 and add up to 1.")
    return {key: float(value[key]) for key in default}


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100_000


def _contradictions(found: Parameters) -> Iterator[str]:
    """What single checks cannot see: orders in time that the feed promises, shares of one draw."""
    v: dict[str, Any] = dict(found.items())
    late = v["late.days"]
    orders = [
        ("late.days", v["late.days"], 8, "a visit may appear that late, and nothing may be concluded from its absence before"),
        ("money.statement_wait", v["money.statement_wait"], late + 1, "a late claim would change a statement already sent"),
        ("touches.second_after", v["touches.second_after"][0], late + 1, "a late visit would change a contact already told"),
        ("forward.follow_up_gap", v["forward.follow_up_gap"][0], 2, "a booking is made before its day"),
        ("forward.follow_up_days", v["forward.follow_up_days"][0], 2, "a booking is made before its day"),
        ("forward.recall_gap", v["forward.recall_gap"][0], 2, "a booking is made before its day"),
        ("forward.hygiene_gap", v["forward.hygiene_gap"], 2, "a booking is made before its day"),
        ("forward.recall_call_notice", v["forward.recall_call_notice"][0], v["fate.moved_notice"][1] + 2, "it is made before it moves"),
        ("forward.recall_call_notice", v["forward.recall_call_notice"][0], v["fate.cancelled_notice"][1] + 2, "it is made before it ends"),
        ("forward.recall_short_gap", v["forward.recall_short_gap"], v["forward.recall_call_notice"][1] + 1, "a recall follows its visit"),
        ("fate.moved_min_gap", v["fate.moved_min_gap"], v["fate.moved_notice"][1] + 2, "a booking is made before it moves"),
        ("fate.moved_notice", v["fate.moved_notice"][0], 2, "a booking moves before its day"),
        ("fate.cancelled_min_gap", v["fate.cancelled_min_gap"], v["fate.cancelled_notice"][1] + 2, "a booking is made before it ends"),
        ("fate.cancelled_notice", v["fate.cancelled_notice"][0], 2, "a booking ends before its day"),
        ("messages.results_after", v["messages.results_after"][0], 1, "a message follows its visit"),
        ("plans.accepted_after", v["plans.accepted_after"][0], 1, "an item is accepted after it was presented"),
        ("plans.scheduled_after", v["plans.scheduled_after"][0], 1, "an item is scheduled after it was accepted"),
        ("plans.declined_after", v["plans.declined_after"][0], 1, "an item is declined after it was presented"),
        ("plans.lookback", v["plans.lookback"][0], 1, "a procedure is proposed after it was done"),
    ]
    yield from (f"{name} must be at least {least}: {why}." for name, value, least, why in orders if value < least)
    limits = [
        ("fate.late_notice_minutes", v["fate.late_notice_minutes"][1], _DAY_MINUTES - 1, "late means less than a day before"),
        ("fate.unmet_notice_minutes", v["fate.unmet_notice_minutes"][1], _DAY_MINUTES - 1, "the last reminder goes out a day before"),
        ("plans.lookback", v["plans.lookback"][1], 360, "what is older may have left the export"),
        ("forward.hygiene_minutes", v["forward.hygiene_minutes"], 480, "a day has ten hours"),
    ]
    yield from (f"{name} must be at most {most}: {why}." for name, value, most, why in limits if value > most)
    for names in (("fate.moved", "fate.cancelled", "fate.late"), ("plans.accepted", "plans.declined")):
        if sum(v[n] for n in names) > 1:
            yield f"{' + '.join(names)} must not exceed 1."
    yield from _spans(v)


def _spans(v: Mapping[str, Any]) -> Iterator[str]:
    """Gaps between steps of which each must lie on a later day."""
    claims = (
        "rejected_after", "resubmitted_after", "private_days", "government_days", "slow_days", "appealed_after",
        "appeal_decided_after", "given_up_after", "posted_after", "secondary_after", "secondary_days",
    )  # fmt: skip
    money = ("paid_after", "refunded_after", "paid_twice_after", "taken_back_after")
    names = [f"claims.{n}" for n in claims] + [f"money.{n}" for n in money] + ["lead.missed_before", "lead.missed_lead"]
    yield from (f"{name} must be at least 1: each step lies on a later day." for name in names if v[name][0] < 1)
    if v["money.paid_after"][1] > 27:
        yield "money.paid_after must be at most 27: a payment comes before the next statement."
    if v["forward.recall_message_notice"][0] <= v["forward.recall_call_notice"][1]:
        yield "forward.recall_message_notice must lie before forward.recall_call_notice: who is called has been written to."
    if v["money.contractual_base"] + v["money.contractual_span"] > 1:
        yield "money.contractual_base + money.contractual_span must not exceed 1: no adjustment makes a credit."
