"""Claims as units: the place of every ledger row in its claim, and claims that did not come whole.

``claims_transactions`` numbers its rows anew in every export, so a row's identity is its place in its claim. What a
unit means for the change log is ``replay``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import duckdb

from caremetrix_assets.sources.contracts import LINE_ORDINAL, TRANSFER_FROM, RawFile
from caremetrix_assets.sources.header import Binding
from caremetrix_assets.sources.sql import one_row

PARTIAL_CLAIM = "partial_claim"
CLAIM, CHARGE = "claimid", "chargeid"
_BALANCED_SINCE = (3, 2)


def claims_balance(bindings: Iterable[tuple[RawFile, Binding]]) -> bool | None:
    """Whether the drop is of release 3.2 or later, where charges = payments + adjustments; None when no header tells.

    A column that came with 3.2 or later tells of one, a file that should have such a column and has none of a release
    before. Headers go first: ledgers of 3.0 leave money blank and overpay, but whether 3.1 leaves it blank is not known.
    """
    older = False
    for file, binding in bindings:
        markers = {c.name for c in file.columns if c.since is not None and _release(c.since) >= _BALANCED_SINCE}
        first = {c.name for c in file.columns if c.since is not None and _release(c.since) == _BALANCED_SINCE}
        if markers & set(binding.names):
            return True
        older = older or bool(first)
    return False if older else None


def _release(since: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", since))


def place_ledger(con: duckdb.DuckDBPyConnection, typed_select: str, nulled: list[str], balanced: bool | None) -> None:
    """Makes the temporary tables ``ledger`` (narrow, with the flags ``nulled``) and ``marks``: one row per record, in file order.

    ``marks``: place, line_ordinal, transfer_from_ordinal, unit_rule (null for rows of a whole claim).
    """
    flags = "".join(f", {flag}" for flag in nulled)
    con.execute(
        f"""create or replace temp table ledger as
        select place, "{CLAIM} typed" as claim, "{CHARGE} typed" is not null as has_charge,
            try_cast("{CHARGE} typed" as bigint) as charge,
            "type typed" as kind, "transferoutid typed" is not null as has_transfer,
            try_cast("transferoutid typed" as bigint) as transfer, "payments typed" is not null as has_payment,
            case when "type typed" = 'CHARGE' then coalesce("amount typed", 0) else 0 end as charged,
            coalesce("payments typed", 0) + coalesce("adjustments typed", 0) as settled, rule is null as is_record{flags}
        from ({typed_select})"""
    )
    if balanced is None:
        # Ledgers of 3.2 and later say 0.00 where 3.0 leaves PAYMENTS blank, a CHARGE row being the first of every claim.
        (balanced,) = one_row(con, "select coalesce(bool_and(has_payment), false) from ledger where is_record")
    _judge_claims(con, balanced)
    con.execute(
        f"""create or replace temp table marks as
        select l.place, cast(r.ordinal as integer) as {LINE_ORDINAL}, cast(o.ordinal as integer) as {TRANSFER_FROM},
            case when l.has_charge and l.charge is null then 'cannot_type.{CHARGE}'
                when p.claim is not null then '{PARTIAL_CLAIM}' end as unit_rule
        from ledger as l left join placed as r on r.place = l.place left join origins as o on o.place = l.place
        left join partial as p on p.claim = l.claim order by l.place"""
    )


def _judge_claims(con: duckdb.DuckDBPyConnection, balanced: bool) -> None:
    """Makes ``placed`` (rows with their ordinal), ``origins`` (where transfers come from) and ``partial`` (claims not whole)."""
    con.execute(
        """create or replace temp table placed as
        select place, claim, charge, kind, has_transfer, transfer, charged, settled,
            row_number() over (partition by claim order by charge nulls last, place) as ordinal
        from ledger where claim is not null"""
    )
    con.execute(
        """create or replace temp table origins as
        select r.place, min(o.ordinal) as ordinal from placed as r
        inner join placed as o on o.claim = r.claim and o.charge = r.transfer
        where r.transfer is not null group by r.place"""
    )
    con.execute(
        f"""create or replace temp table partial as
        select claim from placed as r left join origins as o on o.place = r.place group by claim
        having bool_or(r.ordinal = 1 and r.kind is distinct from 'CHARGE') or bool_or(r.has_transfer and o.place is null)
            or bool_or(r.charge is null) or ({str(balanced).lower()} and sum(charged) <> sum(settled))"""
    )
