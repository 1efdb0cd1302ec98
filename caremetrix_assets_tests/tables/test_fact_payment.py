"""fact_payment on literal ledgers and receipts: which side counts, who paid, what kind of entry, on which day."""

import hashlib
from datetime import date
from decimal import Decimal

from caremetrix_assets_tests.harness import Row, build

ALWAYS = {"valid_from": "1900-01-01", "valid_to": "9999-12-31"}
PAYERS = [{"payer_key": n, "payer_id": i, **ALWAYS} for n, i in ((51, "y1"), (52, "y2"), (99, "SELF_PAY"))]


def ledger(claim: str, *rows: Row, day: str = "2025-01-05") -> list[Row]:
    base = {"claimid": claim, "patientid": "p1", "procedurecode": "185345009", "fromdate": f"{day} 10:00:00"}
    return [{**base, "line_ordinal": n, **row} for n, row in enumerate(rows, start=1)]


def paid(amount: str, method: str) -> Row:
    return {"type": "PAYMENT", "payments": amount, "method": method}


CHARGE = {"type": "CHARGE", "amount": "100.00", "transfertype": "1"}
OUT, TO_SECOND, TO_PATIENT = (
    {"type": "TRANSFEROUT"},
    {"type": "TRANSFERIN", "transfertype": "2"},
    {"type": "TRANSFERIN", "transfertype": "p"},
)


def receipt(name: str, claim: str, amount: str, **more: object) -> Row:
    base = {"receipt_id": name, "claim_id": claim, "line_number": 1, "patient_id": "p1", "party": "patient", "entry_type": "payment"}
    return {**base, "amount": amount, "posted_date": "2025-02-20", "status": "posted", **more}


def claim(name: str, day: str = "2025-01-05", encounter: str = "e1") -> Row:
    start = f"{day} 10:00:00"
    return {
        "id": name,
        "servicedate": start,
        "appointmentid": encounter,
        "primarypatientinsuranceid": "y1",
        "secondarypatientinsuranceid": "y2",
    }


def payments(
    rows: list[Row], receipts: list[Row] | None = None, claims: list[Row] | None = None, feed: str | None = "2025-02-01", **more: list[Row]
) -> list[Row]:
    given: dict[str, list[Row]] = {
        "raw_claims_transactions": rows,
        "raw_receipts": receipts or [],
        "raw_claims": claims or [claim("c1")],
        "raw_encounters": [{"id": "e1", "organization": "o1", "provider": "d1"}, {"id": "e2", "organization": "o2", "provider": "d1"}],
        "dim_location": [{"location_key": 5, "location_id": "o1", "feed_start_date": feed}, {"location_key": 6, "location_id": "o2"}],
        "dim_payer": PAYERS,
        **more,
    }
    return build("fact_payment", given=given, dates=["2026-12-31"], opening="2020-01-01")


def seen(rows: list[Row], *names: str) -> dict[str, tuple[object, ...]]:
    return {r["receipt_id"]: tuple(r[n] for n in names) for r in rows}


def test_parties_and_methods_of_a_ledger():
    """An ECHECK right after a transfer to the second insurer is its; any other the first one's; all other methods are the patient's."""
    rows = payments(
        ledger(
            "c1",
            CHARGE,
            paid("5.00", "COPAY"),
            paid("50.00", "ECHECK"),
            OUT,
            TO_SECOND,
            paid("20.00", "ECHECK"),
            OUT,
            TO_PATIENT,
            paid("25.00", "CC"),
            CHARGE,
            {"type": "ADJUSTMENT", "adjustments": "10.00", "method": "SYSTEM"},
            paid("40.00", "CASH"),
            paid("50.00", "CHECK"),
        )
    )
    assert seen(rows, "line_number", "party", "method", "payer_key", "payment_amount", "adjustment_amount", "entry_type") == {
        "c1:2": (1, "patient", "copay", 99, Decimal(5), Decimal(0), "payment"),
        "c1:3": (1, "primary", "eft", 51, Decimal(50), Decimal(0), "payment"),
        "c1:6": (1, "secondary", "eft", 52, Decimal(20), Decimal(0), "payment"),
        "c1:9": (1, "patient", "card", 99, Decimal(25), Decimal(0), "payment"),
        "c1:11": (2, "primary", None, 51, Decimal(0), Decimal(-10), "contractual"),
        "c1:12": (2, "patient", "cash", 99, Decimal(40), Decimal(0), "payment"),
        "c1:13": (2, "patient", "check", 99, Decimal(50), Decimal(0), "payment"),
    }


def test_a_ledger_entry_is_posted_on_the_day_of_service():
    row = payments(ledger("c1", CHARGE, paid("100.00", "CASH"), day="2025-01-09"))[0]
    assert (row["entry_source"], row["posted_date"], row["service_date"]) == ("ledger", date(2025, 1, 9), date(2025, 1, 9))
    assert (row["days_service_to_posting"], row["is_reversed"], row["reversed_date"], row["deposit_id"]) == (0, False, None, None)
    assert (row["date_key"], row["partition_date"]) == (20250109, date(2025, 1, 9))
    assert row["payment_sk"] == hashlib.md5(b"payment|ledger|c1:2").hexdigest()
    assert row["claim_line_sk"] == hashlib.md5(b"claim_line|c1|1").hexdigest()


def test_from_the_feed_start_on_receipts_replace_the_ledger():
    """The day of service of the claim decides, for each place; a receipt on an earlier claim or at a place without a feed is in no fact."""
    names = {"c1": ("2025-01-31", "e1"), "c2": ("2025-02-01", "e1"), "c3": ("2025-02-01", "e2")}
    rows = payments(
        [row for name, (day, _) in names.items() for row in ledger(name, CHARGE, paid("100.00", "CASH"), day=day)],
        [receipt(f"r{name}", name, "70.00") for name in names],
        [claim(name, *where) for name, where in names.items()],
    )
    assert seen(rows, "entry_source", "payment_amount") == {
        "c1:2": ("ledger", Decimal(100)),
        "rc2": ("receipt", Decimal(70)),
        "c3:2": ("ledger", Decimal(100)),
    }


def test_a_line_served_later_goes_with_its_claim():
    early = ledger("c1", CHARGE, paid("100.00", "CASH"), day="2025-03-01")
    rows = payments(early, [receipt("r1", "c1", "9.00")], [claim("c1", "2025-01-31")])
    assert seen(rows, "entry_source", "service_date") == {"c1:2": ("ledger", date(2025, 3, 1))}


def test_kinds_of_receipts():
    kinds = {
        "payment": ("80.00", Decimal(80), Decimal(0)),
        "refund": ("-20.00", Decimal(-20), Decimal(0)),
        "takeback": ("-5.00", Decimal(-5), Decimal(0)),
        "contractual": ("-50.00", Decimal(0), Decimal(-50)),
        "courtesy": ("-1.00", Decimal(0), Decimal(-1)),
        "bad_debt": ("-2.00", Decimal(0), Decimal(-2)),
        "correction": ("3.00", Decimal(0), Decimal(3)),
    }
    rows = payments(
        ledger("c1", CHARGE, day="2025-02-10"),
        [receipt(kind, "c1", amount, entry_type=kind, party="primary", payer_id="y2") for kind, (amount, *_) in kinds.items()],
        [claim("c1", "2025-02-10")],
    )
    assert seen(rows, "payment_amount", "adjustment_amount") == {kind: tuple(amounts) for kind, (_, *amounts) in kinds.items()}
    assert {r["payer_key"] for r in rows} == {52}  # as the receipt says, not as the claim


def test_reversals_days_and_payers_of_receipts():
    rows = payments(
        ledger("c1", CHARGE, day="2025-02-10"),
        [
            receipt("r1", "c1", "80.00", party="primary", posted_date="2025-02-20", deposit_id="b1", method="eft"),
            receipt("r2", "c1", "80.00", party="secondary", status="reversed", posted_date="2025-02-21"),
            receipt("r3", "c1", "80.00", status="reversed", posted_date="2025-02-21", reversed_date="2025-02-25"),
            receipt("r4", "c1", "20.00", posted_date="2025-02-08", reversed_date="2025-02-25"),
            receipt("r5", "c1", "-20.00", entry_type="refund", original_receipt_id="r4", posted_date="2025-02-26"),
        ],
        [claim("c1", "2025-02-10")],
    )
    assert seen(rows, "payer_key", "is_reversed", "reversed_date", "days_service_to_posting", "original_receipt_id") == {
        "r1": (51, False, None, 10, None),
        "r2": (52, True, date(2025, 2, 21), 11, None),
        "r3": (99, True, date(2025, 2, 25), 11, None),
        "r4": (99, False, None, -2, None),
        "r5": (99, False, None, 16, "r4"),
    }
    assert seen(rows, "deposit_id", "method")["r1"] == ("b1", "eft")


def test_keys_are_the_lines_in_the_version_of_the_day_of_posting():
    def versions(name: str, ids: str) -> list[Row]:
        return [
            {f"{name}_key": 1, f"{name}_id": ids, "valid_from": "1900-01-01", "valid_to": "2025-02-20"},
            {f"{name}_key": 2, f"{name}_id": ids, "valid_from": "2025-02-20", "valid_to": "9999-12-31"},
        ]

    (row,) = payments(
        ledger("c1", CHARGE, {**CHARGE, "procedurecode": "310965"}, day="2025-02-10"),
        [receipt("r1", "c1", "8.00", line_number=2)],
        [claim("c1", "2025-02-10")],
        dim_claim=[{"claim_id": "c1", "claim_kind": "medication"}],
        dim_procedure=[
            {"procedure_key": 3, "code_system": "SNOMED", "procedure_code": "310965"},
            {"procedure_key": 4, "code_system": "RXNORM", "procedure_code": "310965"},
        ],
        dim_patient=versions("patient", "p1"),
        dim_provider=versions("provider", "d1"),
        dim_organization=versions("organization", "o1"),
        fact_appointment=[{"encounter_id": "e1", "encounter_key": 8, "source_key": 9, "patient_type": "reactivated"}],
    )
    names = ("patient_key", "provider_key", "organization_key", "location_key", "procedure_key", "encounter_key", "source_key")
    assert [row[n] for n in names] == [2, 2, 2, 5, 4, 8, 9]
    assert (row["encounter_id"], row["patient_type"], row["line_number"]) == ("e1", "reactivated", 2)


def test_nothing_known_beside_the_ledger_loses_no_row():
    row = payments(ledger("c1", CHARGE, paid("1.00", "CASH")), claims=[claim("c9")], dim_payer=[])[0]
    assert {v for n, v in row.items() if n.endswith("_key") and n != "date_key"} == {-1}
    assert row["patient_type"] == "prospect"
