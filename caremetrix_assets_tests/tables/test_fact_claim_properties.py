"""fact_claim on random lines and entries: money is conserved, and the day of settlement is what a walk over the days finds."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from caremetrix_assets_tests.harness import Row, build

FIRST, NEWEST = date(2025, 3, 1), date(2025, 3, 20)
KINDS = ("payment", "refund", "takeback", "contractual", "courtesy", "bad_debt", "correction")
MONEY = KINDS[:3]


def random_claim(name: str, chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Lines and entries within 26 days, the newest day being the twentieth; small amounts, so that claims do close."""

    def day() -> date:
        return FIRST + timedelta(chance.randrange(26))

    served = [FIRST, *(day() for _ in range(chance.randrange(3)))]
    lines = [{"claim_id": name, "charge_amount": Decimal(chance.choice((10, 20))), "service_date": d} for d in served if d <= NEWEST]
    entries = []
    for _ in range(chance.randrange(6)):
        kind, posted = chance.choice(KINDS), day()
        amount = Decimal(chance.choice((10, 20)) * (1 if kind in ("payment", "correction") else -1))
        reversed_on = posted + timedelta(chance.randrange(6)) if chance.random() < 0.25 else None
        party = chance.choice(("primary", "secondary", "patient"))
        entry: Row = {"claim_id": name, "entry_type": kind, "party": party, "posted_date": posted}
        entry |= {"service_date": chance.choice(served), "is_reversed": reversed_on is not None, "reversed_date": reversed_on}
        entry |= {"payment_amount": amount if kind in MONEY else 0, "adjustment_amount": 0 if kind in MONEY else amount}
        entries.append(entry)
    return lines, entries


def balance(lines: list[Row], entries: list[Row], on: date) -> Decimal:
    """What is open at the end of a day, by the definition: charges less payments plus adjustments that stand then."""
    total = sum((line["charge_amount"] for line in lines if line["service_date"] <= on), Decimal(0))
    for e in entries:
        starts = max(e["posted_date"], e["service_date"])
        ends = max(e["reversed_date"], starts) if e["reversed_date"] else date.max
        if starts <= on < ends:
            total += e["adjustment_amount"] - e["payment_amount"]
    return total


def settled(lines: list[Row], entries: list[Row]) -> date | None:
    """The first day from which on nothing is open up to the newest day."""
    days = [FIRST + timedelta(n) for n in range((NEWEST - FIRST).days + 1)]
    open_days = [d for d in days if balance(lines, entries, d) != 0]
    if NEWEST in open_days:
        return None
    return open_days[-1] + timedelta(1) if open_days else FIRST


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_claims(seed: int):
    chance = random.Random(seed)
    made = {f"c{n}": random_claim(f"c{n}", chance) for n in range(300)}
    rows = build(
        "fact_claim",
        given={
            "raw_claims": [{"id": name, "appointmentid": "e1", "servicedate": "2025-03-01 09:00:00"} for name in made],
            "fact_claim_line": [line for lines, _ in made.values() for line in lines],
            "fact_payment": [e for _, entries in made.values() for e in entries],
        },
        dates=[NEWEST.isoformat()],
        opening="2025-01-01",
    )
    found = {r["claim_id"]: r for r in rows}
    assert {name: r["open_amount"] for name, r in found.items()} == {name: balance(*parts, NEWEST) for name, parts in made.items()}
    assert {name: r["closed_date"] for name, r in found.items()} == {name: settled(*parts) for name, parts in made.items()}
    assert len({r["closed_date"] for r in rows}) > 5  # the cases are not all alike
