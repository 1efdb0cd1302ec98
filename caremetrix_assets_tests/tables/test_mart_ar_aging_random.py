"""mart_ar_aging on made-up ledgers against a recount line by line and day by day in Python, which shares nothing with the SQL."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from caremetrix_assets_tests.harness import Row
from caremetrix_assets_tests.tables.money import SECOND, entry, event, line, mart

START = date(2025, 1, 1)
PARTIES = ("primary", "secondary", "patient")
KINDS = ("payment", "payment", "payment", "refund", "takeback", "contractual", "courtesy", "bad_debt", "correction")
STEPS = ("submitted", "acknowledged", "rejected", "denied", "resubmitted", "adjudicated", "closed")
Owed = tuple[Decimal, str, date]


def day(random: Random, last: int = 120) -> date:
    return START + timedelta(days=random.randrange(last))


def ledger(seed: int) -> dict[str, list[Row]]:
    """Thirty claims of one or two lines with entries and events on any day, some entries taken back."""
    random = Random(seed)
    facts: dict[str, list[Row]] = {"fact_claim_line": [], "fact_payment": [], "fact_claim_event": []}
    for claim in (f"c{n}" for n in range(30)):
        insured, second = random.random() < 0.8, SECOND if random.random() < 0.4 else -2
        for name in (f"{claim}:1", f"{claim}:2")[: random.randint(1, 2)]:
            served = day(random, 60)
            facts["fact_claim_line"].append(
                line(name, served.isoformat(), str(random.randint(0, 9) * 10), is_billed_to_insurance=insured, secondary_payer_key=second)
            )
            for n in range(random.randint(0, 5)):
                kind, posted = random.choice(KINDS), day(random)
                amount = random.randint(1, 6) * 10 * (1 if kind == "payment" else -1)
                back = {"reversed_date": (posted + timedelta(days=random.randrange(20))).isoformat()} if random.random() < 0.15 else {}
                facts["fact_payment"].append(
                    entry(
                        name,
                        served.isoformat(),
                        posted.isoformat(),
                        kind,
                        random.choice(PARTIES),
                        str(amount),
                        receipt=f"{name}{n}",
                        **back,
                    )
                )
        days = sorted(day(random) for _ in range(random.randint(0, 6)))
        for n, when in enumerate(days, start=1):
            paid = str(random.randint(0, 5) * 10)
            rank = random.choice(("primary", "primary", "secondary"))
            facts["fact_claim_event"].append(event(claim, n, random.choice(STEPS), when.isoformat(), payer_rank=rank, paid_amount=paid))
    return facts


class Recount:
    """Answers from the literal rows, one line at a time."""

    def __init__(self, facts: dict[str, list[Row]]) -> None:
        self.lines, self.events = facts["fact_claim_line"], facts["fact_claim_event"]
        self.entries = [(p, *self._dates(p)) for p in facts["fact_payment"]]

    @staticmethod
    def _dates(row: Row) -> tuple[date, date | None]:
        counts = max(date.fromisoformat(row["posted_date"]), date.fromisoformat(row["service_date"]))
        back = row.get("reversed_date")
        return counts, max(counts, date.fromisoformat(back)) if back else None

    def standing(self, on: date, **keys: Any) -> list[tuple[Row, date]]:
        """Entries that count on the day and are not taken back, with their day."""
        found = [(p, d) for p, d, back in self.entries if d <= on and (back is None or back > on)]
        return [(p, d) for p, d in found if all(p[k] == v for k, v in keys.items())]

    def balance(self, row: Row, on: date) -> Decimal:
        if date.fromisoformat(row["service_date"]) > on:
            return Decimal(0)
        moved = (p["adjustment_amount"] - p["payment_amount"] for p, _ in self.standing(on, claim_line_sk=row["claim_line_sk"]))
        return row["charge_amount"] + sum(moved, Decimal(0))

    def settled(self, claim: str, rank: str, on: date) -> date | None:
        """The day since which the insurer is done with the claim; None while it is not."""
        events = [e for e in self.events if (e["claim_id"], e["payer_rank"]) == (claim, rank) and e["event_at"][:10] <= on.isoformat()]
        payments = self.standing(on, claim_id=claim, party=rank, entry_type="payment")
        deciding = [e for e in events if e["event"] not in ("acknowledged", "closed")]
        paid = sum((p["payment_amount"] for p, _ in payments), Decimal(0))
        if events:
            enough = bool(deciding) and deciding[-1]["event"] == "adjudicated" and paid >= Decimal(deciding[-1]["paid_amount"])
            done = events[-1]["event"] == "closed" or enough
        else:
            done = bool(payments)
        days = [date.fromisoformat(e["event_at"][:10]) for e in events if e["event"] in ("adjudicated", "closed")] + [
            d for _, d in payments
        ]
        return max(days) if done else None

    def owed(self, row: Row, on: date) -> Owed | None:
        balance, served = self.balance(row, on), date.fromisoformat(row["service_date"])
        if balance == 0:
            return None
        if balance < 0:
            paid = self.standing(on, claim_line_sk=row["claim_line_sk"], entry_type="payment")
            since = on
            while self.balance(row, since - timedelta(days=1)) < 0:
                since -= timedelta(days=1)
            return balance, max((d, p["payment_sk"], p["party"]) for p, d in paid)[2] if paid else "patient", since
        if not row["is_billed_to_insurance"]:
            return balance, "patient", served
        first = self.settled(row["claim_id"], "primary", on)
        if first is None:
            return balance, "primary", served
        if row["secondary_payer_key"] < 0:
            return balance, "patient", max(first, served)
        second = self.settled(row["claim_id"], "secondary", on)
        return balance, "patient" if second else "secondary", max(second or first, served)


@pytest.mark.parametrize("seed", range(6))
def test_who_owes_what_since_when_is_as_recounted(seed: int):
    facts, days = ledger(seed), [START + timedelta(days=n) for n in (15, 40, 75, 110, 150)]
    recount = Recount(facts)
    expected = {(on, row["claim_line_sk"]): owed for on in days for row in recount.lines if (owed := recount.owed(row, on))}
    rows = mart("mart_ar_aging", [d.isoformat() for d in days], **facts)
    found = {
        (r["partition_date"], r["claim_line_sk"]): (r["balance_amount"], r["responsible_party"], r["responsible_since_date"]) for r in rows
    }
    assert found == expected
    assert {party for _, party, _ in expected.values()} == set(PARTIES) and any(balance < 0 for balance, *_ in expected.values())
