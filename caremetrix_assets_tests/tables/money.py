"""Literal lines, entries and claim events for the tests of the money marts, and the members that their keys lead to."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

PRIVATE, GOVERNMENT, UNINSURED, SELF_PAY, SECOND = 30, 35, 40, 50, 60
ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31", "is_current": True}
DIMENSIONS: dict[str, list[Row]] = {
    "dim_patient": [{"patient_key": 100 + n, "member_key": 100 + n, "patient_id": f"p{n}", **ALWAYS} for n in range(1, 10)],
    "dim_provider": [
        {"provider_key": 20, "member_key": 20, "provider_id": "d1", **ALWAYS},
        {"provider_key": 21, "member_key": 20, "provider_id": "d1", **ALWAYS},
        {"provider_key": 25, "member_key": 25, "provider_id": "d2", **ALWAYS},
    ],
    "dim_payer": [
        {"payer_key": key, "member_key": key, "payer_id": name, "payer_class": kind, **ALWAYS}
        for key, name, kind in (
            (PRIVATE, "y1", "private"),
            (GOVERNMENT, "y2", "government"),
            (UNINSURED, "NO_INSURANCE", "none"),
            (SELF_PAY, "SELF_PAY", "self_pay"),
            (SECOND, "y3", "private"),
        )
    ],
}


def sk(name: str) -> str:
    """A stable 32-digit key for a short name."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def line(name: str, day: str, amount: str, **more: object) -> Row:
    """A charge line ``claim`` or ``claim:number`` served on ``day``; insured by PRIVATE unless told otherwise."""
    claim, _, number = name.partition(":")
    keys = {"location_key": 10, "provider_key": 21, "patient_type": "established", "source_key": -1, "procedure_key": 70}
    payers = {"primary_payer_key": PRIVATE, "secondary_payer_key": -2, "is_billed_to_insurance": True}
    own = {"claim_line_sk": sk(name), "claim_id": claim, "line_number": int(number or 1), "patient_id": "p1", "patient_key": 101}
    return {**own, **keys, **payers, "service_date": day, "charge_amount": Decimal(amount), "partition_date": day, **more}


def entry(name: str, served: str, posted: str, kind: str, party: str, amount: str, **more: object) -> Row:
    """An entry of ``kind`` on line ``name`` (served on ``served``); a receipt unless told otherwise."""
    claim, _, number = name.partition(":")
    money = kind in ("payment", "refund", "takeback")
    receipt = str(more.pop("receipt", f"{name}|{posted}|{kind}|{party}|{amount}"))
    amounts = {"payment_amount": Decimal(amount if money else 0), "adjustment_amount": Decimal(0 if money else amount)}
    who = {"party": party, "entry_type": kind, "entry_source": "receipt", "is_reversed": "reversed_date" in more}
    place = {"claim_line_sk": sk(name), "claim_id": claim, "line_number": int(number or 1), "patient_id": more.pop("patient_id", "p1")}
    dates = {"service_date": served, "posted_date": posted, "partition_date": posted}
    return {"payment_sk": sk(receipt), "receipt_id": receipt, **place, **who, **amounts, **dates, **more}


def event(claim: str, seq: int, kind: str, day: str, **more: object) -> Row:
    """An event of a claim before its first insurer."""
    base = {"claim_event_sk": sk(f"{claim}|{seq}"), "claim_id": claim, "event_seq": seq, "event": kind, "event_at": f"{day} 10:00:00"}
    return {**base, "payer_rank": "primary", "payer_key": PRIVATE, "partition_date": day, **more}


def mart(name: str, dates: list[str], **given: list[Row]) -> list[Row]:
    """Rows of a money mart on the given facts and the members above, as far as it reads them."""
    from caremetrix_assets.catalog.load import load_catalog

    read = load_catalog().table(name).upstream
    members = {relation: rows for relation, rows in DIMENSIONS.items() if relation in read}
    return build(name, given={**members, **given}, dates=dates)


def pick(rows: list[Row], **keys: object) -> Row:
    """The one row with these values; dates may be given as text."""
    wanted = {k: date.fromisoformat(v) if k.endswith("_date") and isinstance(v, str) else v for k, v in keys.items()}
    found = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
    assert len(found) == 1, f"{len(found)} rows for {keys}"
    return found[0]


def of(row: Row, *names: str) -> list[object]:
    """Values of the columns in order, money and rates as text, so that expected values read as in the documentation."""
    return [str(row[n]) if isinstance(row[n], (Decimal, date)) else row[n] for n in names]
