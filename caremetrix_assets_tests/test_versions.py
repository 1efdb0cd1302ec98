"""Properties of type 2 dimensions over random drop histories: versions are the days on which something tracked changed.

The expected versions are told day by day in Python. Single cases, column by column, are in ``tables/test_dim_*.py``.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caremetrix_assets_tests.harness import Row, build

FIRST, LAST = date(1900, 1, 1), date(9999, 12, 31)
DAYS = [date(2025, 1, 1) + timedelta(days=n) for n in range(5)]


class Kind(NamedTuple):
    """A dimension with one tracked column and one counter, each as the source and as the dimension call it."""

    dimension: str
    source: str
    member: str
    tracked: tuple[str, str]
    counter: tuple[str, str]


KINDS = [
    Kind("dim_patient", "raw_patients", "patient_id", ("address", "address"), ("income", "income")),
    Kind("dim_provider", "raw_providers", "provider_id", ("speciality", "speciality"), ("procedures", "procedure_counter")),
    Kind("dim_organization", "raw_organizations", "organization_id", ("name", "organization_name"), ("utilization", "utilization_counter")),
    Kind("dim_payer", "raw_payers", "payer_id", ("name", "payer_name"), ("unique_customers", "unique_customers")),
]
# what one drop says of one member: a value and a counter, or that the member is gone
told = st.one_of(st.none(), st.tuples(st.sampled_from("ABC"), st.integers(1, 3)))
drops = st.dictionaries(
    st.tuples(st.sampled_from(DAYS), st.integers(0, 1)), st.dictionaries(st.sampled_from(["m1", "m2"]), told, min_size=1), min_size=1
)
Drops = Mapping[tuple[date, int], Mapping[str, tuple[str, int] | None]]


def change_log(kind: Kind, history: Drops) -> list[Row]:
    """The raw table: a row for each change of a member, none where a drop repeats what was known."""
    rows: list[Row] = []
    known: dict[str, tuple[str, int] | None] = {}
    for (day, sequence), members in sorted(history.items()):
        for member, now in sorted(members.items()):
            before = known.get(member)
            if now == before:
                continue
            value, count = now or before or ("", 0)
            change = "delete" if now is None else "update" if before else "insert"
            footer = {"partition_date": day, "drop_date": day, "drop_sequence": sequence, "drop_id": f"d{day}-{sequence}"}
            rows.append({"id": member, kind.tracked[0]: value, kind.counter[0]: count, "change_type": change, **footer})
            known[member] = now
    return rows


def versions(history: Drops, member: str, until: date) -> list[tuple[str, date]]:
    """Value and first day of each version: the ends of days that differ from the end of the version before."""
    ends: dict[date, str] = {}
    for (day, _), members in sorted(history.items()):
        said = members.get(member)
        if said is not None and day <= until:
            ends[day] = said[0]
    found: list[tuple[str, date]] = []
    for day, value in ends.items():
        if not found or found[-1][0] != value:
            found.append((value, day if found else FIRST))
    return found


def rows_by_day(kind: Kind, rows: Iterable[Row], member: str) -> dict[date, list[Row]]:
    chosen = [r for r in rows if r[kind.member] == member]
    return {day: sorted((r for r in chosen if r["partition_date"] == day), key=lambda r: r["valid_from"]) for day in DAYS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.dimension)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=drops)
def test_versions_are_the_days_that_end_with_another_value(kind: Kind, history: Drops):
    """Without gap or overlap, exactly one current; a counter alone makes none, and the current version has its newest value."""
    log = change_log(kind, history)
    rows = build(kind.dimension, given={kind.source: log}, dates=[d.isoformat() for d in DAYS], opening=DAYS[0].isoformat())
    for member in ("m1", "m2"):
        for day, found in rows_by_day(kind, rows, member).items():
            expected = versions(history, member, day)
            assert [(r[kind.tracked[1]], r["valid_from"]) for r in found] == expected
            assert [r["valid_to"] for r in found] == [*(first for _, first in expected[1:]), *([LAST] if expected else [])]
            assert [r["is_current"] for r in found] == [r is found[-1] for r in found]
            assert len({r["member_key"] for r in found}) == min(1, len(found))
            counters = [
                r[kind.counter[0]] for r in log if r["id"] == member and r["partition_date"] <= day and r["change_type"] != "delete"
            ]
            assert [r[kind.counter[1]] for r in found[-1:]] == counters[-1:]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.dimension)
def test_counters_alone_never_make_a_version(kind: Kind):
    """A hundred exports that only count on."""
    days = [DAYS[0] + timedelta(days=n) for n in range(100)]
    log = change_log(kind, {(day, 0): {"m1": ("A", n)} for n, day in enumerate(days)})
    assert len(log) == 100
    rows = build(kind.dimension, given={kind.source: log}, dates=[days[-1].isoformat()], opening=days[0].isoformat())
    (version,) = [r for r in rows if r[kind.member] == "m1"]
    assert (version["valid_from"], version["valid_to"], version[kind.counter[1]]) == (FIRST, LAST, 99)
