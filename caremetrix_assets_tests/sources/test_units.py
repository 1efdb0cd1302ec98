"""Claims as units: places of ledger rows, where transfers come from, and claims that did not come whole."""

import pytest

from caremetrix_assets_tests.sources.drops import minimal
from caremetrix_assets_tests.sources.releases import R30, R32, ROWS, csv_text, release_files

HEADER = R32["claims_transactions"]
ROW = {**ROWS["claims_transactions"][0], "AMOUNT": "", "UNITAMOUNT": "", "PAYMENTS": "0.00", "ADJUSTMENTS": "0.00", "TODATE": ""}


def entry(claim, charge, kind, **values):
    names = {"amount": "AMOUNT", "paid": "PAYMENTS", "moved": "TRANSFERS", "source": "TRANSFEROUTID", "adjusted": "ADJUSTMENTS"}
    return {**ROW, "ID": f"{claim}-{charge}", "CLAIMID": claim, "CHARGEID": str(charge), "TYPE": kind} | {
        names[k]: v for k, v in values.items()
    }


def whole(claim, first, amount="10.00"):
    return [
        entry(claim, first, "CHARGE", amount=amount),
        entry(claim, first + 1, "PAYMENT", paid="4.00"),
        entry(claim, first + 2, "TRANSFEROUT", moved="6.00"),
        entry(claim, first + 4, "TRANSFERIN", amount="6.00", moved="6.00", source=str(first + 2)),
        entry(claim, first + 10, "PAYMENT", paid="6.00"),
    ]


def ledger(lab, *rows, header=HEADER, base=None, text=None):
    content = text or csv_text(header, *rows)
    return lab.take({**(base or minimal()), "claims_transactions.csv": content})


def many(*claims):
    """Enough whole claims that a broken one stays under the limit."""
    return [row for claim in claims for row in claim] + [row for k in range(120) for row in whole(f"x{k}", 1000 + 20 * k)]


def told(lab, taken, *claims):
    rows = [r for r in lab.rows(taken, "claims_transactions") if r["claimid"] in claims]
    return [(r["claimid"], r["line_ordinal"], r["transfer_from_ordinal"], r["broken_rule"]) for r in rows]


def test_ordinals_follow_the_number_not_the_text_nor_the_line(lab):
    rows = whole("c1", 8)
    taken = ledger(lab, *[rows[i] for i in (4, 1, 0, 3, 2)], *whole("c2", 1))
    assert told(lab, taken, "c1") == [
        ("c1", 5, None, None),
        ("c1", 2, None, None),
        ("c1", 1, None, None),
        ("c1", 4, 3, None),
        ("c1", 3, None, None),
    ]
    assert [t[1:3] for t in told(lab, taken, "c2")] == [(1, None), (2, None), (3, None), (4, 3), (5, None)]


@pytest.mark.parametrize(
    "rows",
    [
        whole("c1", 8)[1:],
        [r for r in whole("c1", 8) if r["TYPE"] != "TRANSFEROUT"],
        whole("c1", 8, amount="11.00"),
        [{**r, "CHARGEID": ""} if r["TYPE"] == "TRANSFEROUT" else r for r in whole("c1", 8)],
        [entry("c1", 1, "PAYMENT", paid="10.00"), entry("c1", 2, "CHARGE", amount="10.00")],
    ],
    ids=["charge missing", "transfer from outside", "does not balance", "row without number", "charge comes second"],
)
def test_a_claim_that_did_not_come_whole_is_quarantined_whole(lab, rows):
    taken = ledger(lab, *many(rows))
    rules = {rule for *_, rule in told(lab, taken, "c1")}
    assert "partial_claim" in rules and None not in rules
    assert {rule for *_, rule in told(lab, taken, "x0", "x119")} == {None}
    assert taken.report["files"]["claims_transactions"]["broken"] == len(rows)


def test_a_broken_row_takes_its_claim_with_it(lab):
    rows = whole("c1", 8)
    rows[1] = {**rows[1], "FROMDATE": "yesterday"}
    taken = ledger(lab, *many(rows))
    assert [t[3] for t in told(lab, taken, "c1")] == ["partial_claim", "cannot_type.fromdate"] + ["partial_claim"] * 3
    texts = [r["raw_text"] for r in lab.rows(taken, "claims_transactions") if r["claimid"] == "c1"]
    assert all(text and text.startswith("c1-") for text in texts)


def test_a_ragged_row_takes_the_claim_it_names_with_it(lab):
    lines = csv_text(HEADER, *many(whole("c1", 8), whole("c2", 100))).splitlines()
    lines[2] += ",more"
    taken = ledger(lab, text="\n".join(lines) + "\n")
    assert [t[3] for t in told(lab, taken, "c1")] == ["partial_claim", "ragged_row"] + ["partial_claim"] * 3
    assert {t[3] for t in told(lab, taken, "c2")} == {None}


OVERPAID = [entry("c1", 1, "CHARGE", amount="10.00"), entry("c1", 2, "PAYMENT", paid="40.00")]
BLANK = [{**r, "PAYMENTS": "" if r["PAYMENTS"] == "0.00" else r["PAYMENTS"]} for r in OVERPAID]


@pytest.mark.parametrize(
    ("release", "rows", "rule"),
    [
        ("3.2", OVERPAID, "partial_claim"),
        ("3.1", OVERPAID, None),
        ("3.0", BLANK, None),
        ("no header tells", OVERPAID, "partial_claim"),
        ("no header tells", BLANK, None),
    ],
)
def test_only_releases_that_balance_must(lab, release, rows, rule):
    full = [row for k in range(100) for row in whole(f"x{k}", 1000 + 20 * k)]
    if release == "no header tells":
        base, rows = {}, [*rows, *([] if rule is None else full)]
        lab.drop("d", {"claims_transactions.csv": csv_text(HEADER, *rows)}, kind="delta")
        (taken,) = lab.take_in()
    else:
        base = {f"{n}.csv": release_files(release)[f"{n}.csv"] for n in ("patients", "encounters", "organizations", "providers", "payers")}
        taken = ledger(lab, *rows, *full, base=base, header=R30["claims_transactions"])
    assert taken.entry.status == "accepted", taken.entry.reason
    assert {t[3] for t in told(lab, taken, "c1")} == {rule}


def test_a_claim_number_that_is_no_number_is_told_by_its_column(lab):
    rows = whole("c1", 8)
    rows[4] = {**rows[4], "CHARGEID": "last"}
    assert [t[3] for t in told(lab, ledger(lab, *many(rows)), "c1")] == ["partial_claim"] * 4 + ["cannot_type.chargeid"]
