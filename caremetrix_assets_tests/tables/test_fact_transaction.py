"""fact_transaction on literal ledgers: who paid, who owes, what a row does to the balance."""

import hashlib
from datetime import date, datetime
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build
from caremetrix_assets_tests.oracle import stable_key

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
PAYERS = [{"payer_key": key, "payer_id": name, **ALWAYS} for key, name in ((1, "y1"), (2, "y2"), (9, "SELF_PAY"))]
BASE = {"patientid": "p1", "providerid": "d1", "placeofservice": "o1", "appointmentid": "e1", "procedurecode": "185345009"}


def entries(claim: str, *rows: Row, when: str = "2025-01-05 10:00:00") -> list[Row]:
    """Ledger rows of a claim in order; amounts that do not apply are 0.00 as since release 3.2."""
    zero = {"payments": "0.00", "adjustments": "0.00", "outstanding": "0.00"}
    return [{**BASE, **zero, "claimid": claim, "line_ordinal": i, "fromdate": when, **row} for i, row in enumerate(rows, start=1)]


def charge(amount: str, turns_to: str = "1", **more: object) -> Row:
    return {"type": "CHARGE", "amount": amount, "transfertype": turns_to, **more}


def payment(method: str, amount: str, left: str = "0.00") -> Row:
    return {"type": "PAYMENT", "method": method, "payments": amount, "outstanding": left}


def transfer(amount: str, to: str) -> tuple[Row, Row]:
    out = {"type": "TRANSFEROUT", "transfers": amount, "outstanding": amount}
    return out, {"type": "TRANSFERIN", "amount": amount, "transfers": amount, "transfertype": to, "outstanding": amount}


def transactions(ledger: list[Row], newest: str = "2026-12-31", opening: str = "2020-01-01", **given: list[Row]) -> list[Row]:
    claims = [{"claim_key": 7, "claim_id": "c1", "claim_kind": "encounter", "primary_payer_id": "y1", "secondary_payer_id": "y2"}]
    rows = build(
        "fact_transaction",
        given={"raw_claims_transactions": ledger, "dim_claim": claims, "dim_payer": PAYERS, **given},
        dates=[newest],
        opening=opening,
    )
    return sorted(rows, key=lambda r: (r["claim_id"], r["line_ordinal"]))


def test_a_line_paid_by_both_insurers_and_the_patient():
    """A line of 100: copay 5, primary 60, secondary 20, the rest of 15 by card; then a second line paid by the primary alone."""
    rows = transactions(
        entries(
            "c1",
            charge("100.00"),
            payment("COPAY", "5.00", "95.00"),
            payment("ECHECK", "60.00", "35.00"),
            *transfer("35.00", "2"),
            payment("ECHECK", "20.00", "15.00"),
            *transfer("15.00", "p"),
            payment("CC", "15.00"),
            charge("40.00"),
            payment("ECHECK", "40.00"),
        )
    )
    assert [r["paid_by"] for r in rows] == [None, "patient", "primary", None, None, "secondary", None, None, "patient", None, "primary"]
    assert [r["line_number"] for r in rows] == [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    # who owes: the first insurer until the first transfer goes in, then the second, then the patient
    assert [r["payer_key"] for r in rows] == [1, 9, 1, 1, 2, 2, 2, 9, 9, 1, 1]
    effects = ["100.00", "-5.00", "-60.00", "0.00", "0.00", "-20.00", "0.00", "0.00", "-15.00", "40.00", "-40.00"]
    assert [r["balance_effect_amount"] for r in rows] == [Decimal(e) for e in effects]
    assert sum(r["transfer_in_amount"] for r in rows) == sum(r["transfer_out_amount"] for r in rows) == Decimal("50.00")
    assert [r["outstanding_after_amount"] for r in rows][:3] == [Decimal("0.00"), Decimal("95.00"), Decimal("35.00")]


def test_adjustments_turn_their_sign():
    rows = transactions(
        entries(
            "c1",
            charge("100.00"),
            {"type": "ADJUSTMENT", "method": "SYSTEM", "adjustments": "10.00", "outstanding": "90.00"},
            payment("ECHECK", "90.00"),
        )
    )
    assert [r["adjustment_amount"] for r in rows] == [Decimal("0.00"), Decimal("-10.00"), Decimal("0.00")]
    assert sum(r["balance_effect_amount"] for r in rows) == 0
    assert [r["payer_key"] for r in rows] == [1, 1, 1]


def test_an_uninsured_line_is_owed_and_paid_by_the_patient():
    rows = transactions(entries("c1", charge("30.00", "p"), payment("CASH", "30.00")))
    assert [(r["payer_key"], r["paid_by"]) for r in rows] == [(9, None), (9, "patient")]


def test_an_insurers_payment_is_secondary_only_directly_after_its_transfer():
    rows = transactions(
        entries("c1", charge("9.00"), *transfer("9.00", "p"), payment("ECHECK", "9.00"), charge("5.00"), payment("ECHECK", "5.00"))
    )
    assert [r["paid_by"] for r in rows if r["transaction_type"] == "PAYMENT"] == ["primary", "primary"]


def test_a_new_charge_turns_back_to_the_first_insurer():
    rows = transactions(
        entries("c1", charge("9.00"), *transfer("9.00", "p"), payment("CHECK", "9.00"), charge("5.00"), *transfer("5.00", "2"))
    )
    assert [r["payer_key"] for r in rows][4:] == [1, 1, 2]


def test_a_claim_without_insurers_names_none():
    """Release 3.0 writes 0 for no insurer, which is null here: neither insurer is there to owe."""
    rows = transactions(
        entries("c2", charge("9.00"), *transfer("9.00", "2"), payment("ECHECK", "9.00"), charge("1.00", "p")),
        dim_claim=[{"claim_key": 8, "claim_id": "c2", "claim_kind": "encounter"}],
    )
    assert [r["payer_key"] for r in rows] == [-2, -2, -2, -2, 9]


def test_overpaid_lines_of_release_3_0_have_a_negative_balance():
    """A fixed copay of 40.00 on a drug of 0.35, money columns blank where they do not apply."""
    rows = transactions(
        [
            {
                **BASE,
                "claimid": "c1",
                "line_ordinal": 1,
                "fromdate": "2025-01-05 10:00:00",
                "type": "CHARGE",
                "amount": "0.35",
                "transfertype": "1",
            },
            {
                **BASE,
                "claimid": "c1",
                "line_ordinal": 2,
                "fromdate": "2025-01-05 10:00:00",
                "type": "PAYMENT",
                "method": "COPAY",
                "payments": "40.00",
            },
        ]
    )
    assert [r["balance_effect_amount"] for r in rows] == [Decimal("0.35"), Decimal("-40.00")]
    zeros = ("payment_amount", "adjustment_amount", "transfer_in_amount", "transfer_out_amount")
    assert [rows[0][n] for n in zeros] == [Decimal("0.00")] * 4
    assert rows[0]["outstanding_after_amount"] is None


def test_keys_and_times():
    rows = transactions(
        entries("c1", charge("9.00", id="t1", todate="2025-01-05 10:15:00"), payment("ECHECK", "9.00")),
        dim_encounter=[{"encounter_key": 4, "encounter_id": "e1"}],
        dim_patient=[{"patient_key": 5, "patient_id": "p1", **ALWAYS}],
        dim_provider=[
            {"provider_key": 60, "provider_id": "d1", "valid_from": "1900-01-01", "valid_to": "2025-01-05"},
            {"provider_key": 61, "provider_id": "d1", "valid_from": "2025-01-05", "valid_to": "9999-12-31"},
        ],
        dim_organization=[{"organization_key": 8, "organization_id": "o1", **ALWAYS}],
        dim_procedure=[{"procedure_key": 3, "code_system": "SNOMED", "procedure_code": "185345009"}],
    )
    first = rows[0]
    names = ("date_key", "patient_key", "organization_key", "provider_key", "encounter_key", "claim_key", "procedure_key")
    assert [first[n] for n in names] == [20250105, 5, 8, 61, 4, 7, 3]
    assert [r["fact_transaction_sk"] for r in rows] == [hashlib.md5(f"transaction|c1|{n}".encode()).hexdigest() for n in (1, 2)]
    assert [r["claim_transaction_key"] for r in rows] == [stable_key("claim_transaction", "c1", n) for n in ("1", "2")]
    assert (first["transaction_id"], first["encounter_id"], first["patient_id"]) == ("t1", "e1", "p1")
    assert (first["service_from_at"], first["service_to_at"], rows[1]["service_to_at"]) == (
        datetime(2025, 1, 5, 10),
        datetime(2025, 1, 5, 10, 15),
        None,
    )


def test_rows_fold_and_wait_by_their_service_day():
    rows = transactions(
        entries("c1", charge("1.00", fromdate="2024-03-01 00:00:00"), charge("2.00"), charge("3.00", fromdate="2025-01-06 00:00:00")),
        newest="2025-01-05",
        opening="2025-01-01",
    )
    assert [(r["line_ordinal"], r["partition_date"]) for r in rows] == [(1, date(2025, 1, 1)), (2, date(2025, 1, 5))]
